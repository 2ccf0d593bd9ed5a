//! The router over a service with real files and the hash backend.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod documents;
mod encodings;
mod golden;
mod import;
mod index;
mod operations;
mod refusals;

use std::{path::PathBuf, sync::Arc, time::Duration};

use akidb_core::Limits;
use akidb_listener::ListenerOptions;
use akidb_local::{IndexConfig, LocalConfig, LocalEngine, StorageConfig};
use akidb_rest::{RestOptions, router};
use akidb_service::{
    Backend, EmbeddingConfig, KeyConfig, MlxSettings, QueueSettings, Service, ServiceConfig,
};
use axum::{Router, body::Body};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use prometheus::Registry;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

/// A node without listeners.
struct Node {
    router: Router,
    service: Service,
    _data_dir: TempDir,
}

/// What came back.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Node {
    async fn start() -> Self {
        Self::with_limits(Limits::default()).await
    }

    async fn with_limits(limits: Limits) -> Self {
        Self::with(limits, IndexConfig::default()).await
    }

    async fn with(limits: Limits, index: IndexConfig) -> Self {
        let data_dir = tempfile::tempdir().unwrap();
        let storage = StorageConfig { min_free_bytes: Some(0), ..StorageConfig::default() };
        let local =
            LocalConfig { storage, index, ..LocalConfig::new(data_dir.path().join("data")) };
        let registry = Registry::new();
        let engine = LocalEngine::open(local, &registry).await.unwrap();
        let config = ServiceConfig {
            limits,
            embedding: Some(EmbeddingConfig {
                backend: Backend::Hash,
                model: "hash".to_owned(),
                additional_models: Vec::new(),
                loadable_models: Vec::new(),
                models_dir: PathBuf::new(),
                model_path: None,
                precision: None,
                accept_token_ids: true,
                dimension: Some(8),
                threads: 1,
                queue: QueueSettings::default(),
                mlx: MlxSettings::default(),
            }),
            slow_request: None,
            keys: KeyConfig::default(),
            audit: None,
        };
        let service = Service::open(config, Arc::new(engine), registry).unwrap();
        service.models_settled().await;
        // A busy machine may take longer than the default.
        let default_timeout = Duration::from_secs(600);
        let listener = ListenerOptions { default_timeout, ..ListenerOptions::default() };
        let options = RestOptions { listener, ..RestOptions::default() };
        let router = router(service.clone(), options);
        Self { router, service, _data_dir: data_dir }
    }

    /// Sends a request given as `POST /path`, with a body of JSON text or none.
    async fn send(&self, line: &str, body: &str) -> Answer {
        self.send_with(line, &[], body).await
    }

    async fn send_with(&self, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path);
        if !body.is_empty() && !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        request = request.header("x-request-id", "of-a-test");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// The JSON of an answer that must be a success.
    async fn ok(&self, line: &str, body: &str) -> Value {
        let answer = self.send(line, body).await;
        assert!(answer.status.is_success(), "{line}: {}", answer.json());
        answer.json()
    }

    /// Checks the status, the code and the first place of a refusal.
    async fn refused(&self, line: &str, body: &str, expect: (u16, &str, &str)) {
        self.refused_with(line, &[], body, expect).await;
    }

    async fn refused_with(
        &self,
        line: &str,
        headers: &[(&str, &str)],
        body: &str,
        expect: (u16, &str, &str),
    ) {
        let answer = self.send_with(line, headers, body).await;
        let json = answer.json();
        let error = &json["error"];
        let field = error["violations"][0]["field"].as_str().unwrap_or_default();
        let code = error["code"].as_str().unwrap_or_default();
        assert_eq!((answer.status.as_u16(), code, field), expect, "{line}: {json}");
        assert_eq!(error["outcome"], "not_applied", "{line}: {json}");
        assert_eq!(json["request_id"], "of-a-test");
    }
}

impl Answer {
    fn json(&self) -> Value {
        assert_eq!(self.headers["content-type"], "application/json");
        serde_json::from_slice(&self.body).unwrap()
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// A node with the collection `films` of three values and the metric `dot`.
async fn node_with_films() -> Node {
    let node = Node::start().await;
    node.ok("POST /v1/collections", r#"{"name":"films","dimension":3,"metric":"dot"}"#).await;
    node
}
