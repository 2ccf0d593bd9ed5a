//! From a name of the configuration to a running model, or the reason why there is none.

use std::{
    io,
    path::{Path, PathBuf},
};

use akidb_embedding::{
    EmbeddingMetrics, EmbeddingQueue, LaneLocks, LoadedModel, ModelDirectory, ModelError,
    ModelIdentity, ModelKind, ModelStore, Precision,
};

use super::{Model, precisions};
use crate::{Backend, EmbeddingConfig, metrics::Metrics};

/// The default model of the hash backend, which has no files and so no name of its own.
const HASH_MODEL: &str = "hash";
/// The re-ranker of the hash backend.
const HASH_RERANKER: &str = "hash-reranker";
/// The dimension of the hash backend where none is configured.
const HASH_DIMENSION: u32 = 384;

/// The model can not be started.
#[derive(Debug, thiserror::Error)]
pub enum ModelStartError {
    /// It is not there, or not sound.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Its dimension is not the configured one.
    #[error("the model {name} has {found} dimensions, the configuration says {expected}")]
    WrongDimension {
        /// The model.
        name: String,
        /// Its dimension.
        found: u32,
        /// The configured one.
        expected: u32,
    },
    /// Requests that name no model are for vectors.
    #[error(
        "the model {name} re-ranks documents and can not be the default one; hint: list it in \
         embedding.additional_models"
    )]
    RerankerAsDefault {
        /// The model.
        name: String,
    },
    /// The system gave no thread.
    #[error("the embedding thread could not be started: {0}")]
    Thread(#[from] io::Error),
    /// Loading panicked.
    #[error("loading the model was cut short: {0}")]
    CutShort(String),
}

/// The name of the model of requests that name none.
pub(super) fn default_name(config: &EmbeddingConfig) -> &str {
    match config.backend {
        Backend::Auto | Backend::Mlx | Backend::Native => &config.model,
        Backend::Hash => HASH_MODEL,
    }
}

/// Where the files of a model, in any precision, are; `None` where it needs none.
pub(super) fn locate(
    config: &EmbeddingConfig,
    name: &str,
) -> Result<Option<PathBuf>, ModelStartError> {
    if config.backend == Backend::Hash {
        return Ok(None);
    }
    let bundled = ModelStore::bundled_dir_of_executable();
    let store = ModelStore::new(config.models_dir.clone(), bundled);
    let (name, _) = precisions::parts_of(name);
    let own_path = config.model_path.as_deref().filter(|_| name == default_name(config));
    Ok(Some(store.locate(name, own_path)?))
}

/// Loads a model. Reads files, so it is called off the async threads.
pub(super) fn start(
    config: &EmbeddingConfig,
    name: &str,
    metrics: &Metrics,
    lane_locks: LaneLocks,
) -> Result<Model, ModelStartError> {
    let metrics = metrics.embedding.of(name);
    let (name, precision) = precisions::parts_of(name);
    let precision = precision.or(config.precision);
    let expected = config.dimension.filter(|_| name == default_name(config));
    let (loaded, backend) = match locate(config, name)? {
        Some(directory) => load(config, &directory, name, precision, &metrics)?,
        None => (hash(name, expected), Backend::Hash),
    };
    if name == default_name(config) && matches!(loaded.kind, ModelKind::Reranker(_)) {
        return Err(ModelStartError::RerankerAsDefault { name: name.to_owned() });
    }
    let ModelIdentity { dimension: found, .. } = loaded.identity;
    if let Some(expected) = expected.filter(|&expected| expected != found) {
        return Err(ModelStartError::WrongDimension { name: name.to_owned(), found, expected });
    }
    let queue = EmbeddingQueue::start(loaded, config.queue.clone(), metrics, lane_locks)?;
    Ok(Model::new(queue, backend))
}

/// Loads a model that has files, into the configured backend or the best one. Re-rankers are native
/// whatever is configured, since MLX runs none.
fn load(
    config: &EmbeddingConfig,
    directory: &Path,
    name: &str,
    precision: Option<Precision>,
    metrics: &EmbeddingMetrics,
) -> Result<(LoadedModel, Backend), ModelStartError> {
    let native_precision = precision.unwrap_or(Precision::NATIVE_DEFAULT);
    let mlx_precision = precision.unwrap_or(Precision::MLX_DEFAULT);
    let native = || LoadedModel::native(directory, name, native_precision, config.threads);
    let mlx = || LoadedModel::mlx(directory, name, mlx_precision, &config.mlx, metrics);
    if matches!(ModelDirectory::open(directory)?.kind(), ModelKind::Reranker(_)) {
        return Ok((native()?, Backend::Native));
    }
    match config.backend {
        Backend::Mlx => Ok((mlx()?, Backend::Mlx)),
        Backend::Auto if precision != Some(Precision::Int8) => {
            let loaded = mlx()?;
            let availability = loaded.embedder.availability();
            match availability.and_then(|availability| availability.reason()) {
                None => Ok((loaded, Backend::Mlx)),
                Some(reason) => {
                    tracing::warn!(model = name, %reason, "MLX does not run, the native backend does");
                    drop(loaded);
                    Ok((native()?, Backend::Native))
                }
            }
        }
        Backend::Auto | Backend::Native | Backend::Hash => Ok((native()?, Backend::Native)),
    }
}

fn hash(name: &str, dimension: Option<u32>) -> LoadedModel {
    let mut loaded = match name {
        HASH_RERANKER => LoadedModel::hash_reranker(),
        _ => LoadedModel::hash(dimension.unwrap_or(HASH_DIMENSION)),
    };
    name.clone_into(&mut loaded.identity.name);
    loaded
}
