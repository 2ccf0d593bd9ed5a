//! What the handles and the owner thread share: the queue behind its lock, and the way to stop.
//!
//! What does not live here: what is done with a batch.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::{
    EngineSettings, Lane,
    queue::{NoRoom, Task, TaskQueue},
};
use crate::{error::EmbedError, metrics::EmbeddingMetrics};

/// The speed assumed until a batch was measured, in tokens a second.
const ASSUMED_TOKENS_PER_SECOND: f64 = 1000.0;
/// The weight of the newest batch in the measured speed.
const SPEED_WEIGHT: f64 = 0.2;
/// What a client is told to wait at least and at most.
const RETRY_AFTER_SECONDS: (f64, f64) = (0.1, 60.0);

#[derive(Debug)]
pub(super) struct Shared {
    settings: EngineSettings,
    metrics: EmbeddingMetrics,
    state: Mutex<State>,
    /// Signalled when a task is queued and when the engine is closed.
    changed: Condvar,
    has_ended: watch::Sender<bool>,
}

#[derive(Debug)]
struct State {
    queue: TaskQueue,
    is_closed: bool,
    tokens_per_second: Option<f64>,
}

impl Shared {
    pub(super) fn new(settings: EngineSettings, metrics: EmbeddingMetrics) -> Self {
        let queue = TaskQueue::default();
        Self {
            settings,
            metrics,
            state: Mutex::new(State { queue, is_closed: false, tokens_per_second: None }),
            changed: Condvar::new(),
            has_ended: watch::Sender::new(false),
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

    /// Queues all tasks of a request, or none.
    pub(super) fn admit(&self, tasks: Vec<Task>, lane: Lane) -> Result<(), EmbedError> {
        let limit_tokens = self.settings.queue_tokens;
        let request_tokens = tasks.iter().map(|task| task.text.token_ids.len()).sum();
        if request_tokens > limit_tokens {
            return Err(EmbedError::RequestTooLarge { request_tokens, limit_tokens });
        }
        let mut state = self.lock();
        if state.is_closed {
            return Err(EmbedError::ShuttingDown);
        }
        state.queue.admit(tasks, lane, limit_tokens, Instant::now()).map_err(
            |NoRoom { waiting_tokens }| {
                let missing_tokens = waiting_tokens + request_tokens - limit_tokens;
                EmbedError::QueueFull {
                    request_tokens,
                    waiting_tokens,
                    limit_tokens,
                    retry_after: retry_after(missing_tokens, state.tokens_per_second),
                }
            },
        )?;
        self.report_depth(&state);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for the next batch, which is never empty; `None` when the engine is closed and
    /// nothing waits.
    pub(super) fn next_batch(&self) -> Option<Vec<Task>> {
        let mut state = self.lock();
        loop {
            let batch = state.queue.take_batch(&self.settings, Instant::now());
            self.report_depth(&state);
            if !batch.is_empty() {
                return Some(batch);
            }
            if state.is_closed {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(super) fn record_speed(&self, tokens: usize, took: Duration) {
        let speed = tokens as f64 / took.as_secs_f64().max(1e-6);
        let mut state = self.lock();
        state.tokens_per_second = Some(
            state.tokens_per_second.map_or(speed, |known| known + SPEED_WEIGHT * (speed - known)),
        );
    }

    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    pub(super) fn mark_ended(&self) {
        self.has_ended.send_replace(true);
    }

    pub(super) async fn ended(&self) {
        // The sender is in `self`, so waiting cannot fail.
        let _ = self.has_ended.subscribe().wait_for(|has_ended| *has_ended).await;
    }

    fn report_depth(&self, state: &State) {
        self.metrics.queue_depth.set(i64::try_from(state.queue.len()).unwrap_or(i64::MAX));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn retry_after(missing_tokens: usize, tokens_per_second: Option<f64>) -> Duration {
    let speed = tokens_per_second.unwrap_or(ASSUMED_TOKENS_PER_SECOND).max(1.0);
    let (least, most) = RETRY_AFTER_SECONDS;
    Duration::from_secs_f64((missing_tokens as f64 / speed).clamp(least, most))
}

/// Closes the engine when its last handle goes.
#[derive(Debug)]
pub(super) struct CloseOnDrop(pub(super) Arc<Shared>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}
