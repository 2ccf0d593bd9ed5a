//! The header `grpc-timeout`: how long a client gives its call.

use std::time::Duration;

use akidb_core::{Error, ErrorCode, Result};
use http::HeaderMap;

const GRPC_TIMEOUT: &str = "grpc-timeout";

/// What the headers of a call say.
///
/// # Errors
/// `malformed_request` where it is no time.
pub(crate) fn given(headers: &HeaderMap) -> Result<Option<Duration>> {
    let Some(given) = headers.get(GRPC_TIMEOUT) else { return Ok(None) };
    let timeout = given.to_str().ok().and_then(parse);
    timeout.map(Some).ok_or_else(|| {
        let description = "must be 1 to 8 digits and one of the units H M S m u n";
        Error::at(ErrorCode::MalformedRequest, GRPC_TIMEOUT, description)
    })
}

/// At most 8 digits and a unit (gRPC over HTTP2, "Timeout").
fn parse(given: &str) -> Option<Duration> {
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
    fn check(text: &str, expect: Option<Duration>) {
        assert_eq!(parse(text), expect, "{text:?}");
        let headers = HeaderMap::from_iter([(
            http::HeaderName::from_static(GRPC_TIMEOUT),
            http::HeaderValue::from_str(text).unwrap(),
        )]);
        assert_eq!(given(&headers).ok(), expect.map(Some), "{text:?}");
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
        assert_eq!(given(&HeaderMap::new()), Ok(None));
    }
}
