//! What is noted of a request when it is over, however it ends: metrics, and a line in the log
//! where it took long.

use std::time::{Duration, Instant};

use akidb_core::ErrorCode;

use crate::{Operation, RequestContext, metrics::Metrics, request_times::Phase};

/// What stands for the outcome of a request whose client did not wait for it.
const ABANDONED: &str = "abandoned";

/// Characters of a collection's name that the log shows; no name has more.
const COLLECTION_CHARS_MAX: usize = 64;

/// What a request asks of what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'r> {
    pub(crate) operation: Operation,
    /// As the client wrote it, empty where the operation has none.
    pub(crate) collection: &'r str,
    /// What else it is about, such as the id of a key; empty where it is nothing.
    pub(crate) subject: &'r str,
}

impl Operation {
    /// This operation on a collection.
    pub(crate) const fn on(self, collection: &str) -> Asked<'_> {
        Asked { operation: self, collection, subject: "" }
    }

    /// This operation on something that is no collection.
    pub(crate) const fn about(self, subject: &str) -> Asked<'_> {
        Asked { operation: self, collection: "", subject }
    }
}

impl From<Operation> for Asked<'_> {
    fn from(operation: Operation) -> Self {
        operation.on("")
    }
}

impl<'r> Asked<'r> {
    /// The collection, no longer than a name can be.
    pub(crate) fn collection(&self) -> Option<&'r str> {
        let end = self.collection.char_indices().nth(COLLECTION_CHARS_MAX).map(|(at, _)| at);
        let name = &self.collection[..end.unwrap_or(self.collection.len())];
        (!name.is_empty()).then_some(name)
    }
}

/// A request that runs. One that is dropped before it ends was abandoned by its client.
pub(crate) struct Running<'r> {
    context: &'r RequestContext,
    asked: Asked<'r>,
    metrics: &'r Metrics,
    slow: Option<Duration>,
    started: Instant,
    has_ended: bool,
}

impl<'r> Running<'r> {
    pub(crate) fn begin(
        context: &'r RequestContext,
        asked: Asked<'r>,
        metrics: &'r Metrics,
        slow: Option<Duration>,
    ) -> Self {
        Self { context, asked, metrics, slow, started: Instant::now(), has_ended: false }
    }

    /// Notes the end: no code where all went well.
    pub(crate) fn end(mut self, code: Option<ErrorCode>) {
        self.has_ended = true;
        let took = self.started.elapsed();
        let operation = self.asked.operation;
        self.metrics.observe(operation, took);
        self.metrics.count(self.context.door, operation, code);
        if operation.has_phases() {
            self.metrics.observe_phases(&self.context.times);
        }
        self.log_if_slow(code.map_or("ok", ErrorCode::as_str), took);
    }

    fn log_if_slow(&self, code: &str, took: Duration) {
        let is_slow = self.slow.is_some_and(|slow| took >= slow);
        if !is_slow || !self.asked.operation.has_phases() {
            return;
        }
        let times = &self.context.times;
        let known: Duration = Phase::ALL.into_iter().map(|phase| times.of(phase)).sum();
        tracing::warn!(
            door = self.context.door.as_str(),
            operation = self.asked.operation.as_str(),
            collection = self.asked.collection(),
            key = self.context.caller.principal.key(),
            code,
            took_ms = milliseconds(took),
            queue_ms = milliseconds(times.of(Phase::Queue)),
            tokenize_ms = milliseconds(times.of(Phase::Tokenize)),
            inference_ms = milliseconds(times.of(Phase::Inference)),
            index_ms = milliseconds(times.of(Phase::Index)),
            store_ms = milliseconds(times.of(Phase::Store)),
            other_ms = milliseconds(took.saturating_sub(known)),
            "slow request"
        );
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.log_if_slow(ABANDONED, self.started.elapsed());
        }
    }
}

/// With microseconds, and nothing finer.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_the_log_is_no_longer_than_names_are() {
        assert_eq!(Asked::from(Operation::Embed).collection(), None);
        assert_eq!(Operation::Search.on("films").collection(), Some("films"));
        let long = "é".repeat(100);
        assert_eq!(Operation::Search.on(&long).collection().unwrap().chars().count(), 64);
    }

    #[test]
    fn milliseconds_have_three_decimals() {
        assert_eq!(milliseconds(Duration::from_nanos(1_234_567)), 1.235);
        assert_eq!(milliseconds(Duration::ZERO), 0.0);
    }
}
