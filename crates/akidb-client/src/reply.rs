//! Reading an answer: never more of it than the limit, as what was asked for or as the node's error.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{Response, header::RETRY_AFTER};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{NodeError, RequestError};

/// An error's body is short; what is longer is not a node's.
const ERROR_BYTES_MAX: usize = 1 << 20;

/// An answer with its status, whole.
pub(crate) struct Reply {
    status: reqwest::StatusCode,
    retry_after: Option<Duration>,
    pub(crate) body: Bytes,
}

/// The body of every error.
#[derive(Deserialize)]
struct ErrorBody {
    error: NodeError,
    request_id: Option<String>,
}

impl Reply {
    /// Reads an answer to its end.
    pub(crate) async fn read(
        mut response: Response,
        limit_bytes: usize,
        url: &str,
    ) -> Result<Self, RequestError> {
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let limit_bytes = if status.is_success() { limit_bytes } else { ERROR_BYTES_MAX };
        let mut body = BytesMut::new();
        while let Some(chunk) =
            response.chunk().await.map_err(|error| RequestError::unreachable(url, error))?
        {
            if body.len() + chunk.len() > limit_bytes {
                return Err(RequestError::AnswerTooLarge { limit_bytes });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Self { status, retry_after: retry_after.map(Duration::from_secs), body: body.freeze() })
    }

    /// The body of an answer that is a success.
    pub(crate) fn success(self) -> Result<Bytes, RequestError> {
        if self.status.is_success() { Ok(self.body) } else { Err(self.failure()) }
    }

    /// The error of an answer that is none.
    pub(crate) fn failure(&self) -> RequestError {
        match serde_json::from_slice::<ErrorBody>(&self.body) {
            Ok(ErrorBody { error, request_id }) => {
                NodeError { retry_after: self.retry_after, request_id, ..error }.into()
            }
            Err(_) => RequestError::NotANode {
                message: format!(
                    "status {} without an error that AkiDB would send",
                    self.status.as_u16()
                ),
            },
        }
    }
}

/// The JSON of a body; an empty one is `null`.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, RequestError> {
    let body = if body.is_empty() { b"null" } else { body };
    serde_json::from_slice(body).map_err(|error| RequestError::NotANode {
        message: if error.is_data() {
            format!("the answer is not as expected: {error}")
        } else {
            format!("the answer is not JSON: {error}")
        },
    })
}

#[cfg(test)]
mod tests {
    use akidb_core::{ErrorCode, Outcome};
    use reqwest::StatusCode;
    use serde_json::Value;

    use super::*;

    fn reply(status: u16, body: &'static [u8]) -> Reply {
        let status = StatusCode::from_u16(status).unwrap();
        let retry_after = Some(Duration::from_secs(3));
        Reply { status, retry_after, body: Bytes::from_static(body) }
    }

    #[test]
    fn errors_of_a_node_keep_all_that_it_said() {
        let body =
            br#"{"error":{"code":"dimension_mismatch","message":"documents[3].vector: has 2",
            "retryable":false,"outcome":"not_applied",
            "violations":[{"field":"documents[3].vector","description":"has 2"}]},
            "request_id":"r-7"}"#;
        let RequestError::Node(error) = reply(422, body).success().unwrap_err() else { panic!() };
        assert_eq!(error.to_string(), "dimension_mismatch: documents[3].vector: has 2");
        assert_eq!(error.known_code(), Some(ErrorCode::DimensionMismatch));
        assert_eq!((error.retryable, error.outcome), (false, Some(Outcome::NotApplied)));
        assert_eq!(error.violations[0].field, "documents[3].vector");
        assert_eq!(error.request_id.as_deref(), Some("r-7"));
        assert_eq!(error.retry_after, Some(Duration::from_secs(3)));
    }

    #[test]
    fn a_stranger_is_not_taken_for_a_node() {
        let error = reply(404, b"<html>not here</html>").success().unwrap_err();
        assert!(matches!(error, RequestError::NotANode { .. }) && !error.retryable());
        assert!(parse::<Value>(b"<html>").is_err());
        assert_eq!(parse::<Value>(b"").unwrap(), Value::Null);
    }
}
