//! Bodies that come compressed or slowly, and answers that go compressed.

use std::time::Duration;

use akidb_core::Limits;
use akidb_listener::ListenerOptions;
use akidb_rest::{RestOptions, router};
use async_compression::tokio::bufread::{GzipDecoder, GzipEncoder, ZstdDecoder, ZstdEncoder};
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt};
use tower::ServiceExt;

use crate::Node;

async fn all(mut reader: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).await.unwrap();
    bytes
}

async fn encoded(coding: &str, text: &[u8]) -> Vec<u8> {
    match coding {
        "gzip" => all(GzipEncoder::new(text)).await,
        _ => all(ZstdEncoder::new(text)).await,
    }
}

/// Sends a body as it is, and answers the status and the JSON of the reply.
async fn send(node: &Node, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> (u16, Value) {
    let mut request = Request::post(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body)).unwrap();
    let response = node.router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

#[tokio::test]
async fn encoded_bodies_are_what_they_encode_within_the_limit() {
    let node = Node::with_limits(Limits { body_bytes: 100_000, ..Limits::default() }).await;
    let texts = |bytes: usize| json!({"texts": ["x".repeat(bytes)]}).to_string().into_bytes();
    for coding in ["gzip", "zstd"] {
        let headers = [("content-type", "application/json"), ("content-encoding", coding)];
        let small = encoded(coding, &texts(1_000)).await;
        let (status, answer) = send(&node, "/embed", &headers, small.clone()).await;
        assert_eq!(status, 200, "{coding}: {answer}");
        // A thousand times as large as what came.
        let bomb = encoded(coding, &texts(50 << 20)).await;
        assert!(bomb.len() < 100_000, "{}", bomb.len());
        let (status, answer) = send(&node, "/embed", &headers, bomb).await;
        assert_eq!((status, &answer["error"]["code"]), (413, &json!("body_too_large")));
        for broken in [&small[..small.len() / 2], b"no such thing"] {
            let (status, answer) = send(&node, "/embed", &headers, broken.to_vec()).await;
            let code = &answer["error"]["code"];
            assert_eq!((status, code), (400, &json!("malformed_request")), "{coding}: {answer}");
            assert!(answer["error"]["message"].as_str().unwrap().contains(coding), "{answer}");
        }
    }
    for other in ["br", "deflate", "gzip, gzip", "x"] {
        let headers = [("content-type", "application/json"), ("content-encoding", other)];
        let (status, answer) = send(&node, "/embed", &headers, texts(10)).await;
        assert_eq!((status, &answer["error"]["code"]), (415, &json!("unsupported_media_type")));
        assert!(answer["error"]["message"].as_str().unwrap().contains("gzip and zstd"), "{answer}");
    }
}

#[tokio::test]
async fn an_import_may_be_encoded_too() {
    let node = Node::start().await;
    node.ok("POST /v1/collections", r#"{"name":"films"}"#).await;
    let lines: String =
        (0..500).map(|i| format!("{{\"id\":{i},\"text\":\"film {i}\"}}\n")).collect();
    for coding in ["gzip", "zstd"] {
        let headers = [("content-type", "application/x-ndjson"), ("content-encoding", coding)];
        let body = encoded(coding, lines.as_bytes()).await;
        let path = "/v1/collections/films/import?status=none";
        assert_eq!(send(&node, path, &headers, body).await.0, 200);
    }
    let count = node.ok("POST /v1/collections/films/documents/count", "{}").await;
    assert_eq!(count["count"], 500);
}

#[tokio::test]
async fn answers_are_compressed_for_who_takes_them_so() {
    let node = Node::start().await;
    let plain = node.send("GET /openapi.json", "").await;
    assert!(!plain.headers.contains_key("content-encoding"));
    for coding in ["gzip", "zstd"] {
        let headers = [("accept-encoding", coding)];
        let answer = node.send_with("GET /openapi.json", &headers, "").await;
        assert_eq!(answer.headers["content-encoding"], coding);
        assert!(answer.body.len() < plain.body.len() / 2);
        let decoded = match coding {
            "gzip" => all(GzipDecoder::new(&answer.body[..])).await,
            _ => all(ZstdDecoder::new(&answer.body[..])).await,
        };
        assert!(decoded == plain.body);
        let small = node.send_with("GET /health", &headers, "").await;
        assert!(!small.headers.contains_key("content-encoding"));
    }
}

/// A request may ask for ten minutes; a body that does not come may not.
#[tokio::test]
async fn a_body_that_stalls_is_given_up() {
    let node = Node::start().await;
    let listener = ListenerOptions {
        body_idle_timeout: Duration::from_millis(20),
        ..ListenerOptions::default()
    };
    let router = router(node.service.clone(), RestOptions { listener, ..RestOptions::default() });
    let stalled = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let request = Request::post("/embed")
        .header("content-type", "application/json")
        .header("x-request-timeout-ms", "600000")
        .body(Body::from_stream(stalled))
        .unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 504);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let answer: Value = serde_json::from_slice(&body).unwrap();
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains("body_idle_timeout_ms"), "{message}");
}
