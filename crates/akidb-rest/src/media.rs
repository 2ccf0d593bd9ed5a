//! The media types of bodies, which each route names.
//!
//! A page of any site may make a browser send `text/plain` or a form without asking anybody; what it
//! must ask for is any other type. So a body without one of the named types is refused, and so is a
//! body without any: the check is no courtesy.

use akidb_core::{Error, ErrorCode};
use axum::{body::HttpBody, extract::Request};
use http::header;

/// One kind of body, by the names that it goes by.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MediaType {
    /// What errors and the description call it.
    pub(crate) name: &'static str,
    also: &'static [&'static str],
    /// Whether types that are built on it count too: `application/vnd.example+json`.
    suffix: Option<&'static str>,
}

/// One JSON value.
pub(crate) const JSON: MediaType =
    MediaType { name: "application/json", also: &[], suffix: Some("+json") };

/// One JSON value a line.
pub(crate) const JSON_LINES: MediaType = MediaType {
    name: "application/x-ndjson",
    also: &[
        "application/ndjson",
        "application/jsonl",
        "application/jsonlines",
        "application/x-jsonlines",
    ],
    suffix: None,
};

/// Rows behind a header.
pub(crate) const CSV: MediaType = MediaType { name: "text/csv", also: &[], suffix: None };

const GIVEN_CHARS_MAX: usize = 80;

/// Refuses a body that is not of one of these types, and a named type that is not. A request that
/// has neither body nor type has nothing to be refused for.
///
/// # Errors
/// `unsupported_media_type`, with the types that are allowed.
pub(crate) fn check(request: &Request, takes: &'static [MediaType]) -> Result<(), Error> {
    let given = request.headers().get(header::CONTENT_TYPE);
    let allowed = || takes.iter().map(|media| media.name).collect::<Vec<_>>().join(" and ");
    let Some(given) = given else {
        if request.body().is_end_stream() {
            return Ok(());
        }
        let description = format!("is missing, allowed is {}", allowed());
        return Err(Error::at(ErrorCode::UnsupportedMediaType, "content-type", description));
    };
    let given = String::from_utf8_lossy(given.as_bytes());
    if takes.iter().any(|media| media.is(&given)) {
        return Ok(());
    }
    let given: String = given.chars().take(GIVEN_CHARS_MAX).collect();
    let description = format!("{given:?} is not taken here, allowed is {}", allowed());
    Err(Error::at(ErrorCode::UnsupportedMediaType, "content-type", description))
}

impl MediaType {
    /// Whether the value of a `content-type` names it, with parameters or without.
    pub(crate) fn is(&self, content_type: &str) -> bool {
        let essence = content_type.split(';').next().unwrap_or_default();
        let essence = essence.trim().to_ascii_lowercase();
        let is_built_on_it = |suffix| {
            essence.strip_prefix("application/").is_some_and(|rest: &str| rest.ends_with(suffix))
        };
        essence == self.name
            || self.also.contains(&essence.as_str())
            || self.suffix.is_some_and(is_built_on_it)
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[track_caller]
    fn check_type(given: Option<&str>, body: &'static str, takes: &'static [MediaType], ok: bool) {
        let mut request = Request::new(Body::from(body));
        if let Some(given) = given {
            request.headers_mut().insert(header::CONTENT_TYPE, given.parse().unwrap());
        }
        match check(&request, takes) {
            Ok(()) => assert!(ok, "{given:?}"),
            Err(error) => {
                assert!(!ok, "{given:?}: {error}");
                assert_eq!(error.code, ErrorCode::UnsupportedMediaType);
                assert!(error.message.contains(takes[0].name), "{error}");
            }
        }
    }

    #[test]
    fn a_body_has_a_type_that_the_route_takes() {
        const TAKES: &[MediaType] = &[JSON];
        let json =
            ["application/json", "Application/JSON; charset=utf-8", "application/vnd.a.v1+json"];
        for given in json {
            check_type(Some(given), "{}", TAKES, true);
        }
        let others =
            ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a"];
        for given in
            others.into_iter().chain(["text/json", "text/x+json", "application/json+x", ""])
        {
            check_type(Some(given), "{}", TAKES, false);
            check_type(Some(given), "", TAKES, false);
        }
        check_type(None, "{}", TAKES, false);
        check_type(None, "", TAKES, true);
        check_type(Some("application/jsonl"), "{}", &[JSON_LINES], true);
        check_type(Some("application/jsonl"), "{}", TAKES, false);
    }
}
