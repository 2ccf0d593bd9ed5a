//! From [`Error`] to `google.rpc.Status`: the one way in which errors leave through this door.

use std::{collections::HashMap, sync::Arc};

use akidb_core::{Error, Violation};
use akidb_listener::RequestId;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

const DOMAIN: &str = "akidb";

// A status travels in HTTP/2 headers, which many clients refuse above 8 KiB in all. The message is
// in there twice, percent-encoded and as base64.
const MESSAGE_BYTES_MAX: usize = 1_024;
const VIOLATIONS_BYTES_MAX: usize = 1_536;
const VIOLATION_TEXT_BYTES_MAX: usize = 256;

/// The status of an error, with all that the error knows as details.
pub(crate) fn status_of(error: &Error, request_id: &RequestId) -> Status {
    status_with(error, request_id, [])
}

/// The same, with more metadata in `ErrorInfo`.
pub(crate) fn status_with<const N: usize>(
    error: &Error,
    request_id: &RequestId,
    metadata: [(&str, String); N],
) -> Status {
    let own = [
        ("retryable", error.code.retryable().to_string()),
        ("outcome", error.outcome.as_str().to_owned()),
        ("request_id", request_id.to_string()),
    ];
    let metadata = own.into_iter().chain(metadata).map(|(key, value)| (key.to_owned(), value));
    let metadata: HashMap<_, _> = metadata.collect();
    let mut details = ErrorDetails::with_error_info(error.code.as_str(), DOMAIN, metadata);
    let violations = clipped(&error.violations);
    if !violations.is_empty() {
        details.set_bad_request(violations);
    }
    if error.retry_after.is_some() {
        details.set_retry_info(error.retry_after);
    }
    let code = Code::from(error.code.grpc_status());
    let message = clip(&error.message, MESSAGE_BYTES_MAX);
    let mut status = Status::with_error_details(code, message, details);
    status.set_source(Arc::new(error.clone()));
    status
}

/// As many violations as fit, each cut to a readable length.
fn clipped(violations: &[Violation]) -> Vec<FieldViolation> {
    let mut bytes_left = VIOLATIONS_BYTES_MAX;
    let clipped = violations.iter().map(|violation| {
        let field = clip(&violation.field, VIOLATION_TEXT_BYTES_MAX);
        FieldViolation::new(field, clip(&violation.description, VIOLATION_TEXT_BYTES_MAX))
    });
    clipped
        .take_while(|violation| {
            let bytes = violation.field.len() + violation.description.len();
            let fits = bytes <= bytes_left;
            bytes_left = bytes_left.saturating_sub(bytes);
            fits
        })
        .collect()
}

fn clip(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    format!("{}...", &text[..text.floor_char_boundary(bytes_max)])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use akidb_core::{ErrorCode, Outcome};
    use http::HeaderMap;

    use super::*;

    fn request_id() -> RequestId {
        RequestId::of(&HeaderMap::new())
    }

    #[test]
    fn every_code_has_its_row_of_the_table() {
        let id = request_id();
        for code in ErrorCode::ALL {
            let error = Error::at(*code, "a.b", "is wrong").with_outcome(Outcome::Unknown);
            let status = status_of(&error, &id);
            assert_eq!(status.code() as i32, code.grpc_status());
            assert_eq!(status.message(), "a.b: is wrong");
            let details = status.get_error_details();
            let info = details.error_info().unwrap();
            assert_eq!(info.reason, code.as_str());
            assert_eq!(info.domain, "akidb");
            assert_eq!(info.metadata["retryable"], code.retryable().to_string());
            assert_eq!(info.metadata["outcome"], "unknown");
            assert_eq!(info.metadata["request_id"], id.as_str());
            let violation = &details.bad_request().unwrap().field_violations[0];
            assert_eq!(
                (violation.field.as_str(), violation.description.as_str()),
                ("a.b", "is wrong")
            );
            assert!(details.retry_info().is_none());
        }
    }

    #[test]
    fn the_time_to_retry_is_said_where_it_is_known() {
        let after = Duration::from_millis(1_500);
        let error = Error::new(ErrorCode::Overloaded, "busy").with_retry_after(after);
        let details = status_of(&error, &request_id()).get_error_details();
        assert_eq!(details.retry_info().unwrap().retry_delay, Some(after));
        assert!(details.bad_request().is_none());
    }

    #[test]
    fn the_largest_status_fits_into_headers_that_clients_accept() {
        let fault = |i: usize| {
            Error::at(
                ErrorCode::InvalidText,
                format!("documents[{i}].{}", "é".repeat(400)),
                "é".repeat(4_000),
            )
        };
        let error = Error::collect((0..40).map(fault).collect()).unwrap();
        let mut headers = HeaderMap::new();
        status_of(&error, &request_id()).add_header(&mut headers).unwrap();
        let bytes: usize =
            headers.iter().map(|(key, value)| key.as_str().len() + value.len()).sum();
        assert!(bytes < 8_000, "{bytes}");
    }
}
