//! The envelope around routes that fail in every way.

use std::time::Duration;

use akidb_core::{ErrorCode, Violation};
use axum::routing::{get, post};
use http::StatusCode;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;

fn router() -> Router {
    let overloaded = || async {
        let error = Error::at(ErrorCode::Overloaded, "limits", "all are in use");
        Err::<(), _>(Failure::from(error.with_retry_after(Duration::from_millis(2_300))))
    };
    let full = || async { Failure::from(Error::new(ErrorCode::QueueFull, "the queue is full")) };
    async fn panics() {
        panic!("on purpose")
    }
    let routes = Router::new()
        .route("/ok", get(|| async { "fine" }))
        .route("/overloaded", get(overloaded))
        .route("/full", get(full))
        .route("/v1/models", get(overloaded))
        .route("/v1/embeddings", get(full))
        .route("/panic", post(panics));
    enveloped(catching_panics(routes), DoorMetrics::new().unwrap())
}

async fn send(method: Method, path: &str, request_id: Option<&str>) -> Response {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().unwrap();
    if let Some(request_id) = request_id {
        request.headers_mut().insert(akidb_listener::REQUEST_ID, request_id.parse().unwrap());
    }
    router().oneshot(request).await.unwrap()
}

async fn json_of(response: Response) -> Value {
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn every_error_has_the_request_id() {
    let response = send(Method::GET, "/full", Some("mine-1")).await;
    assert_eq!(json_of(response).await["request_id"], "mine-1");
    for unusable in [None, Some(""), Some("has space")] {
        let answer = json_of(send(Method::GET, "/full", unusable).await).await;
        let made = answer["request_id"].as_str().unwrap();
        assert_eq!(uuid::Uuid::parse_str(made).unwrap().get_version_num(), 7);
    }
}

#[tokio::test]
async fn an_error_has_exactly_the_agreed_shape() {
    let response = send(Method::GET, "/overloaded", Some("r")).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[header::RETRY_AFTER], "3");
    let expected = json!({
        "error": {
            "code": "overloaded", "message": "limits: all are in use", "retryable": true,
            "outcome": "not_applied",
            "violations": [{"field": "limits", "description": "all are in use"}]
        },
        "request_id": "r"
    });
    assert_eq!(json_of(response).await, expected);
    let response = send(Method::GET, "/full", Some("r")).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    assert_eq!(json_of(response).await["error"].get("violations"), None);
}

#[tokio::test]
async fn a_panic_is_an_internal_error_of_unknown_outcome() {
    let response = send(Method::POST, "/panic", None).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let body = json_of(response).await;
    assert_eq!(
        (&body["error"]["code"], &body["error"]["outcome"]),
        (&json!("internal"), &json!("unknown"))
    );
}

#[tokio::test]
async fn an_error_to_head_has_no_body() {
    let response = send(Method::HEAD, "/full", None).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
}

#[test]
fn a_retry_never_comes_at_once() {
    let retry_after = |wait: Duration, code| {
        let mut headers = HeaderMap::new();
        let error = Error {
            violations: vec![Violation { field: String::new(), description: String::new() }],
            ..Error::new(code, "x").with_retry_after(wait)
        };
        insert_retry_after(&mut headers, &error);
        headers.get(header::RETRY_AFTER).map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(retry_after(Duration::ZERO, ErrorCode::Overloaded).as_deref(), Some("1"));
    assert_eq!(retry_after(Duration::from_secs(7), ErrorCode::StorageFull).as_deref(), Some("7"));
    assert_eq!(retry_after(Duration::from_secs(7), ErrorCode::Internal), None);
}

/// The routes that OpenAI's clients speak to answer errors in its shape.
#[tokio::test]
async fn errors_of_openai_routes_have_its_shape_and_the_time_to_retry() {
    let response = send(Method::GET, "/v1/models", None).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[header::RETRY_AFTER], "3");
    let error = json!({"message": "limits: all are in use", "type": "server_error",
        "param": "limits", "code": "overloaded"});
    assert_eq!(json_of(response).await, json!({"error": error}));
    let response = send(Method::GET, "/v1/embeddings", None).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    let error = json!({"message": "the queue is full", "type": "rate_limit_error",
        "param": null, "code": "queue_full"});
    assert_eq!(json_of(response).await, json!({"error": error}));
}
