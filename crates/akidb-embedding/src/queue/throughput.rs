//! How large the next batch may be, from the speed that was measured, how long it is held, and how
//! fast what waits is done.
//!
//! Out of scope: what is in a batch; the time is passed in.

use std::time::{Duration, Instant};

use super::{Lane, QueueSettings, tasks::BatchLimit};

/// The speed assumed until a batch was measured, in tokens a second: that of a slow model, so that
/// the first batch is rather too small.
const ASSUMED_TOKENS_PER_SECOND: f64 = 1000.0;
/// The weight of the newest batch in the measured speed.
const SPEED_WEIGHT: f64 = 0.2;
/// What a client is told to wait at least and at most.
const RETRY_AFTER_SECONDS: (f64, f64) = (0.1, 60.0);

/// What an older batch weighs beside the one after it, in how fast what waits is done.
const DRAIN_MEMORY: f64 = 0.9;

/// What was seen of one lane.
#[derive(Debug, Default)]
struct Seen {
    /// Of the batches alone, from their beginning to their end.
    tokens_per_second: Option<f64>,
    /// When the last batch ended, and of how many requests it had texts.
    last_batch: Option<(Instant, usize)>,
    drain: Drain,
}

/// How fast a lane is emptied while more waits than one batch holds: with the pauses between its
/// batches, in which those of another lane or another model run.
#[derive(Debug, Default)]
struct Drain {
    tokens: f64,
    seconds: f64,
    /// When the first of what waits has come, or the batch before has ended.
    since: Option<Instant>,
    /// Whether a batch runs, and whether texts were left over when it was taken. A batch that holds
    /// all that waits is small because little waits, and says nothing of what the lane can do.
    running: Option<LeavesSome>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LeavesSome(bool);

impl Drain {
    fn note_arrival(&mut self, is_first: bool, now: Instant) {
        if is_first && self.running.is_none() {
            // The pause before it was nobody's wait.
            self.since = Some(now);
        }
    }

    fn note_end(&mut self, tokens: usize, now: Instant) {
        let since = self.since.replace(now);
        if self.running.take() == Some(LeavesSome(true))
            && let Some(since) = since
        {
            let took = now.saturating_duration_since(since).as_secs_f64().max(1e-6);
            self.tokens = self.tokens * DRAIN_MEMORY + tokens as f64;
            self.seconds = self.seconds * DRAIN_MEMORY + took;
        }
    }

    /// A batch was given up, which says nothing of the speed.
    fn note_lost(&mut self, now: Instant) {
        (self.running, self.since) = (None, Some(now));
    }

    /// Tokens a second, once it was seen.
    fn speed(&self) -> Option<f64> {
        (self.seconds > 0.0 && self.tokens > 0.0).then(|| self.tokens / self.seconds)
    }
}

/// What batches and queries of late say about the next batch.
#[derive(Debug, Default)]
pub(super) struct Throughput {
    interactive: Seen,
    bulk: Seen,
    last_query_at: Option<Instant>,
}

impl Throughput {
    /// A request has come into a lane, `is_first` where nothing else waits there.
    pub(super) fn note_arrival(&mut self, lane: Lane, is_first: bool, now: Instant) {
        if lane == Lane::Interactive {
            self.last_query_at = Some(now);
        }
        self.lane_mut(lane).drain.note_arrival(is_first, now);
    }

    /// The next batch of a lane was taken and so many tokens still wait.
    pub(super) fn note_taken(&mut self, lane: Lane, waiting_tokens: usize) {
        self.lane_mut(lane).drain.running = Some(LeavesSome(waiting_tokens > 0));
    }

    /// A batch was given up: the backend is at fault.
    pub(super) fn note_lost(&mut self, lane: Lane, now: Instant) {
        self.lane_mut(lane).drain.note_lost(now);
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
        let seen = self.lane_mut(lane);
        let speed = tokens as f64 / took.as_secs_f64().max(1e-6);
        let known = seen.tokens_per_second.unwrap_or(speed);
        seen.tokens_per_second = Some(known + SPEED_WEIGHT * (speed - known));
        seen.last_batch = Some((now, requests));
        seen.drain.note_end(tokens, now);
    }

    /// The most that the next batch of a lane may hold to end in time.
    pub(super) fn limit(&self, lane: Lane, settings: &QueueSettings, now: Instant) -> BatchLimit {
        let queries_come = self
            .last_query_at
            .is_some_and(|last| now.saturating_duration_since(last) < settings.recent_queries);
        let target =
            if queries_come { settings.batch_time_with_queries } else { settings.batch_time };
        let tokens = (self.speed(lane) * target.as_secs_f64()) as usize;
        BatchLimit { texts: settings.batch_size, tokens: tokens.min(settings.max_batch_tokens) }
    }

    /// Until when the next batch of a lane is held, so that those who were answered by the last
    /// one can be in it with what they send next.
    ///
    /// Only under load: the last batch had several requests, it has just ended, and fewer have
    /// come since. `None` where the batch starts at once, as a lone request always does.
    pub(super) fn hold_until(
        &self,
        lane: Lane,
        arrivals: usize,
        settings: &QueueSettings,
        now: Instant,
    ) -> Option<Instant> {
        let (ended_at, requests) = self.lane(lane).last_batch?;
        let until = ended_at + settings.batch_timeout;
        (requests > 1 && arrivals < requests && now < until).then_some(until)
    }

    /// How many tokens a lane gets done in a second while texts wait in it; `None` until that was
    /// seen.
    pub(super) fn drain(&self, lane: Lane) -> Option<f64> {
        self.lane(lane).drain.speed()
    }

    /// How long it takes until so many tokens of a lane are done.
    pub(super) fn time_of(&self, lane: Lane, tokens: usize) -> Duration {
        let speed = self.drain(lane).unwrap_or_else(|| self.speed(lane)).max(1e-3);
        Duration::try_from_secs_f64(tokens as f64 / speed).unwrap_or(Duration::MAX)
    }

    /// When so many tokens of a lane will be done, within bounds that a client can be told.
    pub(super) fn retry_after(&self, lane: Lane, missing_tokens: usize) -> Duration {
        let (least, most) = RETRY_AFTER_SECONDS;
        let time = self.time_of(lane, missing_tokens).as_secs_f64();
        Duration::from_secs_f64(time.clamp(least, most))
    }

    /// Tokens a second; what is known of the other lane is better than nothing.
    fn speed(&self, lane: Lane) -> f64 {
        let other = match lane {
            Lane::Interactive => &self.bulk,
            Lane::Bulk => &self.interactive,
        };
        let known = self.lane(lane).tokens_per_second.or(other.tokens_per_second);
        known.unwrap_or(ASSUMED_TOKENS_PER_SECOND)
    }

    const fn lane(&self, lane: Lane) -> &Seen {
        match lane {
            Lane::Interactive => &self.interactive,
            Lane::Bulk => &self.bulk,
        }
    }

    const fn lane_mut(&mut self, lane: Lane) -> &mut Seen {
        match lane {
            Lane::Interactive => &mut self.interactive,
            Lane::Bulk => &mut self.bulk,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn settings() -> QueueSettings {
        QueueSettings { batch_timeout: 2 * MS, ..QueueSettings::default() }
    }

    #[test]
    fn batches_take_the_target_time_at_the_measured_speed() {
        let (mut throughput, settings, now) = (Throughput::default(), settings(), Instant::now());
        let tokens =
            |throughput: &Throughput, now| throughput.limit(Lane::Bulk, &settings, now).tokens;
        assert_eq!(tokens(&throughput, now), 100, "the assumed speed");
        for _ in 0..50 {
            throughput.note_batch(Lane::Bulk, 800, 1, 100 * MS, now);
        }
        assert_eq!(tokens(&throughput, now), 800);
        throughput.note_arrival(Lane::Bulk, true, now);
        assert_eq!(tokens(&throughput, now), 800, "only queries make batches short");
        throughput.note_arrival(Lane::Interactive, true, now);
        assert_eq!(tokens(&throughput, now), 80);
        assert_eq!(throughput.limit(Lane::Interactive, &settings, now).tokens, 80);
        assert_eq!(tokens(&throughput, now + settings.recent_queries), 800);
        throughput.note_batch(Lane::Bulk, 1_000_000, 1, MS, now);
        let limit = throughput.limit(Lane::Bulk, &settings, now + settings.recent_queries);
        assert_eq!(limit, BatchLimit { texts: 64, tokens: settings.max_batch_tokens });
    }

    #[test]
    fn only_the_next_batch_of_several_requests_is_held_and_not_for_long() {
        let (mut throughput, settings, now) = (Throughput::default(), settings(), Instant::now());
        let hold = |throughput: &Throughput, arrivals, now| {
            throughput.hold_until(Lane::Interactive, arrivals, &settings, now)
        };
        assert_eq!(hold(&throughput, 1, now), None, "nothing has run yet");
        throughput.note_batch(Lane::Interactive, 10, 1, MS, now);
        assert_eq!(hold(&throughput, 1, now), None, "a lone request after a lone request");
        throughput.note_batch(Lane::Interactive, 10, 3, MS, now);
        assert_eq!(hold(&throughput, 1, now + MS), Some(now + 2 * MS));
        assert_eq!(hold(&throughput, 3, now + MS), None, "all have come");
        assert_eq!(hold(&throughput, 1, now + 2 * MS), None, "not for longer");
        assert_eq!(throughput.hold_until(Lane::Bulk, 1, &settings, now), None, "lanes do not mix");
    }

    #[test]
    fn waiting_for_room_follows_the_speed_within_bounds() {
        let mut throughput = Throughput::default();
        let retry_after =
            |throughput: &Throughput, tokens| throughput.retry_after(Lane::Bulk, tokens);
        assert_eq!(retry_after(&throughput, 2_000), Duration::from_secs(2));
        assert_eq!(retry_after(&throughput, 0), 100 * MS);
        throughput.note_batch(Lane::Bulk, 100, 1, Duration::from_secs(1), Instant::now());
        assert_eq!(retry_after(&throughput, 2_000), Duration::from_secs(20));
        assert_eq!(retry_after(&throughput, usize::MAX), Duration::from_secs(60));
    }

    #[test]
    fn the_drain_counts_pauses_between_batches_and_not_those_in_which_nothing_waits() {
        let (mut throughput, mut now) = (Throughput::default(), Instant::now());
        let lane = Lane::Bulk;
        // Alone, it says nothing of what the lane can do.
        throughput.note_arrival(lane, true, now);
        throughput.note_taken(lane, 0);
        throughput.note_batch(lane, 5, 1, 50 * MS, now + 50 * MS);
        assert_eq!(throughput.drain(lane), None);
        // After a long pause, batches of 100 tokens in 50 ms, every 100 ms: 1,000 a second.
        now += 60_000 * MS;
        throughput.note_arrival(lane, true, now);
        for _ in 0..5 {
            throughput.note_taken(lane, 1_000);
            now += 100 * MS;
            throughput.note_batch(lane, 100, 1, 50 * MS, now);
        }
        let drain = throughput.drain(lane).unwrap();
        assert!((drain - 1_000.0).abs() < 1.0, "{drain}");
        assert_eq!(throughput.time_of(lane, 3_000).as_millis(), 3_000);
        assert_eq!(throughput.drain(Lane::Interactive), None, "lanes do not mix");
    }

    /// Batches, queries and pauses in milliseconds, in any order.
    fn history() -> impl Strategy<Value = Vec<(bool, bool, usize, usize, u32)>> {
        let step = (any::<bool>(), any::<bool>(), 0_usize..5_000, 1_usize..9, 0_u32..3_000);
        prop::collection::vec(step, 0..60)
    }

    proptest! {
        #[test]
        fn whatever_was_measured_the_next_batch_and_every_wait_are_bounded(steps in history()) {
            let (mut throughput, settings, mut now) = (Throughput::default(), settings(), Instant::now());
            let mut last_query_at = None;
            // Of each lane, the slowest and the fastest batch in tokens a second.
            let mut speeds = [None::<(f64, f64)>; 2];
            for (is_query, is_batch, tokens, requests, pause_ms) in steps {
                let lane = if is_query { Lane::Interactive } else { Lane::Bulk };
                let took = Duration::from_millis(u64::from(pause_ms) + 1);
                now += pause_ms * MS;
                if is_batch {
                    throughput.note_batch(lane, tokens, requests, took, now);
                    let speed = tokens as f64 / took.as_secs_f64();
                    let known = &mut speeds[usize::from(is_query)];
                    let (least, most) = known.unwrap_or((speed, speed));
                    *known = Some((least.min(speed), most.max(speed)));
                } else {
                    throughput.note_arrival(lane, true, now);
                    last_query_at = if is_query { Some(now) } else { last_query_at };
                }
                let queries_come = last_query_at.is_some_and(|at| now < at + settings.recent_queries);
                let target = if queries_come { 10.0 } else { 100.0 } / 1e3;
                for (lane, own, other) in [(Lane::Bulk, 0, 1), (Lane::Interactive, 1, 0)] {
                    let assumed = (ASSUMED_TOKENS_PER_SECOND, ASSUMED_TOKENS_PER_SECOND);
                    let (least, most) = speeds[own].or(speeds[other]).unwrap_or(assumed);
                    let limit = throughput.limit(lane, &settings, now);
                    let cap = settings.max_batch_tokens;
                    let at_least = ((least * target) as usize).saturating_sub(1).min(cap);
                    prop_assert!((at_least..=cap).contains(&limit.tokens), "{limit:?}");
                    prop_assert!(limit.tokens as f64 <= most * target + 1.0, "{limit:?} {most}");
                    let held = throughput.hold_until(lane, 0, &settings, now);
                    prop_assert!(held.is_none_or(|until| until <= now + settings.batch_timeout));
                }
                let wait = throughput.retry_after(lane, tokens);
                prop_assert!((100 * MS..=60_000 * MS).contains(&wait), "{wait:?}");
            }
        }
    }
}
