//! From the errors of the lower layers to the one error of the service.

use akidb_core::{Error, ErrorCode, InvalidText, InvalidVector};
use akidb_embedding::EmbedError;

/// An embedding error. `place_of` names the text of an index within the request.
pub(crate) fn from_embedding(error: &EmbedError, place_of: impl Fn(usize) -> String) -> Error {
    let message = error.to_string();
    match error {
        EmbedError::QueueFull { retry_after, .. } => {
            Error::new(ErrorCode::QueueFull, message).with_retry_after(*retry_after)
        }
        EmbedError::RequestTooLarge { .. } => Error::new(ErrorCode::LimitExceeded, message),
        EmbedError::DeadlineExceeded => Error::new(ErrorCode::DeadlineExceeded, message),
        EmbedError::ShuttingDown => Error::new(ErrorCode::ShuttingDown, message),
        EmbedError::TextsTooLong { texts, limit_tokens } => {
            too_long(texts, *limit_tokens, place_of).unwrap_or_else(|| {
                // The queue names at least one.
                Error::new(ErrorCode::LimitExceeded, message)
            })
        }
        EmbedError::NoTokens { indexes } => {
            let faults = indexes.iter().map(|i| from_text(place_of(*i), &InvalidText::Blank));
            // The queue names at least one.
            Error::collect(faults.collect())
                .unwrap_or_else(|| Error::new(ErrorCode::InvalidText, message))
        }
        EmbedError::QueryWithoutTokens => Error::new(ErrorCode::InvalidText, message),
        EmbedError::WrongKind { .. } => Error::new(ErrorCode::InvalidArgument, message),
        EmbedError::UnknownToken { index, position, token_id } => {
            let place = format!("{}[{position}]", place_of(*index));
            let fault = format_args!("{token_id} is not a token of the model's vocabulary");
            Error::at(ErrorCode::InvalidArgument, place, fault)
        }
        EmbedError::InvalidDimensions { given: 0, .. } => {
            Error::at(ErrorCode::InvalidArgument, "dimensions", "is 0, the least is 1")
        }
        EmbedError::InvalidDimensions { given, limit } => {
            let fault =
                format_args!("is {given}, allowed are at most the {limit} of the model's vectors");
            Error::at(ErrorCode::LimitExceeded, "dimensions", fault)
        }
        EmbedError::Unavailable { retry_after, .. } => {
            Error::new(ErrorCode::ModelNotReady, message).with_retry_after(*retry_after)
        }
        EmbedError::BatchOutOfTime { .. } => Error::new(ErrorCode::DeadlineExceeded, message),
        EmbedError::TokenizeFailed { index, reason } | EmbedError::TextFailed { index, reason } => {
            Error::at(ErrorCode::EmbeddingFailed, place_of(*index), reason)
        }
    }
}

/// Texts that are longer than the model's window, where the request forbids to cut them.
fn too_long(
    texts: &[(usize, u32)],
    limit_tokens: usize,
    place_of: impl Fn(usize) -> String,
) -> Option<Error> {
    let faults = texts.iter().map(|(index, tokens)| {
        let fault = format_args!(
            "has {tokens} tokens, prompt and special ones included, the model reads at most {limit_tokens}"
        );
        Error::at(ErrorCode::LimitExceeded, place_of(*index), fault)
    });
    Error::collect(faults.collect())
}

/// A text that can not be embedded or stored.
pub(crate) fn from_text(place: String, fault: &InvalidText) -> Error {
    Error::at(ErrorCode::InvalidText, place, fault)
}

/// A vector that can not be stored or compared.
pub(crate) fn from_vector(place: String, fault: &InvalidVector) -> Error {
    match fault {
        InvalidVector::WrongDimension { .. } => {
            Error::at(ErrorCode::DimensionMismatch, place, fault)
        }
        InvalidVector::NotFinite { position } => {
            Error::at(ErrorCode::InvalidVector, format!("{place}[{position}]"), fault)
        }
        InvalidVector::Zero | InvalidVector::TooLong => {
            Error::at(ErrorCode::InvalidVector, place, fault)
        }
    }
}

/// A number above its limit.
pub(crate) fn above_limit(place: &str, given: usize, limit_name: &str, limit: usize) -> Error {
    Error::at(
        ErrorCode::LimitExceeded,
        place,
        format_args!("is {given}, allowed are at most {limit} ({limit_name})"),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use akidb_embedding::{ModelKind, QueueLimit};

    use super::*;

    #[test]
    fn metrics_of_models_name_errors_as_their_answers_do() {
        let (retry_after, limit) = (Duration::from_secs(1), Duration::from_secs(2));
        let reason = || "it is so".to_owned();
        let errors = [
            EmbedError::QueueFull {
                request_tokens: 1,
                waiting_tokens: 2,
                limit: QueueLimit::Tokens { tokens: 2 },
                retry_after,
            },
            EmbedError::RequestTooLarge { request_tokens: 3, limit_tokens: 2 },
            EmbedError::DeadlineExceeded,
            EmbedError::ShuttingDown,
            EmbedError::TextsTooLong { texts: vec![(0, 9)], limit_tokens: 2 },
            EmbedError::NoTokens { indexes: vec![0, 2] },
            EmbedError::QueryWithoutTokens,
            EmbedError::WrongKind { name: reason(), kind: ModelKind::Embedder },
            EmbedError::UnknownToken { index: 0, position: 1, token_id: 2 },
            EmbedError::InvalidDimensions { given: 0, limit: 2 },
            EmbedError::InvalidDimensions { given: 3, limit: 2 },
            EmbedError::TokenizeFailed { index: 0, reason: reason() },
            EmbedError::TextFailed { index: 0, reason: reason() },
            EmbedError::Unavailable { reason: reason(), retry_after },
            EmbedError::BatchOutOfTime { limit },
        ];
        for error in errors {
            let answered = from_embedding(&error, |i| format!("texts[{i}]"));
            assert_eq!(error.code(), answered.code.as_str(), "{error:?}");
            assert!(EmbedError::CODES.contains(&error.code()), "{error:?}");
        }
    }

    #[test]
    fn every_text_of_which_no_token_remains_is_named_as_a_blank_one_is() {
        let error = EmbedError::NoTokens { indexes: vec![0, 2] };
        let error = from_embedding(&error, |i| format!("texts[{i}]"));
        let blank = from_text("texts[0]".to_owned(), &InvalidText::Blank);
        assert_eq!(error.message, format!("{} (and 1 more)", blank.message));
        assert_eq!((error.code, error.violations.len()), (blank.code, 2));
    }
}
