//! The backend as the queue sees it.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

use super::{Availability, BatchTimes, MlxSettings, launch::Launch, pool::Pool};
use crate::{
    embedder::{Embedder, EncoderInput, check_texts},
    error::{EncodeError, ModelError},
    identity::Precision,
    metrics::EmbeddingMetrics,
    model::ModelDirectory,
};

/// Workers that run one model.
#[derive(Debug)]
pub struct MlxEmbedder {
    pool: Pool,
    dimension: usize,
    max_tokens: usize,
    vocabulary: u32,
    last_batch: BatchTimes,
}

impl MlxEmbedder {
    /// Starts the workers of the model in `directory`, known as `name`, and waits until each has
    /// opened it or could not.
    ///
    /// That none could be started is no error here: starting them goes on, and
    /// [`Embedder::availability`] says why texts are refused meanwhile.
    ///
    /// # Errors
    ///
    /// When the precision is not one of MLX, or the system gives no threads.
    pub fn start(
        directory: &ModelDirectory,
        name: &str,
        precision: Precision,
        settings: &MlxSettings,
        metrics: &EmbeddingMetrics,
    ) -> Result<Self, ModelError> {
        let launch = launch(directory, name, precision, settings)?;
        let pool = Pool::start(settings.workers, launch, metrics.worker.clone());
        let pool = pool.map_err(|source| ModelError::Io {
            action: "start threads for",
            path: directory.path().to_owned(),
            source,
        })?;
        Ok(Self {
            pool,
            dimension: directory.dimension() as usize,
            max_tokens: directory.architecture().max_tokens() as usize,
            vocabulary: directory.architecture().vocabulary(),
            last_batch: BatchTimes::default(),
        })
    }

    /// Where the time of the last batch went that went well.
    #[must_use]
    pub const fn last_batch(&self) -> BatchTimes {
        self.last_batch
    }
}

/// What a worker of a model is started with.
pub(super) fn launch(
    directory: &ModelDirectory,
    name: &str,
    precision: Precision,
    settings: &MlxSettings,
) -> Result<Launch, ModelError> {
    let precision = match precision {
        Precision::F32 => "f32",
        Precision::Bf16 => "bf16",
        Precision::Int8 => {
            return Err(ModelError::WrongBackend {
                directory: directory.path().to_owned(),
                what: "the precision int8",
                backend: "native",
                hint: "set embedding.precision to f32 or bf16, or embedding.backend to native",
            });
        }
    };
    // The worker has another working directory in mind than the node, if any.
    let path = std::path::absolute(directory.path());
    Ok(Launch {
        settings: settings.clone(),
        model: name.to_owned(),
        directory: path.unwrap_or_else(|_| PathBuf::from(directory.path())),
        precision,
        dimension: directory.dimension() as usize,
        is_closed: Arc::new(AtomicBool::new(false)),
    })
}

impl Embedder for MlxEmbedder {
    fn dimension(&self) -> usize {
        self.dimension
    }

    fn availability(&self) -> Option<Availability> {
        Some(self.pool.availability())
    }

    fn embed_batch(
        &mut self,
        texts: &[EncoderInput<'_>],
        vectors: &mut Vec<f32>,
    ) -> Result<(), EncodeError> {
        check_texts(texts, self.max_tokens, self.vocabulary)?;
        vectors.clear();
        vectors.resize(texts.len() * self.dimension, 0.0);
        self.last_batch = self.pool.encode(texts, self.dimension, vectors)?;
        Ok(())
    }
}
