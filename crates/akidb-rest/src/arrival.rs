//! What the listener found about a request, and whose key it has: answered before any route sees it and
//! before its body is read. And CORS.
//!
//! CORS is off unless the configuration lists origins. A page of such an origin may use every route and
//! read every reply; the browser asks first (a preflight) whether it may.

use akidb_core::{Error, ErrorCode};
use akidb_listener::Arrival;
use akidb_service::{Door, Operation, Service};
use axum::{
    Extension,
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use crate::{body::discard, failure::Failure, routes::operation_of};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
/// What a page may read of the heads of replies.
const EXPOSED: HeaderValue = HeaderValue::from_static("x-request-id, retry-after, allow");
/// How long a browser may keep the answer to a preflight, in seconds.
const MAX_AGE_S: HeaderValue = HeaderValue::from_static("600");

/// A browser on another network asks whether a page may speak to this one.
const ASKS_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-request-private-network");
const ALLOWS_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-allow-private-network");

/// Bytes of the body of a refused request that are still taken, so that its client finds the answer.
const DISCARD_BYTES: usize = 1 << 20;

/// The middleware around all routes.
pub(crate) async fn arrive(
    State(service): State<Service>,
    Extension(arrival): Extension<Arrival>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let operation = operation_of(request.method(), path);
    if let Some(error) = arrival.refusal(operation == Some(Operation::Health)) {
        let refused = refused(&service, operation.unwrap_or(Operation::Unknown), error, request);
        return with_vary(refused.await);
    }
    let origin = arrival.allowed_origin.clone();
    // Browsers ask before they send a key.
    let mut response = match origin.is_some() && is_preflight(&request) {
        true => preflight(request.headers()),
        false => admitted(&service, &arrival, operation, request, next).await,
    };
    let Some(origin) = origin else { return response };
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    response.headers_mut().insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    with_vary(response)
}

/// Answers a request of somebody who may ask for it, and tells its handler who that is.
async fn admitted(
    service: &Service,
    arrival: &Arrival,
    operation: Option<Operation>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(operation) = operation else {
        let error = Error::new(ErrorCode::Internal, "the route has no operation in the table");
        return Failure::refused(error).into_response();
    };
    match arrival.caller((service, Door::Rest), request.headers(), operation) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => refused(service, operation, &error, request).await,
    }
}

/// The answer to a request of which no route sees anything.
async fn refused(
    service: &Service,
    operation: Operation,
    error: &Error,
    request: Request,
) -> Response {
    service.count_refused(Door::Rest, operation, error);
    let refusal = Failure::refused(error.clone());
    if !request.headers().contains_key(header::EXPECT) {
        discard(&mut request.into_body(), DISCARD_BYTES).await;
    }
    refusal.into_response()
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Allows what the browser asks for: who may use the node at all may use all of it.
fn preflight(asked: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_S);
    if let Some(names) = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    if asked.get(ASKS_PRIVATE_NETWORK).is_some_and(|asks| asks == "true") {
        headers.insert(ALLOWS_PRIVATE_NETWORK, HeaderValue::from_static("true"));
    }
    response
}

/// What is answered depends on the origin, which caches must know.
fn with_vary(mut response: Response) -> Response {
    response.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preflight_is_allowed_what_it_asks_for() {
        let mut asked = HeaderMap::new();
        let names = "content-type, x-request-timeout-ms";
        asked.insert(header::ACCESS_CONTROL_REQUEST_HEADERS, names.parse().unwrap());
        let answer = preflight(&asked);
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        assert_eq!(answer.headers()[header::ACCESS_CONTROL_ALLOW_HEADERS], names);
        assert!(answer.headers().get(ALLOWS_PRIVATE_NETWORK).is_none());
        asked.insert(ASKS_PRIVATE_NETWORK, HeaderValue::from_static("true"));
        assert_eq!(preflight(&asked).headers()[ALLOWS_PRIVATE_NETWORK], "true");
    }
}
