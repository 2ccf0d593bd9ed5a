//! Until when a call, or one message of a call, may take.

use std::time::{Duration, Instant};

use akidb_core::{Error, ErrorCode};
use http::{HeaderMap, HeaderValue};

use crate::{GrpcOptions, method::Method};

const GRPC_TIMEOUT: &str = "grpc-timeout";

/// The time bounds of one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    call_deadline: Option<Instant>,
    message_timeout: Duration,
}

impl Timing {
    /// The bounds of a call that starts now.
    ///
    /// A unary call has one deadline. A call that streams may go on for as long as its client
    /// allows, while each message, and each wait for one, is bounded.
    pub(crate) fn of(
        headers: &HeaderMap,
        method: &Method,
        options: &GrpcOptions,
    ) -> Result<Self, Error> {
        let given = headers.get(GRPC_TIMEOUT).map(parse).transpose()?;
        let bounded = given.unwrap_or(options.default_timeout).min(options.max_timeout);
        let call_timeout = if method.streams { given } else { Some(bounded) };
        let started = Instant::now();
        Ok(Self {
            call_deadline: call_timeout.and_then(|timeout| started.checked_add(timeout)),
            message_timeout: bounded,
        })
    }

    /// The bounds of a call whose headers say nothing.
    pub(crate) fn starting_now(options: &GrpcOptions) -> Self {
        Self { call_deadline: None, message_timeout: options.default_timeout }
    }

    /// The deadline of what starts now.
    pub(crate) fn deadline(&self) -> Instant {
        let message_deadline = Instant::now() + self.message_timeout;
        self.call_deadline.map_or(message_deadline, |deadline| deadline.min(message_deadline))
    }
}

/// Reads `grpc-timeout`: at most 8 digits and a unit (gRPC over HTTP2, "Timeout").
fn parse(given: &HeaderValue) -> Result<Duration, Error> {
    given.to_str().ok().and_then(read).ok_or_else(|| {
        let description = "must be 1 to 8 digits and one of the units H M S m u n";
        Error::at(ErrorCode::MalformedRequest, GRPC_TIMEOUT, description)
    })
}

fn read(given: &str) -> Option<Duration> {
    let (digits, unit) = given.split_at_checked(given.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count * 3_600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(given: &str, expect: Option<Duration>) {
        assert_eq!(read(given), expect, "{given:?}");
    }

    #[test]
    fn timeouts_are_read_as_grpc_writes_them() {
        check("99999999H", Some(Duration::from_secs(99_999_999 * 3_600)));
        check("2M", Some(Duration::from_secs(120)));
        check("3S", Some(Duration::from_secs(3)));
        check("250m", Some(Duration::from_millis(250)));
        check("5u", Some(Duration::from_micros(5)));
        check("0n", Some(Duration::ZERO));
        for wrong in ["", "S", "5", "5s", "-1S", "+1S", "123456789S", "1é", "5 S"] {
            check(wrong, None);
        }
    }

    #[track_caller]
    fn check_deadline(path: &str, given: Option<&'static str>, ms: u64) {
        let options = GrpcOptions {
            default_timeout: Duration::from_millis(1_000),
            max_timeout: Duration::from_millis(5_000),
            ..GrpcOptions::default()
        };
        let headers = given.map(|given| {
            (http::header::HeaderName::from_static(GRPC_TIMEOUT), HeaderValue::from_static(given))
        });
        let before = Instant::now();
        let timing =
            Timing::of(&headers.into_iter().collect(), &Method::of(path), &options).unwrap();
        let expected = Duration::from_millis(ms);
        let given = timing.deadline();
        assert!((before + expected..=Instant::now() + expected).contains(&given), "{given:?}");
    }

    #[test]
    fn deadlines_have_a_default_and_a_cap() {
        let unary = "/akidb.collection.v1.CollectionService/Search";
        let streaming = "/akidb.collection.v1.CollectionService/StreamUpsertDocuments";
        for path in [unary, streaming] {
            check_deadline(path, None, 1_000);
            check_deadline(path, Some("2S"), 2_000);
            check_deadline(path, Some("1H"), 5_000);
            check_deadline(path, Some("0S"), 0);
        }
    }
}
