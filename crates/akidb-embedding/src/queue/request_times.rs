//! Where the time of a request for embeddings goes.
//!
//! Out of scope: who reads it. A request that asks for its times passes an [`EmbedTimes`] along;
//! the stages are also spans for whoever collects traces.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use akidb_core::TRACE_TARGET;
use tracing::Span;

/// What a request for embeddings does or waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Its texts are made into tokens.
    Tokenize,
    /// None of its texts is in a batch that runs.
    Queue,
    /// One of its texts at least is in a batch that runs.
    Inference,
}

/// Time that requests spent in each stage; for several one after the other, the sum.
#[derive(Debug, Default)]
pub struct EmbedTimes {
    /// Nanoseconds, in the order of [`Stage`].
    stages: [AtomicU64; 3],
}

impl EmbedTimes {
    /// The time spent in a stage until now, without the stage that still goes on.
    #[must_use]
    pub fn of(&self, stage: Stage) -> Duration {
        Duration::from_nanos(self.stages[stage as usize].load(Ordering::Relaxed))
    }

    fn add(&self, stage: Stage, took: Duration) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.stages[stage as usize].fetch_add(nanoseconds, Ordering::Relaxed);
    }
}

/// A stage that goes on until this is dropped.
#[derive(Debug)]
pub struct StageTimer {
    stage: Stage,
    began: Instant,
    times: Arc<EmbedTimes>,
    _span: Span,
}

impl StageTimer {
    /// Begins a stage of what `parent` is the span of.
    #[must_use]
    pub fn begin(stage: Stage, times: &Arc<EmbedTimes>, parent: &Span) -> Self {
        let span = match stage {
            Stage::Tokenize => {
                tracing::debug_span!(target: TRACE_TARGET, parent: parent, "tokenize")
            }
            Stage::Queue => tracing::debug_span!(target: TRACE_TARGET, parent: parent, "queue"),
            Stage::Inference => {
                tracing::debug_span!(target: TRACE_TARGET, parent: parent, "inference")
            }
        };
        Self { stage, began: Instant::now(), times: Arc::clone(times), _span: span }
    }
}

impl Drop for StageTimer {
    fn drop(&mut self) {
        self.times.add(self.stage, self.began.elapsed());
    }
}
