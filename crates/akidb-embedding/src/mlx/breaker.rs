//! When a worker that has ended is started again.
//!
//! The first time almost at once, then after pauses that double. When too many have ended within a
//! minute the breaker is open: one is tried at a time, at a fixed and slow rate, until one has run
//! a batch. So a fault costs the machine little, and its end is noticed within that pause.
//!
//! Out of scope: clocks; the time is passed in.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(1_500);
/// So many ends within [`WINDOW`] open the breaker.
const MOST_ENDS: usize = 5;
const WINDOW: Duration = Duration::from_secs(60);

/// What is known of the workers in one place.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    /// Of late, the newest last.
    ends: VecDeque<Instant>,
    /// Since a worker has run a batch.
    in_a_row: u32,
}

impl Breaker {
    /// A worker has ended, or could not be started. Answers when the next one is.
    pub(super) fn note_end(&mut self, now: Instant) -> Instant {
        self.ends.push_back(now);
        self.forget(now);
        self.in_a_row += 1;
        now + self.pause(now)
    }

    /// A worker has run a batch: what was before does not count any more for the pause, but ends
    /// still count for the breaker, since a worker may end with every tenth batch.
    pub(super) fn note_batch(&mut self, now: Instant) {
        self.in_a_row = 0;
        if self.is_open(now) {
            self.ends.clear();
        }
    }

    /// Whether workers are only tried.
    pub(super) fn is_open(&self, now: Instant) -> bool {
        let of_late = self.ends.iter().filter(|end| now.saturating_duration_since(**end) < WINDOW);
        of_late.count() >= MOST_ENDS
    }

    fn pause(&self, now: Instant) -> Duration {
        if self.is_open(now) {
            return LONGEST_PAUSE;
        }
        let doublings = self.in_a_row.saturating_sub(1).min(10);
        (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE)
    }

    fn forget(&mut self, now: Instant) {
        while self.ends.front().is_some_and(|end| now.saturating_duration_since(*end) >= WINDOW) {
            self.ends.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn pauses_double_until_the_breaker_opens_and_a_batch_closes_it() {
        let (mut breaker, mut now) = (Breaker::default(), Instant::now());
        for pause_ms in [100, 200, 400, 800] {
            assert_eq!(breaker.note_end(now) - now, pause_ms * MS);
            assert!(!breaker.is_open(now));
            now += pause_ms * MS;
        }
        assert_eq!(breaker.note_end(now) - now, LONGEST_PAUSE);
        assert!(breaker.is_open(now));
        breaker.note_batch(now);
        assert!(!breaker.is_open(now));
        assert_eq!(breaker.note_end(now) - now, FIRST_PAUSE);
    }

    #[test]
    fn ends_between_good_batches_open_it_too_and_time_closes_it() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..4 {
            assert_eq!(breaker.note_end(now) - now, FIRST_PAUSE);
            breaker.note_batch(now);
        }
        breaker.note_end(now);
        assert!(breaker.is_open(now));
        assert!(!breaker.is_open(now + WINDOW));
    }

    proptest! {
        #[test]
        fn whatever_happened_the_next_start_is_soon_and_starts_are_few(
            steps in prop::collection::vec((any::<bool>(), 0_u32..5_000), 1..200),
        ) {
            let (mut breaker, mut now) = (Breaker::default(), Instant::now());
            for (is_batch, later_ms) in steps {
                if is_batch {
                    breaker.note_batch(now);
                    prop_assert!(!breaker.is_open(now));
                } else {
                    let next = breaker.note_end(now);
                    prop_assert!((FIRST_PAUSE..=LONGEST_PAUSE).contains(&(next - now)));
                    prop_assert!(!breaker.is_open(now) || next - now == LONGEST_PAUSE);
                    now = next;
                }
                now += later_ms * MS;
            }
        }
    }
}
