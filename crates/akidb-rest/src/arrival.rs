//! What the listener found about a request, answered before any route sees it; and CORS.
//!
//! CORS is off unless the configuration lists origins. A page of such an origin may use every route and
//! read every reply; the browser asks first (a preflight) whether it may.

use akidb_listener::Arrival;
use akidb_service::{Door, Service};
use axum::{
    Extension,
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use crate::{
    body::discard,
    failure::Failure,
    routes::{is_health, operation_of},
};

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
    if let Some(error) = arrival.refusal(path.is_some_and(is_health)) {
        let operation = operation_of(request.method(), path.unwrap_or_default());
        service.count_refused(Door::Rest, operation, error);
        let refusal = Failure::refused(error.clone());
        if !request.headers().contains_key(header::EXPECT) {
            discard(&mut request.into_body(), DISCARD_BYTES).await;
        }
        return with_vary(refusal.into_response());
    }
    let Some(origin) = arrival.allowed_origin else { return next.run(request).await };
    let mut response = match is_preflight(&request) {
        true => preflight(request.headers()),
        false => next.run(request).await,
    };
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    response.headers_mut().insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    with_vary(response)
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
