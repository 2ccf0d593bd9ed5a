//! What surrounds every request: its id, its spans, what is counted of it, and the one shape of
//! errors.
//!
//! What does not live here: anything that depends on the route.

use std::{
    any::Any,
    time::{Duration, Instant},
};

use akidb_core::{Error, ErrorCode, Outcome};
use akidb_listener::{REQUEST_ID, RequestId};
use akidb_service::{Door, DoorMetrics, RequestSpan};
use axum::{
    Router,
    body::Body,
    extract::{MatchedPath, Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, header};
use serde::Serialize;
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    failure::Failure,
    json::JSON,
    route::ErrorShape,
    routes::error_shape,
    wire::{ErrorAnswer, OpenAiErrorAnswer},
};

/// Turns panics of the routes and fallbacks of a router into failures.
pub(crate) fn catching_panics<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router.layer(CatchPanicLayer::custom(panicked))
}

/// Puts the envelope around every route and fallback of a router.
pub(crate) fn enveloped<S: Clone + Send + Sync + 'static>(
    router: Router<S>,
    metrics: DoorMetrics,
) -> Router<S> {
    router.layer(from_fn_with_state(metrics, envelope))
}

async fn envelope(
    State(metrics): State<DoorMetrics>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let given = request.extensions().get::<RequestId>().cloned();
    let request_id = given.unwrap_or_else(|| RequestId::of(request.headers()));
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map(MatchedPath::as_str);
    let method = request.method().clone();
    let span = request_span(&request, route, &request_id);
    request.extensions_mut().insert(span.clone());
    let shape = error_shape(route.unwrap_or_default());
    let answer = async {
        let response = next.run(request).await;
        let response = encode_failure(response, &method, shape, &request_id);
        let status = response.status().as_u16();
        let path = route.unwrap_or("none");
        let took_ms = started.elapsed().as_secs_f64() * 1e3;
        tracing::debug!(%method, route = path, status, took_ms, "answered");
        response
    };
    let mut response = span.around(answer).await;
    let status = response.status();
    span.answered(i64::from(status.as_u16()), status.is_server_error());
    metrics.http_answered(method.as_str(), route, status.as_u16(), started.elapsed());
    response.headers_mut().insert(REQUEST_ID, request_id.to_header());
    response
}

fn request_span(request: &Request, route: Option<&str>, request_id: &RequestId) -> RequestSpan {
    let name = || format!("{} {}", request.method(), route.unwrap_or("none"));
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    RequestSpan::begin(Door::Rest, request_id.as_str(), name, header)
}

/// Gives a failed request its body.
fn encode_failure(
    mut response: Response,
    method: &Method,
    shape: ErrorShape,
    request_id: &RequestId,
) -> Response {
    let Some(Failure { error, .. }) = response.extensions_mut().remove::<Failure>() else {
        return response;
    };
    log(&error);
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, JSON);
    insert_retry_after(headers, &error);
    let body = match shape {
        ErrorShape::Own => encoded(&ErrorAnswer::new(error, request_id.as_str())),
        ErrorShape::OpenAi => {
            let (status, answer) = OpenAiErrorAnswer::new(error);
            *response.status_mut() = status;
            encoded(&answer)
        }
    };
    if method != Method::HEAD {
        *response.body_mut() = body;
    }
    response
}

/// Strings and lists of them always have a JSON form.
fn encoded(answer: &impl Serialize) -> Body {
    Body::from(serde_json::to_vec(answer).unwrap_or_default())
}

fn log(error: &Error) {
    let (code, message) = (error.code.as_str(), error.message.as_str());
    if error.code.http_status() == 500 {
        tracing::error!(code, outcome = error.outcome.as_str(), message, "request failed");
    } else {
        tracing::debug!(code, message, "request refused");
    }
}

/// Whole seconds, at least one, where the error knows them or its status calls for the header.
fn insert_retry_after(headers: &mut HeaderMap, error: &Error) {
    let expected = matches!(error.code.http_status(), 429 | 503);
    let wait = error.retry_after.or(expected.then_some(Duration::from_secs(1)));
    if let Some(wait) = wait.filter(|_| error.code.retryable()) {
        let started_second = u64::from(wait.subsec_nanos() > 0);
        let seconds = wait.as_secs().saturating_add(started_second).max(1);
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// A panic says nothing about how far the request came.
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = text.unwrap_or("of unknown kind"), "a request panicked");
    let error = Error::new(ErrorCode::Internal, "a fault of the node, its log has the detail");
    Failure::from(error.with_outcome(Outcome::Unknown)).into_response()
}

#[cfg(test)]
mod tests;
