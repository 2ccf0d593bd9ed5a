//! The slowest rate at which a body may come.

use std::time::{Duration, Instant};

/// The time by which a body must have brought some more bytes, or ended.
///
/// A byte now and then is not enough, so that a client cannot hold a request, its memory and its
/// connection for as long as it may ask for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyRate {
    idle_timeout: Duration,
    deadline: Instant,
    bytes: usize,
}

impl BodyRate {
    /// What a body must bring in each span of the idle timeout.
    pub(crate) const BYTES_MIN: usize = 1_024;

    /// The rate of a body that is awaited from now on.
    pub(crate) fn starting_now(idle_timeout: Duration) -> Self {
        Self { idle_timeout, deadline: Instant::now() + idle_timeout, bytes: 0 }
    }

    /// When the body is too slow, unless more of it comes.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Notes that so many bytes came.
    pub(crate) fn received(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes >= Self::BYTES_MIN {
            *self = Self::starting_now(self.idle_timeout);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trickle_does_not_move_the_deadline() {
        let mut rate = BodyRate::starting_now(Duration::from_secs(10));
        let first = rate.deadline();
        for _ in 1..BodyRate::BYTES_MIN {
            rate.received(1);
        }
        assert_eq!(rate.deadline(), first);
        rate.received(1);
        assert!(rate.deadline() > first);
    }
}
