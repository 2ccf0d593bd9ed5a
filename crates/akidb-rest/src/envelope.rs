//! What surrounds every request: its id, its span, and the one shape of errors.
//!
//! What does not live here: anything that depends on the route.

mod request_id;

use std::{any::Any, time::Duration};

use akidb_core::{Error, ErrorCode, Outcome};
use axum::{
    Router,
    body::Body,
    extract::{MatchedPath, Request},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, header};
use serde::Serialize;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;

use self::request_id::{REQUEST_ID, RequestId};
use crate::{
    failure::Failure,
    json::JSON,
    route::ErrorShape,
    routes::error_shape,
    wire::{ErrorAnswer, OpenAiErrorAnswer},
};

/// Puts the envelope around every route and fallback of a router.
pub(crate) fn enveloped<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router.layer(CatchPanicLayer::custom(panicked)).layer(from_fn(envelope))
}

async fn envelope(request: Request, next: Next) -> Response {
    let request_id = RequestId::of(request.headers());
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let method = request.method().clone();
    let shape = error_shape(route);
    let span = tracing::info_span!("request", request_id = request_id.as_str(), %method, route);
    async {
        let response = next.run(request).await;
        let mut response = encode_failure(response, &method, shape, &request_id);
        tracing::debug!(status = response.status().as_u16(), "answered");
        response.headers_mut().insert(REQUEST_ID, request_id.into_header());
        response
    }
    .instrument(span)
    .await
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
