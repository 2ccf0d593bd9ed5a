//! The id of a request: the client's own, or a new one.

use http::{HeaderMap, HeaderName, HeaderValue};

/// Where the id is taken from and put.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const CHARS_MAX: usize = 128;

/// 1 to 128 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RequestId(String);

impl RequestId {
    /// The id that the client gave, or a new UUIDv7 where it gave none that can be used.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
        let usable = |id: &&str| {
            (1..=CHARS_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
        };
        Self(match given.filter(usable) {
            Some(id) => id.to_owned(),
            None => uuid::Uuid::now_v7().to_string(),
        })
    }

    /// The id as text.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as a header's value.
    pub(super) fn into_header(self) -> HeaderValue {
        // Visible ASCII is always a header value.
        HeaderValue::try_from(self.0).unwrap_or(HeaderValue::from_static("-"))
    }
}
