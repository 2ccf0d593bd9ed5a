//! The model of the node: loaded once, asked by everything that has a text.

use std::io;

use akidb_core::{Error, ErrorCode, Result};
use akidb_embedding::{
    EmbedInputs, EmbedOptions, Embedding, EmbeddingEngine, LoadedModel, ModelError, ModelIdentity,
    ModelStore,
};

use crate::{Backend, EmbeddingConfig, ModelInfo, failure::from_embedding, metrics::Metrics};

/// Texts that one request has in the queue at once: a larger one goes in parts, so that it leaves
/// room for others.
const TEXTS_AT_ONCE: usize = 256;

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
    /// The system gave no thread.
    #[error("the embedding thread could not be started: {0}")]
    Thread(#[from] io::Error),
}

/// The running model.
pub(crate) struct Model {
    engine: EmbeddingEngine,
    backend: Backend,
}

impl Model {
    /// Loads the configured model. Reads files, so it is called off the async threads.
    pub(crate) fn start(
        config: &EmbeddingConfig,
        metrics: &Metrics,
    ) -> std::result::Result<Self, ModelStartError> {
        let loaded = match config.backend {
            Backend::Native => {
                let bundled = ModelStore::bundled_dir_of_executable();
                let store = ModelStore::new(config.models_dir.clone(), bundled);
                let directory = store.locate(&config.model, config.model_path.as_deref())?;
                LoadedModel::native(&directory, &config.model, config.precision, config.threads)?
            }
            Backend::Hash => LoadedModel::hash(config.dimension.unwrap_or(384)),
        };
        let ModelIdentity { name, dimension: found, .. } = loaded.identity.clone();
        if let Some(expected) = config.dimension.filter(|&expected| expected != found) {
            return Err(ModelStartError::WrongDimension { name, found, expected });
        }
        let engine =
            EmbeddingEngine::start(loaded, config.engine.clone(), metrics.embedding.clone())?;
        Ok(Self { engine, backend: config.backend })
    }

    pub(crate) fn identity(&self) -> &ModelIdentity {
        self.engine.identity()
    }

    pub(crate) fn info(&self) -> ModelInfo {
        ModelInfo {
            identity: self.identity().clone(),
            backend: self.backend.as_str(),
            is_default: true,
        }
    }

    /// Embeds texts; `place_of` names each in errors.
    pub(crate) async fn embed(
        &self,
        texts: Vec<String>,
        options: &EmbedOptions,
        place_of: impl Fn(usize) -> String,
    ) -> Result<Vec<Embedding>> {
        self.embed_inputs(EmbedInputs::Texts(texts), options, place_of).await
    }

    /// Embeds texts or the tokens of texts; `place_of` names each in errors.
    pub(crate) async fn embed_inputs(
        &self,
        inputs: EmbedInputs,
        options: &EmbedOptions,
        place_of: impl Fn(usize) -> String,
    ) -> Result<Vec<Embedding>> {
        let mut embeddings = Vec::with_capacity(inputs.len());
        for part in inputs.into_parts(TEXTS_AT_ONCE) {
            let first = embeddings.len();
            let part = self.engine.embed_inputs(part, options.clone()).await;
            let part = part.map_err(|error| from_embedding(&error, |i| place_of(first + i)))?;
            embeddings.extend(part);
        }
        Ok(embeddings)
    }

    pub(crate) async fn shutdown(&self) {
        self.engine.shutdown().await;
    }
}

/// The error of a request that needs a model where the node has none.
pub(crate) fn no_model() -> Error {
    Error::new(ErrorCode::ModelNotReady, "embedding is disabled on this node")
}
