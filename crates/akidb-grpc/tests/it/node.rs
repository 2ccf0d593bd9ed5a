//! A server on a free port, with the hash backend, and its clients.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use akidb_core::Limits;
use akidb_grpc::{GrpcServer, HealthHandle};
use akidb_listener::ListenerOptions;
use akidb_local::{LocalConfig, LocalEngine, StorageConfig};
use akidb_proto::{
    collection::v1::{
        CreateCollectionRequest, DocumentId, NewDocument, Vector,
        collection_service_client::CollectionServiceClient, document_id::Kind,
    },
    embedding::v1::embedding_service_client::EmbeddingServiceClient,
};
use akidb_service::{
    Backend, EmbeddingConfig, KeyConfig, MlxSettings, QueueSettings, Service, ServiceConfig,
};
use prometheus::Registry;
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt;

pub(crate) struct Node {
    pub(crate) addr: SocketAddr,
    pub(crate) health: HealthHandle,
    pub(crate) service: Service,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
    _data_dir: TempDir,
}

impl Node {
    pub(crate) async fn start() -> Self {
        // A busy machine may take longer than the default.
        let default_timeout = Duration::from_secs(600);
        let options = ListenerOptions { default_timeout, ..ListenerOptions::default() };
        Self::start_with(Limits::default(), options).await
    }

    pub(crate) async fn start_with(limits: Limits, options: ListenerOptions) -> Self {
        let data_dir = tempfile::tempdir().unwrap();
        let storage = StorageConfig { min_free_bytes: Some(0), ..StorageConfig::default() };
        let local = LocalConfig { storage, ..LocalConfig::new(data_dir.path().to_owned()) };
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
                dimension: Some(32),
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
        let server = GrpcServer::new(service.clone(), options).unwrap();
        let health = server.health();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async { stopped.await.unwrap_or_default() };
        let server = tokio::spawn(server.serve(listener, shutdown));
        Self { addr, health, service, stop: Some(stop), server, _data_dir: data_dir }
    }

    pub(crate) async fn channel(&self) -> Channel {
        let endpoint = Endpoint::try_from(format!("http://{}", self.addr)).unwrap();
        endpoint.connect().await.unwrap()
    }

    pub(crate) async fn collections(&self) -> CollectionServiceClient<Channel> {
        CollectionServiceClient::new(self.channel().await)
    }

    pub(crate) async fn embeddings(&self) -> EmbeddingServiceClient<Channel> {
        EmbeddingServiceClient::new(self.channel().await)
    }

    /// A client, and a collection `c` of vectors with two values.
    pub(crate) async fn with_collection(&self) -> CollectionServiceClient<Channel> {
        let mut client = self.collections().await;
        let request = CreateCollectionRequest {
            name: "c".to_owned(),
            dimension: Some(2),
            ..Default::default()
        };
        client.create_collection(request).await.unwrap();
        client
    }

    /// Asks the server to stop, without waiting for it.
    pub(crate) fn begin_stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits until the server has stopped.
    pub(crate) async fn stopped(self) {
        self.server.await.unwrap();
    }
}

/// What a test does within a time that a node gives: first in a short one, and in ever longer ones
/// where this machine is too slow for that. What is never done in time fails in all of them.
pub(crate) async fn within_a_time_that_is_enough<T>(
    test: impl AsyncFn(Duration) -> Result<T, Status>,
) -> T {
    let mut told = Vec::new();
    for seconds in [1, 5, 25, 125] {
        match test(Duration::from_secs(seconds)).await {
            Ok(done) => return done,
            Err(status) => {
                assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
                told.push(format!("within {seconds} s: {status:?}"));
            }
        }
    }
    panic!("no time is enough:\n{}", told.join("\n"));
}

pub(crate) fn integer(id: i64) -> DocumentId {
    DocumentId { kind: Some(Kind::Integer(id)) }
}

pub(crate) fn document(id: i64) -> NewDocument {
    let vector = Some(Vector { values: vec![1.0, id as f32], ..Default::default() });
    NewDocument { id: Some(integer(id)), vector, ..Default::default() }
}

/// The code and the stable name of an error, after a check that its details are complete.
#[track_caller]
pub(crate) fn error_of(status: &Status) -> (Code, String) {
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("no details: {status:?}"));
    assert_eq!(info.domain, "akidb");
    assert!(["true", "false"].contains(&info.metadata["retryable"].as_str()));
    assert!(["not_applied", "unknown"].contains(&info.metadata["outcome"].as_str()));
    assert!(!info.metadata["request_id"].is_empty());
    (status.code(), info.reason.clone())
}
