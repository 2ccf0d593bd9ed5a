//! Until when a request, or one message of it, may take.

use std::time::{Duration, Instant};

use crate::ListenerOptions;

/// Longer than any request takes, and short enough to be added to any time.
const NO_TIMEOUT: Duration = Duration::from_secs(30 * 365 * 86_400);

/// The time bounds of one request.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    request: Instant,
    message_timeout: Duration,
    /// Absent where the client may be silent between messages.
    pub(crate) body_idle_timeout: Option<Duration>,
}

impl Deadlines {
    /// The bounds of a request with one message, which starts now and whose client gives it so long.
    #[must_use]
    pub fn of_request(given: Option<Duration>, options: &ListenerOptions) -> Self {
        let timeout = bounded(given, options);
        Self {
            request: Instant::now() + timeout,
            message_timeout: timeout,
            body_idle_timeout: Some(options.body_idle_timeout),
        }
    }

    /// The bounds of a request with many messages: it may go on for as long as its client allows, while
    /// each message, and each wait for one, is bounded.
    #[must_use]
    pub fn of_stream(given: Option<Duration>, options: &ListenerOptions) -> Self {
        Self {
            request: Instant::now() + given.unwrap_or(NO_TIMEOUT).min(NO_TIMEOUT),
            message_timeout: bounded(given, options),
            body_idle_timeout: None,
        }
    }

    /// The deadline of the whole request.
    #[must_use]
    pub const fn request(&self) -> Instant {
        self.request
    }

    /// The deadline of a message, or a wait for one, that starts now.
    #[must_use]
    pub fn message(&self) -> Instant {
        self.request.min(Instant::now() + self.message_timeout)
    }
}

fn bounded(given: Option<Duration>, options: &ListenerOptions) -> Duration {
    given.unwrap_or(options.default_timeout).min(options.max_timeout)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// The bounds of a message, and of the whole where it has some, in seconds.
    #[track_caller]
    fn check(
        of: fn(Option<Duration>, &ListenerOptions) -> Deadlines,
        given_s: Option<u64>,
        message_s: u32,
        request_s: Option<u32>,
    ) {
        let options = ListenerOptions {
            default_timeout: SECOND,
            max_timeout: 5 * SECOND,
            ..ListenerOptions::default()
        };
        let before = Instant::now();
        let deadlines = of(given_s.map(Duration::from_secs), &options);
        let (message, after) = (deadlines.message(), Instant::now());
        let expected = SECOND * message_s;
        assert!((before + expected..=after + expected).contains(&message), "{message:?}");
        let expected = request_s.map_or(NO_TIMEOUT, |seconds| SECOND * seconds);
        assert!((before + expected..=after + expected).contains(&deadlines.request()));
    }

    #[test]
    fn deadlines_have_a_default_and_a_cap() {
        check(Deadlines::of_request, None, 1, Some(1));
        check(Deadlines::of_request, Some(2), 2, Some(2));
        check(Deadlines::of_request, Some(0), 0, Some(0));
        check(Deadlines::of_request, Some(3_600), 5, Some(5));
        check(Deadlines::of_stream, None, 1, None);
        check(Deadlines::of_stream, Some(2), 2, Some(2));
        check(Deadlines::of_stream, Some(3_600), 5, Some(3_600));
        check(Deadlines::of_stream, Some(u64::MAX), 5, None);
    }
}
