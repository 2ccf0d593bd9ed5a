//! Where the time of a request goes: added up while it runs, and a span of its trace for each part.
//!
//! Out of scope: what is done with it, which is `request_record`'s. Tokenizing, the queue and inference
//! are timed by the embedding queue, in the same place.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use akidb_core::{Result, TRACE_TARGET};
use akidb_embedding::{EmbedTimes, Stage};
use akidb_engine::Found;
use tracing::{Instrument, Span};

use crate::RequestContext;

/// A part of the time of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Texts wait for a batch.
    Queue,
    /// Texts become tokens and passages.
    Tokenize,
    /// The model runs.
    Inference,
    /// The filter and the vector index are searched.
    Index,
    /// Documents are read or written; a write's wait for its turn and its way into the index are
    /// in it.
    Store,
}

impl Phase {
    pub(crate) const ALL: [Self; 5] =
        [Self::Queue, Self::Tokenize, Self::Inference, Self::Index, Self::Store];

    /// The name, a label of the metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Tokenize => "tokenize",
            Self::Inference => "inference",
            Self::Index => "index",
            Self::Store => "store",
        }
    }
}

/// The time of one request by its parts; clones share it.
#[derive(Clone, Debug, Default)]
pub struct RequestTimes(Arc<Times>);

#[derive(Debug, Default)]
struct Times {
    embedding: Arc<EmbedTimes>,
    index_ns: AtomicU64,
    store_ns: AtomicU64,
}

impl RequestTimes {
    /// What the embedding queue adds to.
    pub(crate) fn embedding(&self) -> Arc<EmbedTimes> {
        Arc::clone(&self.0.embedding)
    }

    /// The time spent in a part until now.
    pub(crate) fn of(&self, phase: Phase) -> Duration {
        let nanoseconds = |time: &AtomicU64| Duration::from_nanos(time.load(Ordering::Relaxed));
        match phase {
            Phase::Queue => self.0.embedding.of(Stage::Queue),
            Phase::Tokenize => self.0.embedding.of(Stage::Tokenize),
            Phase::Inference => self.0.embedding.of(Stage::Inference),
            Phase::Index => nanoseconds(&self.0.index_ns),
            Phase::Store => nanoseconds(&self.0.store_ns),
        }
    }
}

impl RequestContext {
    /// Does a part of the request that searches: what it spends on reading documents is the
    /// store's, the rest the index's, also where it is cut short.
    pub(crate) async fn in_search(
        &self,
        work: impl Future<Output = Result<Found>>,
    ) -> Result<Found> {
        let times = &self.times.0;
        let timer = Timer { time: &times.index_ns, began: Instant::now() };
        let found = work.await?;
        drop(timer);
        let reading = u64::try_from(found.plan.fetch.as_nanos()).unwrap_or(u64::MAX);
        times.index_ns.fetch_sub(reading, Ordering::Relaxed);
        times.store_ns.fetch_add(reading, Ordering::Relaxed);
        Ok(found)
    }

    /// Does a part of the request that reads or writes the store.
    pub(crate) async fn in_store<T>(&self, work: impl Future<Output = T>) -> T {
        let _timer = Timer { time: &self.times.0.store_ns, began: Instant::now() };
        work.instrument(tracing::debug_span!(target: TRACE_TARGET, "store")).await
    }
}

/// The span of what the model named so is asked.
pub(crate) fn embed_span(model: &str, texts: usize) -> Span {
    tracing::debug_span!(target: TRACE_TARGET, "embed", model, texts)
}

/// Adds the time until it is dropped, also when the request is cancelled.
struct Timer<'a> {
    time: &'a AtomicU64,
    began: Instant,
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        let nanoseconds = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.time.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}
