//! Why a request has no answer.

use std::time::Duration;

use akidb_core::{ErrorCode, Outcome, Violation, chain};
use serde::Deserialize;

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The node refused or failed.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// No answer came, or not all of it.
    #[error("{message}")]
    Unreachable {
        /// Names the node and the causes.
        message: String,
        /// Whether no connection was made, so that nothing was sent.
        refused: bool,
    },
    /// The time of [`Client::with_timeout`](crate::Client::with_timeout) was over.
    #[error("no answer from {url} within {within:?}")]
    TimedOut {
        /// The node.
        url: String,
        /// The time.
        within: Duration,
    },
    /// Something answered that is not a node, or a node of another version.
    #[error("{message}")]
    NotANode {
        /// What is wrong with the answer.
        message: String,
    },
    /// The answer is larger than [`Client::with_answer_limit`](crate::Client::with_answer_limit).
    #[error("the answer is larger than {limit_bytes} bytes")]
    AnswerTooLarge {
        /// The limit.
        limit_bytes: usize,
    },
    /// The request can not be written as HTTP; nothing was sent.
    #[error("the request can not be sent: {message}")]
    Invalid {
        /// What of it is wrong.
        message: String,
    },
}

/// An error as the node words it.
#[derive(Clone, Debug, Default, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
#[non_exhaustive]
pub struct NodeError {
    /// The code's name. [`NodeError::known_code`] is the same, typed.
    pub code: String,
    /// For people.
    pub message: String,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// Whether anything was changed: `None` of a node that does not say.
    pub outcome: Option<Outcome>,
    /// The wrong places of the request.
    pub violations: Vec<Violation>,
    /// When to try again, where the node says so.
    pub retry_after: Option<Duration>,
    /// The name of the request in the node's log; of a line of an import, `None`.
    pub request_id: Option<String>,
}

impl NodeError {
    /// The row of the error table, where this version knows it.
    #[must_use]
    pub fn known_code(&self) -> Option<ErrorCode> {
        ErrorCode::ALL.iter().copied().find(|code| code.as_str() == self.code)
    }
}

impl RequestError {
    /// Whether sending the same again may help, where sending it twice does no harm.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        match self {
            Self::Node(error) => error.retryable,
            Self::Unreachable { .. } => true,
            _ => false,
        }
    }

    /// Whether it is certain that the request has changed nothing.
    #[must_use]
    pub const fn changed_nothing(&self) -> bool {
        match self {
            Self::Node(error) => matches!(error.outcome, Some(Outcome::NotApplied)),
            Self::Unreachable { refused, .. } => *refused,
            Self::Invalid { .. } => true,
            _ => false,
        }
    }

    /// The node's code, where it is the node's error and this version knows the code.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Node(error) => error.known_code(),
            _ => None,
        }
    }

    pub(crate) fn unreachable(url: &str, error: reqwest::Error) -> Self {
        if error.is_builder() {
            return Self::Invalid { message: chain(&error.without_url()) };
        }
        let refused = error.is_connect();
        let message = format!("no answer from {url}: {}", chain(&error.without_url()));
        Self::Unreachable { message, refused }
    }
}

impl<'de> Deserialize<'de> for NodeError {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Wire {
            code: String,
            #[serde(default)]
            message: String,
            #[serde(default)]
            retryable: bool,
            #[serde(default)]
            outcome: String,
            #[serde(default)]
            violations: Vec<FieldFault>,
        }
        #[derive(Deserialize)]
        struct FieldFault {
            field: String,
            description: String,
        }
        let Wire { code, message, retryable, outcome, violations } =
            Wire::deserialize(deserializer)?;
        let outcome = [Outcome::NotApplied, Outcome::Unknown]
            .into_iter()
            .find(|known| known.as_str() == outcome);
        let violations = violations.into_iter();
        let violations =
            violations.map(|FieldFault { field, description }| Violation { field, description });
        let violations = violations.collect();
        let (retry_after, request_id) = (None, None);
        Ok(Self { code, message, retryable, outcome, violations, retry_after, request_id })
    }
}
