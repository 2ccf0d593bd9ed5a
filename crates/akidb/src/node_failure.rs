//! What a node's errors mean for a command: its exit code, and what a person can do about it.

use akidb_client::{ErrorCode, InvalidUrl, NodeError, RequestError};

use crate::failure::{ExitStatus, Failure};

const URL_HINT: &str = "give the REST address of a node, such as http://127.0.0.1:8080";

const AUTHORITY_HINT: &str =
    "--ca names a file with the authority of the node's certificate, and --url a name in it";
/// How rustls begins what it has against the certificate of a node.
const UNKNOWN_CERTIFICATE: &str = "invalid peer certificate";

impl From<InvalidUrl> for Failure {
    fn from(error: InvalidUrl) -> Self {
        let hint = match error {
            InvalidUrl::NoAuthority { .. } => AUTHORITY_HINT,
            _ => URL_HINT,
        };
        Self::usage(error.to_string()).hint(hint)
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Node(error) => error.into(),
            RequestError::Unreachable { message, .. } if message.contains(UNKNOWN_CERTIFICATE) => {
                Self::new(ExitStatus::IO, message).hint(AUTHORITY_HINT)
            }
            RequestError::Unreachable { message, refused: true } => Self::new(ExitStatus::IO, message)
                .hint("start a node with `akidb serve`, name another with --url, or open the data itself with --data-dir"),
            RequestError::Unreachable { message, refused: false } => Self::new(ExitStatus::IO, message)
                .hint("what was asked for may be done or not; the node's log says whether it still runs"),
            RequestError::NotANode { message } => Self::new(ExitStatus::FAILURE, message)
                .hint("does --url name the REST address of an AkiDB node?"),
            error @ RequestError::TimedOut { .. } => Self::new(ExitStatus::IO, error.to_string()),
            error => Self::new(ExitStatus::FAILURE, error.to_string()),
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
        ErrorCode::RateLimited => {
            "send less often, or raise the rate of the key or in [limits] of the node"
        }
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
    fn errors_of_a_node_keep_code_and_request() {
        let error = r#"{"code":"dimension_mismatch","message":"documents[3].vector: has 2"}"#;
        let mut error: NodeError = serde_json::from_str(error).unwrap();
        error.request_id = Some("r-7".to_owned());
        let failure = Failure::from(error);
        assert_eq!(failure.exit, ExitStatus::USAGE);
        assert_eq!(failure.message, "dimension_mismatch: documents[3].vector: has 2");
        assert_eq!(failure.request_id.as_deref(), Some("r-7"));
        let stranger = RequestError::NotANode { message: "status 404".to_owned() };
        assert!(Failure::from(stranger).hint.is_some());
    }
}
