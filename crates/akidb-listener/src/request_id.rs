//! The name of one request in logs, errors and replies.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

/// Where a request's id is taken from and put.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const BYTES_MAX: usize = 128;

/// 1 to 128 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The client's own id, or a new UUIDv7 where it gave none that is valid.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(REQUEST_ID).filter(|given| is_valid(given.as_bytes()));
        Self(given.cloned().unwrap_or_else(made))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// The id as the value of a header.
    pub(crate) fn to_header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn is_valid(given: &[u8]) -> bool {
    (1..=BYTES_MAX).contains(&given.len()) && given.iter().all(u8::is_ascii_graphic)
}

fn made() -> HeaderValue {
    let id = uuid::Uuid::now_v7().to_string();
    HeaderValue::try_from(id).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(given: &str, kept: bool) {
        let headers = HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_str(given).unwrap())]);
        assert_eq!(RequestId::of(&headers).as_str() == given, kept, "{given:?}");
    }

    #[test]
    fn valid_ids_are_kept_and_others_replaced() {
        check("a", true);
        check(&"~".repeat(128), true);
        check(&"~".repeat(129), false);
        check("", false);
        check("a b", false);
        check("é", false);
        let made = RequestId::of(&HeaderMap::new());
        assert_eq!(uuid::Uuid::parse_str(made.as_str()).unwrap().get_version_num(), 7);
    }
}
