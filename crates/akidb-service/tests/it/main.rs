//! The service over real files, with the hash backend where texts are embedded.
#![expect(clippy::unwrap_used, reason = "a test whose world is not as it must be fails")]

mod chunking;
mod collections;
mod conditions;
mod consistency;
mod embedding;
mod graphs;
mod groups;
mod import;
mod index;
mod keys;
mod known_texts;
mod losses;
mod reembed;
mod rerank;
mod tasks;
mod validation;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use akidb_core::{ErrorCode, Limits, Result};
use akidb_local::{IndexConfig, LocalConfig, LocalEngine, OpenError, StorageConfig};
use akidb_service::{
    Backend, CreateCollection, Door, EmbeddingConfig, GivenId, KeyConfig, MlxSettings, NewDocument,
    QueueSettings, RequestContext, Search, Service, ServiceConfig, Upsert,
};
use prometheus::Registry;

/// A node to open, and what is in front of it.
struct Config {
    data_dir: PathBuf,
    storage: StorageConfig,
    index: IndexConfig,
    limits: Limits,
    embedding: Option<EmbeddingConfig>,
}

impl Config {
    async fn try_open(self) -> std::result::Result<Service, OpenError> {
        self.try_open_with(KeyConfig::default()).await
    }

    async fn try_open_with(self, keys: KeyConfig) -> std::result::Result<Service, OpenError> {
        let Self { data_dir, storage, index, limits, embedding } = self;
        let registry = Registry::new();
        let local = LocalConfig { storage, index, ..LocalConfig::new(data_dir) };
        let engine = LocalEngine::open(local, &registry).await?;
        let config = ServiceConfig { limits, embedding, slow_request: None, keys, audit: None };
        Ok(Service::open(config, Arc::new(engine), registry).unwrap())
    }

    async fn open_with(self, keys: KeyConfig) -> Service {
        self.try_open_with(keys).await.unwrap()
    }

    async fn open(self) -> Service {
        self.try_open().await.unwrap()
    }
}

fn config(data_dir: &Path) -> Config {
    Config {
        data_dir: data_dir.to_owned(),
        storage: StorageConfig { min_free_bytes: Some(0), ..StorageConfig::default() },
        index: IndexConfig::default(),
        limits: Limits::default(),
        embedding: Some(EmbeddingConfig {
            backend: Backend::Hash,
            model: "hash".into(),
            additional_models: vec!["hash-reranker".into()],
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
    }
}

async fn open(data_dir: &Path) -> Service {
    let service = config(data_dir).open().await;
    service.models_settled().await;
    service
}

fn context() -> RequestContext {
    RequestContext::new(Door::Rest, Instant::now() + Duration::from_secs(600))
}

async fn create(service: &Service, name: &str, dimension: Option<u64>) {
    let request = CreateCollection {
        name: name.into(),
        dimension,
        metric: Some("dot".into()),
        ..CreateCollection::default()
    };
    service.create_collection(&context(), request).await.unwrap();
}

fn text(id: i64, text: &str) -> NewDocument {
    NewDocument {
        id: Some(GivenId::Integer(id)),
        text: Some(text.into()),
        ..NewDocument::default()
    }
}

fn vector(id: i64, values: &[f32]) -> NewDocument {
    NewDocument {
        id: Some(GivenId::Integer(id)),
        vector: Some(values.to_vec()),
        ..NewDocument::default()
    }
}

fn upsert(documents: Vec<NewDocument>) -> Upsert {
    Upsert { documents, ..Upsert::default() }
}

async fn put(service: &Service, name: &str, documents: Vec<NewDocument>) {
    service.upsert(&context(), name, upsert(documents)).await.unwrap();
}

/// The ids that a search finds, best first.
async fn found(service: &Service, name: &str, search: Search) -> Vec<String> {
    let reply = service.search(&context(), name, search).await.unwrap();
    reply.hits.iter().map(|hit| hit.document.id.to_string()).collect()
}

fn near(values: &[f32]) -> Search {
    Search { vector: Some(values.to_vec()), ..Search::default() }
}

/// What was refused, and where.
#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T>, code: ErrorCode, field: &str) {
    let error = result.unwrap_err();
    let fields: Vec<_> = error.violations.iter().map(|violation| &*violation.field).collect();
    assert_eq!((error.code, fields.join(" ")), (code, field.to_owned()), "{error}");
}
