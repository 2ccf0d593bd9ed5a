//! What tonic refuses below the services, before any handler runs, as the same typed errors that
//! handlers return.
//!
//! tonic answers a too long message with OUT_OF_RANGE, undecodable protobuf with INTERNAL and an
//! unknown method with an empty UNIMPLEMENTED. Nothing else below the services makes statuses
//! without details, so the code of such a status says what happened.

use akidb_core::{Error, ErrorCode};
use tonic::{Code, Status};

use crate::method::Method;

/// The error behind a status, or none where the status is not about the request: a client that
/// went away, or an answer of the health and reflection services.
pub(crate) fn error_of(
    status: &Status,
    method: &Method,
    message_bytes_max: usize,
) -> Option<Error> {
    let (code, message) = match status.code() {
        Code::OutOfRange | Code::ResourceExhausted => (
            ErrorCode::BodyTooLarge,
            format!(
                "the message is larger than the limit grpc_message_bytes = {message_bytes_max}"
            ),
        ),
        Code::Internal => (ErrorCode::MalformedRequest, innermost(status.message())),
        Code::Unimplemented if method.is_served => {
            (ErrorCode::UnsupportedMediaType, status.message().to_owned())
        }
        Code::Unimplemented => (
            ErrorCode::RouteNotFound,
            "the path is not a method of this server, reflection lists those that are".to_owned(),
        ),
        _ => return None,
    };
    Some(Error::new(code, message))
}

/// Bytes of the end of a message about bytes that are no message.
const INNERMOST_BYTES: usize = 200;

/// The end of a message that names every level of a deep value before it says what is wrong.
fn innermost(message: &str) -> String {
    match message.len().checked_sub(INNERMOST_BYTES) {
        None | Some(0) => message.to_owned(),
        Some(cut) => format!("...{}", &message[message.ceil_char_boundary(cut)..]),
    }
}
