//! How slowly a body may come.

use std::time::{Duration, Instant};

/// The time by which a body must have brought some more bytes, or ended.
///
/// A byte now and then is not enough, so that a client cannot hold a request, its memory and its
/// connection for as long as it may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    idle_timeout: Duration,
    deadline: Instant,
    bytes: usize,
}

impl Pace {
    /// What a body must bring in each span of the idle timeout.
    pub const BYTES_MIN: usize = 1_024;

    /// The pace of a body that is awaited from now on.
    #[must_use]
    pub fn starting_now(idle_timeout: Duration) -> Self {
        Self { idle_timeout, deadline: Instant::now() + idle_timeout, bytes: 0 }
    }

    /// When the body is too slow, unless more of it comes.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Notes that so many bytes came.
    pub fn received(&mut self, bytes: usize) {
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
        let mut pace = Pace::starting_now(Duration::from_secs(10));
        let first = pace.deadline();
        for _ in 1..Pace::BYTES_MIN {
            pace.received(1);
        }
        assert_eq!(pace.deadline(), first);
        pace.received(1);
        assert!(pace.deadline() > first);
    }
}
