//! What the handles and the owner threads share: the queue behind its lock, and the way to stop.
//!
//! What does not live here: what is done with a batch.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::{
    EngineSettings, Lane, Turns,
    pace::Pace,
    query_cache::QueryCache,
    queue::{Duty, Encoding, NoRoom, Task, TaskQueue, Waiter},
    turns::Turn,
};
use crate::{error::EmbedError, metrics::EmbeddingMetrics};

#[derive(Debug)]
pub(super) struct Shared {
    settings: EngineSettings,
    metrics: EmbeddingMetrics,
    turns: Turns,
    state: Mutex<State>,
    /// Behind a lock of its own: what is found in it needs nothing of the queue.
    queries: Mutex<QueryCache>,
    /// Signalled when a task is queued and when the engine is closed.
    changed: Condvar,
    /// Owner threads that have not ended.
    owners: watch::Sender<usize>,
}

#[derive(Debug)]
struct State {
    queue: TaskQueue,
    pace: Pace,
    is_closed: bool,
}

/// Texts that run together, and the right to run them.
pub(super) struct Batch<'a> {
    pub(super) lane: Lane,
    /// At least one.
    pub(super) tasks: Vec<Task>,
    _turn: Turn<'a>,
}

impl Shared {
    pub(super) fn new(settings: EngineSettings, metrics: EmbeddingMetrics, turns: Turns) -> Self {
        let (queue, pace) = (TaskQueue::default(), Pace::default());
        Self {
            queries: Mutex::new(QueryCache::new(settings.query_cache_bytes)),
            settings,
            metrics,
            turns,
            state: Mutex::new(State { queue, pace, is_closed: false }),
            changed: Condvar::new(),
            owners: watch::Sender::new(0),
        }
    }

    pub(super) fn settings(&self) -> &EngineSettings {
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
        lane: Lane,
    ) -> Result<(), EmbedError> {
        let limit_tokens = self.settings.queue_tokens;
        let now = Instant::now();
        let mut state = self.lock();
        if state.is_closed {
            return Err(EmbedError::ShuttingDown);
        }
        state.queue.admit(items, lane, limit_tokens, now).map_err(
            |NoRoom { request_tokens, waiting_tokens }| {
                if request_tokens > limit_tokens {
                    return EmbedError::RequestTooLarge { request_tokens, limit_tokens };
                }
                let missing_tokens = (waiting_tokens + request_tokens).saturating_sub(limit_tokens);
                let retry_after = state.pace.retry_after(missing_tokens);
                EmbedError::QueueFull { request_tokens, waiting_tokens, limit_tokens, retry_after }
            },
        )?;
        state.pace.note_arrival(lane, now);
        self.report_depth(&state);
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// Waits for the next batch; `None` when the engine is closed and nothing waits.
    pub(super) fn next_batch(&self, duty: Duty) -> Option<Batch<'_>> {
        loop {
            let lane = self.next_lane(duty)?;
            // What comes while other models have their turn is in the batch too.
            let turn = self.turns.wait(lane);
            let now = Instant::now();
            let mut state = self.lock();
            let limit = state.pace.limit(lane, &self.settings, now);
            let tasks = state.queue.take_batch(lane, limit, now);
            self.report_depth(&state);
            if !tasks.is_empty() {
                return Some(Batch { lane, tasks, _turn: turn });
            }
        }
    }

    /// Waits until a lane has something that is not held any more.
    fn next_lane(&self, duty: Duty) -> Option<Lane> {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let lane = state.queue.next_lane(duty, self.settings.bulk_ageing, now);
            let wait = match lane.map(|lane| (lane, self.hold_until(&state, lane, now))) {
                Some((lane, None)) => return Some(lane),
                Some((_, Some(until))) => Some(until.saturating_duration_since(now)),
                None if state.is_closed => return None,
                None => None,
            };
            state = match wait {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(time) => {
                    let waited = self.changed.wait_timeout(state, time);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn hold_until(&self, state: &State, lane: Lane, now: Instant) -> Option<Instant> {
        let limit = state.pace.limit(lane, &self.settings, now);
        if state.is_closed || state.queue.lane_tokens(lane) >= limit.tokens {
            return None;
        }
        state.pace.hold_until(lane, state.queue.arrivals(lane), &self.settings, now)
    }

    /// Notes how long a batch of so many requests took.
    pub(super) fn note_batch(&self, lane: Lane, tokens: usize, requests: usize, took: Duration) {
        self.lock().pace.note_batch(lane, tokens, requests, took, Instant::now());
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

    fn report_depth(&self, state: &State) {
        self.metrics.queue_depth.set(i64::try_from(state.queue.len()).unwrap_or(i64::MAX));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes the engine when its last handle goes.
#[derive(Debug)]
pub(super) struct CloseOnDrop(pub(super) Arc<Shared>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}
