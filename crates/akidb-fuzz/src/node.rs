//! A node in this process, one for all inputs, with a collection of each kind.

use std::sync::{Arc, OnceLock};

use akidb_core::Limits;
use akidb_local::{LocalConfig, LocalEngine};
use akidb_service::{
    Backend, EmbeddingConfig, KeyConfig, MlxSettings, QueueSettings, Service, ServiceConfig,
};
use axum::Router;
use http::Request;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// The node and what it runs on.
pub(crate) struct Node {
    pub(crate) runtime: Runtime,
    pub(crate) router: Router,
    pub(crate) service: Service,
    _data_dir: TempDir,
}

/// The node. Inputs change what it holds; none may keep it from answering the next.
pub(crate) fn node() -> &'static Node {
    static NODE: OnceLock<Arc<Node>> = OnceLock::new();
    NODE.get_or_init(|| Arc::new(Node::start()))
}

impl Node {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let data_dir = tempfile::tempdir().expect("a folder");
        let local = LocalConfig::new(data_dir.path().join("data"));
        let service = runtime.block_on(async {
            let registry = prometheus::Registry::new();
            let engine = LocalEngine::open(local, &registry).await.expect("an engine");
            let service = Service::open(config(), Arc::new(engine), registry).expect("a service");
            service.models_settled().await;
            service
        });
        let router = akidb_rest::router(service.clone(), akidb_rest::RestOptions::default());
        let node = Self { runtime, router, service, _data_dir: data_dir };
        for body in [
            r#"{"name": "vectors", "dimension": 2, "metric": "l2"}"#,
            r#"{"name": "texts", "chunking": {"tokens": 16, "overlap": 4}}"#,
        ] {
            node.send("POST", "/v1/collections", body.as_bytes());
        }
        let documents = br#"{"documents": [{"id": "a", "vector": [1, 2], "metadata": {"n": 1}}]}"#;
        node.send("POST", "/v1/collections/vectors/documents", documents);
        node
    }

    /// Sends a request to the door of REST, without a socket. The status and the body come back.
    pub(crate) fn send(&self, method: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let kind = match path.ends_with("/import") {
            true => "application/x-ndjson",
            false => "application/json",
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "127.0.0.1")
            .header("content-type", kind)
            .body(axum::body::Body::from(body.to_vec()))
            .expect("a request");
        self.runtime.block_on(async {
            let answer = self.router.clone().oneshot(request).await.expect("an answer");
            let status = answer.status().as_u16();
            let body = http_body_util::BodyExt::collect(answer.into_body()).await;
            (status, body.map(|body| body.to_bytes().to_vec()).unwrap_or_default())
        })
    }
}

fn config() -> ServiceConfig {
    ServiceConfig {
        limits: Limits { text_bytes: 4_096, batch_documents: 64, ..Limits::default() },
        embedding: Some(EmbeddingConfig {
            backend: Backend::Hash,
            model: "hash".to_owned(),
            additional_models: Vec::new(),
            loadable_models: Vec::new(),
            models_dir: std::path::PathBuf::new(),
            model_path: None,
            precision: None,
            accept_token_ids: false,
            dimension: Some(8),
            threads: 1,
            queue: QueueSettings::default(),
            mlx: MlxSettings::default(),
        }),
        slow_request: None,
        keys: KeyConfig::default(),
        audit: None,
    }
}
