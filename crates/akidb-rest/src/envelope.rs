//! What surrounds every request: its id, its spans, what is counted of it, and the one shape of
//! errors.

use std::time::Duration;

use akidb_core::{Error, ErrorCode, Outcome};
use akidb_listener::{Arrival, RequestId, caught};
use akidb_service::{Door, DoorMetrics};
use axum::{
    Router,
    body::Body,
    extract::{MatchedPath, Request, State},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, header};
use serde::Serialize;

use crate::{
    failure::Failure,
    json::JSON,
    route::ErrorShape,
    routes::error_shape,
    wire::{ErrorAnswer, OpenAiErrorAnswer},
};

/// What a client is asked for that shows no key (RFC 6750, section 3).
const BEARER: HeaderValue = HeaderValue::from_static("Bearer realm=\"akidb\"");

/// Turns panics of the routes and fallbacks of a router into failures.
pub(crate) fn catching_panics<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router.layer(from_fn(catch_panics))
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
    let arrival = request.extensions().get::<Arrival>().cloned();
    let arrival = arrival.unwrap_or_else(|| Arrival::without_listener(request.headers()));
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map(MatchedPath::as_str);
    let method = request.method().clone();
    let span = arrival.begin_span(Door::Rest, request.headers(), || {
        format!("{method} {}", route.unwrap_or("none"))
    });
    request.extensions_mut().insert(span.clone());
    request.extensions_mut().insert(arrival.clone());
    let shape = error_shape(route.unwrap_or_default());
    let answer = async {
        let response = next.run(request).await;
        let response = encode_failure(response, &method, shape, &arrival.id);
        let status = response.status().as_u16();
        let path = route.unwrap_or("none");
        let took_ms = arrival.at.elapsed().as_secs_f64() * 1e3;
        tracing::debug!(%method, route = path, status, took_ms, "answered");
        response
    };
    let response = span.around(answer).await;
    let status = response.status();
    span.answered(i64::from(status.as_u16()), status.is_server_error());
    metrics.http_answered(method.as_str(), route, status.as_u16(), arrival.at.elapsed());
    response
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
    if error.code == ErrorCode::Unauthenticated {
        headers.insert(header::WWW_AUTHENTICATE, BEARER);
    }
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
async fn catch_panics(request: Request, next: Next) -> Response {
    let answer = caught(Outcome::Unknown, next.run(request)).await;
    answer.unwrap_or_else(|error| Failure::from(error).into_response())
}

#[cfg(test)]
mod tests;
