//! What the handles and the owner threads share: the state behind its lock, and the way to stop.
//!
//! Out of scope: what is done with a batch.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::{
    Lane, LaneLocks, QueueSettings,
    admission::Demand,
    lane_locks::LaneGuard,
    query_cache::QueryCache,
    state::{Next, QueueState},
    tasks::{Duty, Encoding, Task, Waiter},
};
use crate::{error::EmbedError, identity::ModelKind, metrics::EmbeddingMetrics};

#[derive(Debug)]
pub(super) struct Shared {
    kind: ModelKind,
    settings: QueueSettings,
    metrics: EmbeddingMetrics,
    lane_locks: LaneLocks,
    state: Mutex<QueueState>,
    /// Behind a lock of its own: what is found in it needs nothing of the queue.
    queries: Mutex<QueryCache>,
    /// Signaled when a task is queued and when the queue is closed.
    changed: Condvar,
    /// Owner threads that have not ended.
    owners: watch::Sender<usize>,
}

/// Texts that run together, and the right to run them.
pub(super) struct Batch<'a> {
    pub(super) lane: Lane,
    /// At least one.
    pub(super) tasks: Vec<Task>,
    _lane_guard: LaneGuard<'a>,
}

impl Shared {
    pub(super) fn new(
        kind: ModelKind,
        settings: QueueSettings,
        metrics: EmbeddingMetrics,
        lane_locks: LaneLocks,
    ) -> Self {
        Self {
            queries: Mutex::new(QueryCache::new(settings.query_cache_bytes)),
            kind,
            settings,
            metrics,
            lane_locks,
            state: Mutex::default(),
            changed: Condvar::new(),
            owners: watch::Sender::new(0),
        }
    }

    /// What the vectors are.
    pub(super) const fn kind(&self) -> ModelKind {
        self.kind
    }

    pub(super) fn settings(&self) -> &QueueSettings {
        &self.settings
    }

    pub(super) fn metrics(&self) -> &EmbeddingMetrics {
        &self.metrics
    }

    pub(super) fn refuse_when_closed(&self) -> Result<(), EmbedError> {
        if self.lock().is_closed { Err(EmbedError::ShuttingDown) } else { Ok(()) }
    }

    /// Answers those of a query's texts whose vectors were kept, and takes them out of `items`.
    pub(super) fn answer_known(&self, items: &mut Vec<(Encoding, Waiter)>) {
        if self.settings.query_cache_bytes == 0 {
            return;
        }
        let asked = items.len();
        let mut queries = self.queries.lock().unwrap_or_else(PoisonError::into_inner);
        items.retain(|(encoding, waiter)| match queries.get(encoding) {
            Some(vector) => {
                waiter.answer(&vector, encoding.token_ids.len());
                false
            }
            None => true,
        });
        drop(queries);
        self.metrics.query_cache_hits_total.inc_by((asked - items.len()) as u64);
        self.metrics.query_cache_misses_total.inc_by(items.len() as u64);
    }

    /// Keeps the vector of a query for those who ask for the same.
    pub(super) fn remember(&self, encoding: &Arc<Encoding>, vector: &[f32]) {
        let mut queries = self.queries.lock().unwrap_or_else(PoisonError::into_inner);
        queries.insert(Arc::clone(encoding), vector);
    }

    /// Queues all texts of a request, or none.
    pub(super) fn admit(
        &self,
        items: Vec<(Encoding, Waiter)>,
        demand: &Demand,
    ) -> Result<(), EmbedError> {
        let mut state = self.lock();
        state.admit(items, demand, &self.settings, Instant::now())?;
        self.report_depth(&state);
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// Refuses a request of about so many tokens where none would be let in.
    pub(super) fn refuse_early(
        &self,
        request_tokens: usize,
        demand: &Demand,
    ) -> Result<(), EmbedError> {
        self.lock().refuse_early(request_tokens, demand, &self.settings, Instant::now())
    }

    /// Waits for the next batch; `None` when the queue is closed and nothing waits.
    pub(super) fn next_batch(&self, duty: Duty) -> Option<Batch<'_>> {
        loop {
            let lane = self.next_lane(duty)?;
            // What comes while other models have their turn is in the batch too.
            let lane_guard = self.lane_locks.wait(lane);
            let mut state = self.lock();
            let tasks = state.take(lane, &self.settings, Instant::now());
            self.report_depth(&state);
            if !tasks.is_empty() {
                return Some(Batch { lane, tasks, _lane_guard: lane_guard });
            }
        }
    }

    /// Waits until a lane has something that is not held any more.
    fn next_lane(&self, duty: Duty) -> Option<Lane> {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            state = match state.next(duty, &self.settings, now) {
                Next::Batch(lane) => return Some(lane),
                Next::Nothing if state.is_closed => return None,
                Next::Nothing => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Next::Hold(until) => {
                    let time = until.saturating_duration_since(now);
                    let waited = self.changed.wait_timeout(state, time);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Notes how long a batch of so many requests took.
    pub(super) fn note_batch(&self, lane: Lane, tokens: usize, requests: usize, took: Duration) {
        self.lock().note_batch(lane, tokens, requests, took, Instant::now());
    }

    /// Notes that a batch was given up.
    pub(super) fn note_lost(&self, lane: Lane) {
        self.lock().throughput.note_lost(lane, Instant::now());
    }

    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    pub(super) fn owner_starts(&self) {
        self.owners.send_modify(|owners| *owners += 1);
    }

    pub(super) fn owner_ends(&self) {
        self.owners.send_modify(|owners| *owners -= 1);
    }

    /// Returns when all owner threads have ended.
    pub(super) async fn ended(&self) {
        // The sender is in `self`, so waiting cannot fail.
        let _ = self.owners.subscribe().wait_for(|owners| *owners == 0).await;
    }

    fn report_depth(&self, state: &QueueState) {
        self.metrics.queue_depth.set(i64::try_from(state.queue.len()).unwrap_or(i64::MAX));
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes the queue when its last handle goes.
#[derive(Debug)]
pub(super) struct CloseOnDrop(pub(super) Arc<Shared>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}
