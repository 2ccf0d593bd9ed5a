//! The tasks and the throughput of one queue: who is let in, and what runs next.
//!
//! Out of scope: locks, threads and clocks; the time is passed in, so that overload can be tried
//! without one.

use std::time::{Duration, Instant};

use super::{
    Lane, QueueSettings,
    admission::{Demand, Room},
    tasks::{Duty, Encoding, NoRoom, Task, TaskQueue, Waiter},
    throughput::Throughput,
};
use crate::error::EmbedError;

/// What waits, and what was seen of what has run.
#[derive(Debug, Default)]
pub(super) struct QueueState {
    pub(super) queue: TaskQueue,
    pub(super) throughput: Throughput,
    pub(super) is_closed: bool,
}

/// What an owner thread is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// To take a batch of this lane.
    Batch(Lane),
    /// To ask again then, or when something changes.
    Hold(Instant),
    /// To ask again when something changes.
    Nothing,
}

impl QueueState {
    /// Queues all texts of a request, or none.
    pub(super) fn admit(
        &mut self,
        items: Vec<(Encoding, Waiter)>,
        demand: &Demand,
        settings: &QueueSettings,
        now: Instant,
    ) -> Result<(), EmbedError> {
        if self.is_closed {
            return Err(EmbedError::ShuttingDown);
        }
        let room = Room::of(demand, &self.throughput, settings, now);
        let is_first = self.queue.lane_tokens(demand.lane) == 0;
        let place = (demand.lane, demand.sender);
        self.queue.admit(items, place, &room, now).map_err(
            |NoRoom { request_tokens, ahead }| {
                room.refusal((ahead, request_tokens), demand, &self.throughput, settings, now)
            },
        )?;
        self.throughput.note_arrival(demand.lane, is_first, now);
        Ok(())
    }

    /// Refuses a request of about so many tokens where none at all would be let in, so that nobody
    /// takes the trouble to tokenize it.
    pub(super) fn refuse_early(
        &mut self,
        request_tokens: usize,
        demand: &Demand,
        settings: &QueueSettings,
        now: Instant,
    ) -> Result<(), EmbedError> {
        let room = Room::of(demand, &self.throughput, settings, now);
        if room.fits(self.queue.ahead(demand.lane, demand.sender, 1), 1) {
            return Ok(());
        }
        self.queue.drop_unwanted(demand.lane, now);
        let ahead = self.queue.ahead(demand.lane, demand.sender, 1);
        if room.fits(ahead, 1) {
            return Ok(());
        }
        // Whether it is too large for the queue at all, only its own tokens can say.
        let tokens = (ahead, request_tokens.min(settings.queue_tokens));
        Err(room.refusal(tokens, demand, &self.throughput, settings, now))
    }

    /// What an owner thread does now.
    pub(super) fn next(&self, duty: Duty, settings: &QueueSettings, now: Instant) -> Next {
        let Some(lane) = self.queue.next_lane(duty, settings.bulk_ageing, now) else {
            return Next::Nothing;
        };
        let limit = self.throughput.limit(lane, settings, now);
        if self.is_closed || self.queue.lane_tokens(lane) >= limit.tokens {
            return Next::Batch(lane);
        }
        let arrivals = self.queue.arrivals(lane);
        self.throughput
            .hold_until(lane, arrivals, settings, now)
            .map_or(Next::Batch(lane), Next::Hold)
    }

    /// Takes the next batch of a lane; empty when nothing in it is wanted any more.
    pub(super) fn take(&mut self, lane: Lane, settings: &QueueSettings, now: Instant) -> Vec<Task> {
        let limit = self.throughput.limit(lane, settings, now);
        let tasks = self.queue.take_batch(lane, limit, now);
        if !tasks.is_empty() {
            self.throughput.note_taken(lane, self.queue.lane_tokens(lane));
        }
        tasks
    }

    /// A batch has run.
    pub(super) fn note_batch(
        &mut self,
        lane: Lane,
        tokens: usize,
        requests: usize,
        took: Duration,
        now: Instant,
    ) {
        self.throughput.note_batch(lane, tokens, requests, took, now);
    }
}

#[cfg(test)]
mod tests;
