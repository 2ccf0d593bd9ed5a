//! `GET /metrics` over HTTP/1, the one thing besides gRPC that this listener answers: a scraper that
//! speaks no HTTP/2 finds out whether the listener takes connections.

use std::{convert::Infallible, sync::Arc};

use akidb_service::METRICS_CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::Watcher,
};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::front::Front;

/// What a scraper sends first; no HTTP/2 client does.
pub(crate) const BEGINNING: &[u8] = b"GET /";

/// Answers one request and closes.
pub(crate) async fn serve(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    front: Arc<Front>,
    watcher: Watcher,
) {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(front.options.handshake_timeout)
        .keep_alive(false);
    let service = service_fn(move |request| {
        let response = answer(&front, &request);
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = builder.serve_connection(TokioIo::new(io), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a scrape failed");
    }
}

fn answer(front: &Front, request: &Request<Incoming>) -> Response<String> {
    if request.method() == Method::GET && request.uri().path() == "/metrics" {
        let mut response = Response::new((front.metrics_text)());
        let content_type = HeaderValue::from_static(METRICS_CONTENT_TYPE);
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        return response;
    }
    let hint = "this listener speaks gRPC, and HTTP/1 only for GET /metrics\n";
    let mut response = Response::new(hint.to_owned());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}
