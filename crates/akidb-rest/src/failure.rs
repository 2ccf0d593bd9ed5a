//! A request that failed, on its way to the envelope, which encodes it with the request's id.

use akidb_core::{Error, ErrorCode};
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::StatusCode;

/// An error, and whether the door itself found it.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// What is answered.
    pub(crate) error: Error,
    /// The request could not be decoded, so the service has not seen and not counted it.
    pub(crate) refused: bool,
}

impl Failure {
    /// A request that did not reach the service.
    pub(crate) fn refused(error: Error) -> Self {
        Self { error, refused: true }
    }
}

impl From<Error> for Failure {
    /// An error of the service.
    fn from(error: Error) -> Self {
        Self { error, refused: false }
    }
}

impl IntoResponse for Failure {
    /// An empty response that carries the failure; the envelope puts the body in.
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status(self.error.code);
        response.extensions_mut().insert(self);
        response
    }
}

/// The HTTP status of a code.
pub(crate) fn status(code: ErrorCode) -> StatusCode {
    StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
