//! What every request passes on its way in and out: what its arrival says against it, its deadline,
//! span and memory; panics and faults below the services become typed errors.

use std::{sync::Arc, time::Instant};

use akidb_core::{Error, ErrorCode, Result};
use akidb_listener::{self as listener, Arrival, Handler, REQUEST_ID, RequestId};
use akidb_service::{Door, DoorMetrics, RequestSpan};
use http::{HeaderMap, Request, Response, StatusCode, Version, header::CONTENT_TYPE};
use tonic::{Status, body::Body, service::Routes};
use tower::ServiceExt;

use crate::{
    GrpcOptions,
    answer_body::{AnswerBody, Answered},
    call::{Call, CountRefused},
    fault,
    memory::RequestMemory,
    method::Method,
    panics,
    request_body::RequestBody,
    scrape,
    status::status_of,
    timing::Timing,
};

const ACCEPTED_ENCODINGS: &str = "grpc-accept-encoding";

/// What is answered whoever asks, and however many do.
const HEALTH_PATH: &str = "/grpc.health.v1.Health/";

/// Stands before the services, shared by all connections.
pub(crate) struct Front {
    pub(crate) routes: Routes,
    pub(crate) options: GrpcOptions,
    pub(crate) memory: Arc<RequestMemory>,
    /// The limit `grpc_message_bytes`.
    pub(crate) message_bytes_max: usize,
    pub(crate) count_refused: CountRefused,
    pub(crate) metrics: DoorMetrics,
    /// All metrics of the node.
    pub(crate) metrics_text: Arc<dyn Fn() -> String + Send + Sync>,
}

/// The front behind a listener; clones share it.
#[derive(Clone)]
pub(crate) struct GrpcDoor {
    pub(crate) front: Arc<Front>,
}

impl Handler for GrpcDoor {
    type Body = Body;

    async fn answer(&self, request: Request<listener::RequestBody>) -> Response<Body> {
        self.front.answer(request).await
    }

    fn failed(&self, error: Error, id: &RequestId) -> Response<Body> {
        let mut response: Response<Body> = status_of(&error, id).into_http();
        response.headers_mut().insert(REQUEST_ID, id.to_header());
        response
    }
}

impl Front {
    /// Answers one request. Every answer carries the request id.
    async fn answer(&self, mut request: Request<listener::RequestBody>) -> Response<Body> {
        let started = Instant::now();
        let given = request.extensions().get::<RequestId>().cloned();
        let id = given.unwrap_or_else(|| RequestId::of(request.headers()));
        let arrival = request.extensions_mut().remove::<Arrival>();
        let is_health = request.uri().path().starts_with(HEALTH_PATH);
        let refused = arrival.as_ref().and_then(|arrival| arrival.refusal(is_health));
        if request.version() < Version::HTTP_2 {
            return scrape::answer(&request, &id, refused, || (self.metrics_text)()).map(Body::new);
        }
        let path = request.uri().path();
        let method = Method::of(path);
        let name = method.is_served.then(|| path.trim_start_matches('/').to_owned());
        let span = request_span(&request, name.as_deref(), &id);
        let answer = self.timed(method, (&id, &span), refused, request);
        let mut response = span.around(answer).await;
        response.headers_mut().insert(REQUEST_ID, id.to_header());
        let metrics = self.metrics.clone();
        let answered = Answered { metrics, method: name, span, started };
        let (head, body) = response.into_parts();
        let body = AnswerBody::new(body, &head.headers, answered);
        Response::from_parts(head, Body::new(body))
    }

    async fn timed(
        &self,
        method: Method,
        named: (&RequestId, &RequestSpan),
        refused_at_the_door: Option<&Error>,
        request: Request<listener::RequestBody>,
    ) -> Response<Body> {
        let arrived = refused_at_the_door.map_or(Ok(()), |error| Err(error.clone()));
        let timing = arrived
            .and_then(|()| check_content_type(request.headers()))
            .and_then(|()| Timing::of(request.headers(), &method, &self.options));
        match timing {
            Ok(timing) => self.routed(self.call(named, method, timing), request).await,
            Err(error) => {
                let timing = Timing::starting_now(&self.options);
                refused(&self.call(named, method, timing), &error)
            }
        }
    }

    fn call(&self, (id, span): (&RequestId, &RequestSpan), method: Method, timing: Timing) -> Call {
        Call {
            id: id.clone(),
            span: span.clone(),
            method,
            timing,
            share: Arc::new(self.memory.share(method.messages_held * self.message_bytes_max)),
            message_bytes_max: self.message_bytes_max,
            count_refused: self.count_refused.clone(),
        }
    }

    async fn routed(&self, call: Call, request: Request<listener::RequestBody>) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(call.clone());
        let request =
            Request::from_parts(parts, RequestBody::new(body, call.clone(), &self.options));
        match panics::caught(&call.method, self.routes.clone().oneshot(request)).await {
            Ok(Ok(response)) => typed(&call, response),
            Ok(Err(never)) => match never {},
            Err(error) => call.status(&error).into_http(),
        }
    }
}

fn request_span<T>(request: &Request<T>, name: Option<&str>, id: &RequestId) -> RequestSpan {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    RequestSpan::begin(Door::Grpc, id.as_str(), || name.unwrap_or("none").to_owned(), header)
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
