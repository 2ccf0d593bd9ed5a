//! Whether a request may join the queue: what waits there is bounded by the time that it means.
//!
//! A queue that is bounded by its length alone fills up under overload until requests wait as long
//! as their deadlines, and half of the work is thrown away when these pass. Here a request is
//! refused at once, with the time after which there will be room, when those before it take longer
//! than its lane allows, or when it would not be done by its own deadline.
//!
//! Out of scope: the speed, which `throughput` measures, and clocks; the time is passed in.

use std::time::{Duration, Instant};

use super::{Lane, QueueSettings, shares::Sender, throughput::Throughput};
use crate::error::{EmbedError, QueueLimit};

/// How much longer than foreseen a request may take before it misses its deadline: speeds are
/// measured, and texts behind it do not always wait their turn.
const DEADLINE_MARGIN: f64 = 1.25;

/// What a request asks of the queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    pub(super) lane: Lane,
    pub(super) sender: Sender,
    pub(super) deadline: Option<Instant>,
    /// Tokens of the same request that are queued after these, by estimate.
    pub(super) following_tokens: usize,
    /// Whether texts of the same request were embedded before these. It has waited its turn, and to
    /// refuse it would throw them away.
    pub(super) continues: bool,
}

/// The tokens that a request finds in its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ahead {
    /// Those that run before its last one.
    pub(super) before: usize,
    /// All of them.
    pub(super) in_lane: usize,
}

/// The tokens that may be in a lane when a request joins it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// Before the request, for the wait that its lane allows. Where nothing waits there is room.
    before: usize,
    /// With the request, for its deadline. Where nothing waits there is room.
    by_deadline: usize,
    /// With the request, for the memory that the queue may take.
    in_memory: usize,
}

impl Room {
    /// The room where nothing is known of speed.
    pub(super) const fn in_memory(queue_tokens: usize) -> Self {
        Self { before: usize::MAX, by_deadline: usize::MAX, in_memory: queue_tokens }
    }

    /// The room for a request.
    pub(super) fn of(
        demand: &Demand,
        throughput: &Throughput,
        settings: &QueueSettings,
        now: Instant,
    ) -> Self {
        let in_memory = Self::in_memory(settings.queue_tokens);
        let known = throughput.drain(demand.lane).filter(|_| !demand.continues);
        let Some(tokens_per_second) = known else { return in_memory };
        let tokens_in = |time: Duration| (time.as_secs_f64() * tokens_per_second) as usize;
        let by_deadline = demand.deadline.map_or(usize::MAX, |deadline| {
            let left = deadline.saturating_duration_since(now).div_f64(DEADLINE_MARGIN);
            tokens_in(left).saturating_sub(demand.following_tokens)
        });
        Self { before: tokens_in(settings.wait(demand.lane)), by_deadline, ..in_memory }
    }

    /// Whether a request that adds so many tokens to those that wait fits.
    pub(super) const fn fits(&self, Ahead { before, in_lane }: Ahead, added: usize) -> bool {
        let in_time = before <= self.before && before.saturating_add(added) <= self.by_deadline;
        (before == 0 || in_time) && in_lane.saturating_add(added) <= self.in_memory
    }

    /// How many tokens have to go before it fits.
    fn missing(&self, Ahead { before, in_lane }: Ahead, request: usize) -> usize {
        let may_be_before = self.before.min(self.by_deadline.saturating_sub(request));
        let may_be_in_lane = self.in_memory.saturating_sub(request);
        before.saturating_sub(may_be_before).max(in_lane.saturating_sub(may_be_in_lane))
    }

    /// What a request that does not fit is told.
    pub(super) fn refusal(
        &self,
        (ahead, request_tokens): (Ahead, usize),
        demand: &Demand,
        throughput: &Throughput,
        settings: &QueueSettings,
        now: Instant,
    ) -> EmbedError {
        let Self { before, by_deadline, in_memory } = *self;
        if request_tokens > in_memory {
            return EmbedError::RequestTooLarge { request_tokens, limit_tokens: in_memory };
        }
        let time_of = |tokens| throughput.time_of(demand.lane, tokens);
        let (waiting_tokens, limit) = if ahead.in_lane + request_tokens > in_memory {
            (ahead.in_lane, QueueLimit::Tokens { tokens: in_memory })
        } else if ahead.before > before {
            let (limit, name) = (settings.wait(demand.lane), wait_name(demand.lane));
            (ahead.before, QueueLimit::Wait { wait: time_of(ahead.before), limit, name })
        } else {
            debug_assert!(ahead.before + request_tokens > by_deadline, "{self:?}");
            let wait = time_of(ahead.before + request_tokens + demand.following_tokens);
            let left = demand.deadline.map_or(Duration::MAX, |deadline| deadline - now);
            (ahead.before, QueueLimit::Deadline { wait, left })
        };
        let retry_after = throughput.retry_after(demand.lane, self.missing(ahead, request_tokens));
        EmbedError::QueueFull { request_tokens, waiting_tokens, limit, retry_after }
    }
}

impl QueueSettings {
    /// How long those before a request may take.
    pub(super) const fn wait(&self, lane: Lane) -> Duration {
        match lane {
            Lane::Interactive => self.query_wait,
            Lane::Bulk => self.bulk_wait,
        }
    }
}

const fn wait_name(lane: Lane) -> &'static str {
    match lane {
        Lane::Interactive => "query_wait_ms",
        Lane::Bulk => "bulk_wait_ms",
    }
}
