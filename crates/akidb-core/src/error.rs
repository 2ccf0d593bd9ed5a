//! The error that every service method returns and every door encodes.

use std::{fmt, time::Duration};

use crate::ErrorCode;

/// A result whose error can be answered through any door.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whether a failed request changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was changed.
    NotApplied,
    /// The change may or may not be there after a restart.
    Unknown,
}

impl Outcome {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotApplied => "not_applied",
            Self::Unknown => "unknown",
        }
    }
}

/// One place of the request that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where, as a path into the request: `documents[3].vector[17]`.
    pub field: String,
    /// What is wrong there and what is allowed.
    pub description: String,
}

/// A failed request: the code, a message for people, and the places that are wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The stable name of what went wrong.
    pub code: ErrorCode,
    /// Lower case, names the thing and what is allowed.
    pub message: String,
    /// Whether anything was changed.
    pub outcome: Outcome,
    /// The wrong places, the first [`Error::VIOLATIONS_MAX`] of them.
    pub violations: Vec<Violation>,
    /// When to try again, for retryable errors that know it.
    pub retry_after: Option<Duration>,
}

impl Error {
    /// How many violations an error carries at the most.
    pub const VIOLATIONS_MAX: usize = 16;

    /// An error that changed nothing.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            outcome: Outcome::NotApplied,
            violations: Vec::new(),
            retry_after: None,
        }
    }

    /// An error about one place of the request.
    pub fn at(code: ErrorCode, field: impl Into<String>, description: impl fmt::Display) -> Self {
        let field = field.into();
        let description = description.to_string();
        let message = format!("{field}: {description}");
        Self { violations: vec![Violation { field, description }], ..Self::new(code, message) }
    }

    /// One error for several wrong places, or none where there are none.
    ///
    /// The code is that of the first place; the message names it and counts the others.
    #[must_use]
    pub fn collect(faults: Vec<Self>) -> Option<Self> {
        let others = faults.len().saturating_sub(1);
        let mut faults = faults.into_iter();
        let mut first = faults.next()?;
        first.violations.extend(faults.flat_map(|fault| fault.violations));
        first.violations.truncate(Self::VIOLATIONS_MAX);
        if others > 0 {
            first.message = format!("{} (and {others} more)", first.message);
        }
        Some(first)
    }

    /// The same error of a part of a request, its places below that of the part.
    #[must_use]
    pub fn below(mut self, place: &str) -> Self {
        for violation in &mut self.violations {
            violation.field = format!("{place}.{}", violation.field);
        }
        // A message about a place begins with it.
        let joint = if self.violations.is_empty() { ": " } else { "." };
        self.message = format!("{place}{joint}{}", self.message);
        self
    }

    /// The deadline of a request passed, and nothing was changed by then.
    #[must_use]
    pub fn too_late() -> Self {
        Self::new(ErrorCode::DeadlineExceeded, "the deadline passed before the answer was ready")
    }

    /// The same error, with the time after which to try again.
    #[must_use]
    pub fn with_retry_after(self, retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..self }
    }

    /// The same error, for a change that may have been applied.
    #[must_use]
    pub fn with_outcome(self, outcome: Outcome) -> Self {
        Self { outcome, ..self }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Error {}

/// An error and its causes on one line; a cause that its parent already quotes is left out.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collected_faults_keep_every_place_up_to_the_limit() {
        let fault = |i: usize| Error::at(ErrorCode::InvalidText, format!("texts[{i}]"), "is blank");
        assert_eq!(Error::collect(vec![]), None);
        let one = Error::collect(vec![fault(4)]).unwrap();
        assert_eq!(one.message, "texts[4]: is blank");
        let many = Error::collect((0..40).map(fault).collect()).unwrap();
        assert_eq!(many.message, "texts[0]: is blank (and 39 more)");
        assert_eq!(many.violations.len(), Error::VIOLATIONS_MAX);
    }
}
