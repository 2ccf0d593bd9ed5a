//! `GET /metrics` over HTTP/1, the one thing besides gRPC that this listener answers: a scraper that
//! speaks no HTTP/2 finds out whether the listener takes connections.

use akidb_core::{Error, ErrorCode};
use akidb_service::{METRICS_CONTENT_TYPE, Operation};
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{CONNECTION, CONTENT_TYPE, WWW_AUTHENTICATE},
};

const HINT: &str = "this listener speaks gRPC, and HTTP/1 only for GET /metrics\n";

/// What a request asks for.
pub(crate) fn operation<T>(request: &Request<T>) -> Operation {
    if is_metrics(request) { Operation::Metrics } else { Operation::Unknown }
}

fn is_metrics<T>(request: &Request<T>) -> bool {
    request.method() == Method::GET && request.uri().path() == "/metrics"
}

/// Answers one request and ends the connection.
pub(crate) fn answer<T>(
    request: &Request<T>,
    refused: Option<&Error>,
    metrics_text: impl FnOnce() -> String,
) -> Response<String> {
    let mut response = match refused {
        Some(error) => {
            let mut response = Response::new(format!("{error}\n"));
            let status = StatusCode::from_u16(error.code.http_status());
            *response.status_mut() = status.unwrap_or(StatusCode::BAD_REQUEST);
            if error.code == ErrorCode::Unauthenticated {
                let bearer = HeaderValue::from_static("Bearer realm=\"akidb\"");
                response.headers_mut().insert(WWW_AUTHENTICATE, bearer);
            }
            response
        }
        None if is_metrics(request) => {
            let mut response = Response::new(metrics_text());
            let content_type = HeaderValue::from_static(METRICS_CONTENT_TYPE);
            response.headers_mut().insert(CONTENT_TYPE, content_type);
            response
        }
        None => {
            let mut response = Response::new(HINT.to_owned());
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    };
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
