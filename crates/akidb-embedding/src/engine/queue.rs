//! What waits, in two lanes, counted in tokens.
//!
//! What does not live here: locks, threads and clocks; the time is passed in.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{EngineSettings, Lane, request::PendingRequest};
use crate::{error::EmbedError, identity::Pooling, tokenise::TokenisedText};

/// One text that waits.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) request: Arc<PendingRequest>,
    /// The text's place in its request.
    pub(super) index: usize,
    pub(super) text: TokenisedText,
    pub(super) pooling: Pooling,
    pub(super) normalize: bool,
    pub(super) deadline: Option<Instant>,
    pub(super) enqueued_at: Instant,
}

impl Task {
    fn tokens(&self) -> usize {
        self.text.token_ids.len()
    }

    /// Whether there is still a use in running it; answers its request when it is too late.
    fn is_wanted(&self, now: Instant) -> bool {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.request.fail(EmbedError::DeadlineExceeded);
        }
        !self.request.is_settled()
    }
}

/// There is no room for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoRoom {
    pub(super) waiting_tokens: usize,
}

/// The two lanes.
#[derive(Debug, Default)]
pub(super) struct TaskQueue {
    interactive: VecDeque<Task>,
    bulk: VecDeque<Task>,
    tokens: usize,
    last_bulk_batch_at: Option<Instant>,
}

impl TaskQueue {
    pub(super) fn is_empty(&self) -> bool {
        self.interactive.is_empty() && self.bulk.is_empty()
    }

    /// The texts that wait.
    pub(super) fn len(&self) -> usize {
        self.interactive.len() + self.bulk.len()
    }

    /// Queues all of `tasks`, or none when the tokens that wait would exceed `limit_tokens`.
    pub(super) fn admit(
        &mut self,
        tasks: Vec<Task>,
        lane: Lane,
        limit_tokens: usize,
        now: Instant,
    ) -> Result<(), NoRoom> {
        let tokens: usize = tasks.iter().map(Task::tokens).sum();
        if self.tokens + tokens > limit_tokens {
            self.drop_unwanted(now);
        }
        if self.tokens + tokens > limit_tokens {
            return Err(NoRoom { waiting_tokens: self.tokens });
        }
        self.tokens += tokens;
        self.lane_mut(lane).extend(tasks);
        Ok(())
    }

    /// Takes the next batch; empty when nothing that waits is wanted any more.
    pub(super) fn take_batch(&mut self, settings: &EngineSettings, now: Instant) -> Vec<Task> {
        loop {
            let lane = self.next_lane(settings.bulk_ageing, now);
            let batch = self.take_from(lane, settings, now);
            if lane == Lane::Bulk && !batch.is_empty() {
                self.last_bulk_batch_at = Some(now);
            }
            if !batch.is_empty() || self.is_empty() {
                return batch;
            }
        }
    }

    /// Interactive first, unless bulk has been passed over for `ageing`.
    ///
    /// The time counts from the last bulk batch, so that a long bulk backlog gets one batch every
    /// `ageing` and does not shut out the interactive lane in its turn.
    fn next_lane(&self, ageing: Duration, now: Instant) -> Lane {
        let Some(oldest_bulk) = self.bulk.front() else {
            return Lane::Interactive;
        };
        let passed_over_since = self
            .last_bulk_batch_at
            .map_or(oldest_bulk.enqueued_at, |last| last.max(oldest_bulk.enqueued_at));
        let has_aged = now.saturating_duration_since(passed_over_since) >= ageing;
        if self.interactive.is_empty() || has_aged { Lane::Bulk } else { Lane::Interactive }
    }

    fn take_from(&mut self, lane: Lane, settings: &EngineSettings, now: Instant) -> Vec<Task> {
        let mut batch = Vec::new();
        let mut batch_tokens = 0;
        while batch.len() < settings.batch_size.max(1) {
            let Some(next) = self.lane_mut(lane).front() else {
                break;
            };
            let is_over = batch_tokens + next.tokens() > settings.max_batch_tokens;
            if is_over && !batch.is_empty() {
                break;
            }
            let Some(task) = self.lane_mut(lane).pop_front() else {
                break;
            };
            self.tokens -= task.tokens();
            if task.is_wanted(now) {
                batch_tokens += task.tokens();
                batch.push(task);
            }
        }
        batch
    }

    fn drop_unwanted(&mut self, now: Instant) {
        for lane in [&mut self.interactive, &mut self.bulk] {
            lane.retain(|task| task.is_wanted(now));
        }
        self.tokens = self.interactive.iter().chain(&self.bulk).map(Task::tokens).sum();
    }

    fn lane_mut(&mut self, lane: Lane) -> &mut VecDeque<Task> {
        match lane {
            Lane::Interactive => &mut self.interactive,
            Lane::Bulk => &mut self.bulk,
        }
    }
}
