//! What a node answered, and what its errors mean for a command.

use std::time::Duration;

use akidb_core::ErrorCode;
use serde::Deserialize;
use serde_json::Value;

use crate::failure::{ExitStatus, Failure, chain};

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum RequestError {
    /// The node refused or failed.
    Node(NodeError),
    /// No answer came.
    Unreachable { message: String, refused: bool },
    /// Something answered that is not a node.
    NotANode { message: String },
}

/// An error as the node words it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct NodeError {
    /// The code's name.
    pub(crate) code: String,
    /// For people.
    pub(crate) message: String,
    /// Whether the same request may succeed later.
    pub(crate) retryable: bool,
    /// The wrong places of the request.
    pub(crate) violations: Vec<Violation>,
    /// When to try again.
    #[serde(skip)]
    pub(crate) retry_after: Option<Duration>,
    /// To be found in the node's log.
    #[serde(skip)]
    pub(crate) request_id: Option<String>,
}

/// One wrong place of a request.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Violation {
    /// `documents[3].vector[17]`
    pub(crate) field: String,
    /// What is wrong there.
    pub(crate) description: String,
}

/// The body of every error.
#[derive(Deserialize)]
struct ErrorBody {
    error: NodeError,
    request_id: Option<String>,
}

pub(super) fn success(body: &[u8]) -> Result<Value, RequestError> {
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body).map_err(|error| RequestError::NotANode {
        message: format!("the answer is not JSON: {error}"),
    })
}

pub(super) fn failure(status: u16, body: &[u8], retry_after: Option<Duration>) -> RequestError {
    match serde_json::from_slice::<ErrorBody>(body) {
        Ok(ErrorBody { error, request_id }) => {
            RequestError::Node(NodeError { retry_after, request_id, ..error })
        }
        Err(_) => RequestError::NotANode {
            message: format!("status {status} without an error that AkiDB would send"),
        },
    }
}

impl RequestError {
    pub(super) fn unreachable(url: &str, error: reqwest::Error) -> Self {
        let refused = error.is_connect();
        let message = format!("no answer from {url}: {}", chain(&error.without_url()));
        Self::Unreachable { message, refused }
    }

    /// Whether sending the same again may help, where sending it twice does no harm.
    pub(crate) const fn retryable(&self) -> bool {
        match self {
            Self::Node(error) => error.retryable,
            Self::Unreachable { .. } => true,
            Self::NotANode { .. } => false,
        }
    }
}

impl NodeError {
    /// The row of the error table, where this version knows it.
    pub(crate) fn known_code(&self) -> Option<ErrorCode> {
        ErrorCode::ALL.iter().copied().find(|code| code.as_str() == self.code)
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Node(error) => error.into(),
            RequestError::Unreachable { message, refused: true } => Self::new(ExitStatus::IO, message)
                .hint("start a node with `akidb serve`, name another with --url, or open the data itself with --data-dir"),
            RequestError::Unreachable { message, refused: false } => Self::new(ExitStatus::IO, message)
                .hint("what was asked for may be done or not; the node's log says whether it still runs"),
            RequestError::NotANode { message } => Self::new(ExitStatus::FAILURE, message)
                .hint("does --url name the REST address of an AkiDB node?"),
        }
    }
}

impl From<NodeError> for Failure {
    fn from(error: NodeError) -> Self {
        let code = error.known_code();
        Self {
            exit: code.map_or(ExitStatus::FAILURE, ExitStatus::from),
            message: format!("{}: {}", error.code, error.message),
            hint: code.and_then(hint).map(str::to_owned),
            request_id: error.request_id,
        }
    }
}

/// What a person can do about an error, where that is the same each time.
const fn hint(code: ErrorCode) -> Option<&'static str> {
    Some(match code {
        ErrorCode::UnknownField | ErrorCode::RouteNotFound | ErrorCode::MethodNotAllowed => {
            "are `akidb --version` and the node of one version?"
        }
        ErrorCode::InvalidFilter => "a filter is a JSON object such as {\"year\":{\"$gte\":2000}}",
        ErrorCode::ConditionFailed => {
            "`akidb document get` shows the document as it is by now, with its seq"
        }
        ErrorCode::InvalidName => "choose 1 to 64 of A-Z a-z 0-9 _ and -",
        ErrorCode::DimensionMismatch => "`akidb collection show NAME` shows the dimension",
        ErrorCode::ModelInUse => "--force unloads it all the same",
        ErrorCode::ModelMismatch => {
            "`akidb collection show NAME` shows the model that a collection was made with"
        }
        ErrorCode::BodyTooLarge | ErrorCode::LimitExceeded => {
            "send less at once, or raise the limit in [limits] of the node's configuration"
        }
        ErrorCode::DeadlineExceeded => {
            "ask for less, or raise server.request_timeout_ms of the node"
        }
        ErrorCode::IndexMemoryFull => {
            "delete documents, drop a collection, or raise index.memory_limit of the node"
        }
        ErrorCode::DocumentDamaged => {
            "store the document again; the disk may be failing, look at its health"
        }
        ErrorCode::EmbeddingFailed | ErrorCode::Internal => {
            "the node's log has more under the request id"
        }
        ErrorCode::CollectionNotFound => "`akidb collection list` shows the collections",
        ErrorCode::CollectionExists => "`akidb collection show NAME` shows it",
        ErrorCode::ModelNotFound => {
            "`akidb model status` shows the models that the node may load, `akidb model list` those \
             that are installed"
        }
        ErrorCode::EmbeddingDisabled => {
            "give vectors, or set embedding.enabled = true in the node's configuration"
        }
        ErrorCode::QueueFull | ErrorCode::Overloaded => "the node is busy, try again",
        ErrorCode::ModelNotReady => "the model is still loading, or failed to; the node's log says",
        ErrorCode::ShuttingDown => "try again when the node is back",
        ErrorCode::StorageFull => {
            "delete documents or collections, or make room on the disk of the data directory; \
             writes begin again by themselves (storage.min_free)"
        }
        ErrorCode::StorageFailed => "the node's log says what failed",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_a_node_keep_code_places_and_request() {
        let body =
            br#"{"error":{"code":"dimension_mismatch","message":"documents[3].vector: has 2",
            "retryable":false,"outcome":"not_applied",
            "violations":[{"field":"documents[3].vector","description":"has 2"}]},
            "request_id":"r-7"}"#;
        let RequestError::Node(error) = failure(422, body, None) else { panic!() };
        assert_eq!(error.violations[0].field, "documents[3].vector");
        let failure = Failure::from(error);
        assert_eq!(failure.exit, ExitStatus::USAGE);
        assert_eq!(failure.message, "dimension_mismatch: documents[3].vector: has 2");
        assert_eq!(failure.request_id.as_deref(), Some("r-7"));
    }

    #[test]
    fn a_stranger_is_not_taken_for_a_node() {
        let error = failure(404, b"<html>not here</html>", None);
        assert!(!error.retryable());
        assert!(Failure::from(error).hint.is_some());
        assert!(success(b"<html>").is_err());
        assert_eq!(success(b"").unwrap(), Value::Null);
    }
}
