//! What every request passes on its way in and out: its id, deadline, span and memory; panics and
//! faults below the services become typed errors.

use std::sync::Arc;

use akidb_core::{Error, ErrorCode, Result};
use http::{HeaderMap, Request, Response, StatusCode, header::CONTENT_TYPE};
use hyper::body::Incoming;
use tonic::{Status, body::Body, service::Routes};
use tower::ServiceExt;
use tracing::Instrument;

use crate::{
    GrpcOptions,
    call::{Call, CountRefused},
    fault,
    memory::RequestMemory,
    method::Method,
    panics,
    request_body::RequestBody,
    request_id::{REQUEST_ID, RequestId},
    timing::Timing,
};

const ACCEPTED_ENCODINGS: &str = "grpc-accept-encoding";

/// Stands before the services, shared by all connections.
pub(crate) struct Front {
    pub(crate) routes: Routes,
    pub(crate) options: GrpcOptions,
    pub(crate) memory: Arc<RequestMemory>,
    /// The limit `grpc_message_bytes`.
    pub(crate) message_bytes_max: usize,
    pub(crate) count_refused: CountRefused,
}

impl Front {
    /// Answers one request. Every answer carries the request id.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let id = RequestId::of(request.headers());
        let method = Method::of(request.uri().path());
        let span =
            tracing::info_span!("grpc", operation = method.operation.as_str(), request_id = %id);
        let timing = check_content_type(request.headers())
            .and_then(|()| Timing::of(request.headers(), &method, &self.options));
        let mut response = match timing {
            Ok(timing) => {
                self.routed(self.call(&id, method, timing), request).instrument(span).await
            }
            Err(error) => {
                let timing = Timing::starting_now(&self.options);
                refused(&self.call(&id, method, timing), &error)
            }
        };
        response.headers_mut().insert(REQUEST_ID, id.to_header());
        response
    }

    fn call(&self, id: &RequestId, method: Method, timing: Timing) -> Call {
        Call {
            id: id.clone(),
            method,
            timing,
            share: Arc::new(self.memory.share(method.messages_held * self.message_bytes_max)),
            message_bytes_max: self.message_bytes_max,
            count_refused: self.count_refused.clone(),
        }
    }

    async fn routed(&self, call: Call, request: Request<Incoming>) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(call.clone());
        let request = Request::from_parts(parts, RequestBody::new(body, call.clone()));
        match panics::caught(&call.method, self.routes.clone().oneshot(request)).await {
            Ok(Ok(response)) => typed(&call, response),
            Ok(Err(never)) => match never {},
            Err(error) => call.status(&error).into_http(),
        }
    }
}

/// Gives a status that was made below the services its details.
fn typed(call: &Call, response: Response<Body>) -> Response<Body> {
    let status = Status::from_header_map(response.headers());
    let Some(status) = status.filter(|status| status.details().is_empty()) else {
        return response;
    };
    let Some(error) = fault::error_of(&status, &call.method, call.message_bytes_max) else {
        return response;
    };
    let mut typed: Response<Body> = call.refuse(&error).into_http();
    if let Some(encodings) = response.headers().get(ACCEPTED_ENCODINGS) {
        typed.headers_mut().insert(ACCEPTED_ENCODINGS, encodings.clone());
    }
    typed
}

fn check_content_type(headers: &HeaderMap) -> Result<()> {
    let given = headers.get(CONTENT_TYPE).map_or(&b""[..], |given| given.as_bytes());
    if given.starts_with(b"application/grpc") {
        return Ok(());
    }
    let message = "the content-type is not application/grpc, this listener speaks gRPC only";
    Err(Error::new(ErrorCode::UnsupportedMediaType, message))
}

/// The answer to a request that does not reach the routes.
///
/// What is not gRPC gets an HTTP status too, so that nobody takes the answer for a success (gRPC
/// over HTTP2, "Content-Type").
fn refused(call: &Call, error: &Error) -> Response<Body> {
    let mut response: Response<Body> = call.refuse(error).into_http();
    if error.code == ErrorCode::UnsupportedMediaType {
        *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    }
    response
}
