//! The door behind its listener: what every call passes on its way in and out.
//!
//! What its arrival says against a call, and faults below the services, become typed errors.

use std::sync::Arc;

use akidb_core::{Error, ErrorCode, Result};
use akidb_listener::{
    Arrival, BodyBudget, BodyError, BoundedBody, Deadlines, Handler, ListenerOptions, RequestBody,
    RequestId, caught,
};
use akidb_service::{Caller, Door, Operation, RequestSpan, Service};
use http::{HeaderMap, Request, Response, StatusCode, Version, header::CONTENT_TYPE};
use http_body_util::BodyExt;
use tonic::{Status, body::Body, service::Routes};
use tower::ServiceExt;

use crate::{
    answer_body::{AnswerBody, Answered},
    below_services,
    call::Call,
    grpc_timeout,
    method::Method,
    scrape,
    status::status_of,
};

const ACCEPTED_ENCODINGS: &str = "grpc-accept-encoding";

/// Stands before the services; clones share it.
#[derive(Clone)]
pub(crate) struct GrpcDoor {
    routes: Routes,
    pub(crate) service: Service,
    pub(crate) options: Arc<ListenerOptions>,
    budget: BodyBudget,
}

impl Handler for GrpcDoor {
    type Body = Body;

    async fn answer(&self, request: Request<RequestBody>, arrival: Arrival) -> Response<Body> {
        let path = request.uri().path();
        if request.version() < Version::HTTP_2 {
            let operation = scrape::operation(&request);
            let arrived = self.admitted(&arrival, request.headers(), operation);
            if let Err(error) = &arrived {
                self.service.count_refused(Door::Grpc, operation, error);
            }
            let metrics_text = || self.service.metrics_text();
            return scrape::answer(&request, arrived.err().as_ref(), metrics_text).map(Body::new);
        }
        let method = Method::of(path);
        let name = method.is_served.then(|| path.trim_start_matches('/').to_owned());
        let span = arrival.begin_span(Door::Grpc, request.headers(), || {
            name.as_deref().unwrap_or("none").to_owned()
        });
        let arrived = self.admitted(&arrival, request.headers(), method.operation);
        let answer = self.answer_call(method, (&arrival.id, &span), arrived, request);
        let (head, body) = span.around(answer).await.into_parts();
        let metrics = self.service.door_metrics();
        let answered = Answered { metrics, method: name, span, started: arrival.at };
        let body = AnswerBody::new(body, &head.headers, answered);
        Response::from_parts(head, Body::new(body))
    }

    fn failed(&self, error: Error, id: &RequestId) -> Response<Body> {
        status_of(&error, id).into_http()
    }
}

impl GrpcDoor {
    pub(crate) fn new(routes: Routes, service: Service, options: ListenerOptions) -> Self {
        let budget = BodyBudget::new(&options);
        Self { routes, service, options: Arc::new(options), budget }
    }

    /// Who sent a request, where the listener has nothing against it and they may ask for an operation.
    fn admitted(
        &self,
        arrival: &Arrival,
        headers: &HeaderMap,
        operation: Operation,
    ) -> Result<Caller> {
        match arrival.refusal(operation == Operation::Health) {
            Some(error) => Err(error.clone()),
            None => arrival.caller((&self.service, Door::Grpc), headers, operation),
        }
    }

    async fn answer_call(
        &self,
        method: Method,
        named: (&RequestId, &RequestSpan),
        arrived: Result<Caller>,
        request: Request<RequestBody>,
    ) -> Response<Body> {
        let (arrived, caller) = match arrived {
            Ok(caller) => (Ok(()), caller),
            Err(error) => (Err(error), Caller::default()),
        };
        let timeout = arrived
            .and_then(|()| check_content_type(request.headers()))
            .and_then(|()| grpc_timeout::given(request.headers()));
        let deadlines_of =
            if method.streams { Deadlines::of_stream } else { Deadlines::of_request };
        match timeout {
            Ok(given) => {
                let deadlines = deadlines_of(given, &self.options);
                self.routed(self.call(named, method, deadlines, caller), request).await
            }
            Err(error) => {
                let deadlines = deadlines_of(None, &self.options);
                refused(&self.call(named, method, deadlines, caller), &error)
            }
        }
    }

    fn call(
        &self,
        (id, span): (&RequestId, &RequestSpan),
        method: Method,
        deadlines: Deadlines,
        caller: Caller,
    ) -> Call {
        let message_bytes_max = self.service.limits().grpc_message_bytes;
        Call {
            id: id.clone(),
            span: span.clone(),
            method,
            deadlines,
            caller,
            share: Arc::new(self.budget.share(method.messages_held * message_bytes_max)),
            message_bytes_max,
            service: self.service.clone(),
        }
    }

    async fn routed(&self, call: Call, request: Request<RequestBody>) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(call.clone());
        let body = BoundedBody::new(body, call.deadlines, call.share.clone());
        let receiving = call.clone();
        let body = body.map_err(move |error| match error {
            BodyError::Refused(error) => receiving.refuse(&error),
            BodyError::Broken(error) => Status::from_error(Box::new(error)),
        });
        let answer = self.routes.clone().oneshot(Request::from_parts(parts, body));
        match caught(call.method.outcome_unless_told(), answer).await {
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
    let error = below_services::error_of(&status, &call.method, call.message_bytes_max);
    let Some(error) = error else { return response };
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
