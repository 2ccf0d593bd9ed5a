//! A model that is ready to run: its identity, its tokenizer and its backend.
//!
//! Out of scope: queueing and batching, which the queue adds.

use std::{fmt, path::Path, thread};

use sha2::{Digest, Sha256};

use crate::{
    embedder::Embedder,
    error::ModelError,
    hash_embedder::{HASH_POOLING, HashEmbedder},
    hash_reranker::HashReranker,
    identity::{ModelIdentity, ModelKind, Pooling, Precision, Prompts, ScoreFunction},
    metrics::EmbeddingMetrics,
    mlx::{MlxEmbedder, MlxSettings},
    model::{ModelDirectory, hexadecimal},
    native::{CrossEncoder, NativeEmbedder},
    tokenize::TextTokenizer,
};

/// The most words of a text that the hash backend reads.
const HASH_MAX_TOKENS: u32 = 512;

/// Everything an [`EmbeddingQueue`](crate::EmbeddingQueue) needs to start.
pub struct LoadedModel {
    /// What the vectors are made by.
    pub identity: ModelIdentity,
    /// Texts to tokens.
    pub tokenizer: TextTokenizer,
    /// Tokens to vectors.
    pub embedder: Box<dyn Embedder>,
    /// What the vectors are.
    pub kind: ModelKind,
}

impl LoadedModel {
    /// The hash backend: no files, deterministic vectors of `dimension` values, length 1.
    #[must_use]
    pub fn hash(dimension: u32) -> Self {
        let dimension = dimension.max(1);
        let identity = ModelIdentity {
            name: "hash".to_owned(),
            weights_sha256: hexadecimal(&Sha256::digest(format!("akidb hash 1 {dimension}"))),
            precision: Precision::F32,
            pooling: HASH_POOLING,
            normalize: true,
            prompts: Prompts::default(),
            max_tokens: HASH_MAX_TOKENS,
            dimension,
        };
        Self {
            identity,
            tokenizer: TextTokenizer::words(HASH_MAX_TOKENS as usize),
            embedder: Box::new(HashEmbedder::new(dimension as usize)),
            kind: ModelKind::Embedder,
        }
    }

    /// The hash backend's re-ranker: no files, logits that count the words of the query which a
    /// document has.
    #[must_use]
    pub fn hash_reranker() -> Self {
        let mut this = Self::hash(1);
        "hash-reranker".clone_into(&mut this.identity.name);
        this.identity.pooling = Pooling::Cls;
        this.identity.normalize = false;
        this.embedder = Box::new(HashReranker);
        this.kind = ModelKind::Reranker(ScoreFunction::Sigmoid);
        this
    }

    /// Loads the model in `directory` into the native backend, which runs in `precision` on
    /// `threads` threads.
    ///
    /// `name` becomes the identity's name. Takes under 2 s for a model of 100 MB.
    ///
    /// # Errors
    ///
    /// When the directory does not hold a model that this program supports.
    pub fn native(
        directory: &Path,
        name: &str,
        precision: Precision,
        threads: usize,
    ) -> Result<Self, ModelError> {
        let directory = ModelDirectory::open(directory)?;
        Self::load(&directory, name, precision, || {
            Ok(match directory.cross_encoder() {
                None => Box::new(NativeEmbedder::load(&directory, precision, threads)?),
                Some(config) => {
                    Box::new(CrossEncoder::load(&directory, config, precision, threads)?)
                }
            })
        })
    }

    /// Starts the MLX backend for the model in `directory`, which runs in `precision`.
    ///
    /// Returns when its workers are ready, or could not be started; then that is tried on and on,
    /// and [`Embedder::availability`] says why texts are refused meanwhile.
    ///
    /// # Errors
    ///
    /// When the directory does not hold a model that this program supports, or the precision is not
    /// one of MLX.
    pub fn mlx(
        directory: &Path,
        name: &str,
        precision: Precision,
        settings: &MlxSettings,
        metrics: &EmbeddingMetrics,
    ) -> Result<Self, ModelError> {
        let directory = ModelDirectory::open(directory)?;
        if directory.cross_encoder().is_some() {
            return Err(ModelError::WrongBackend {
                directory: directory.path().to_owned(),
                what: "re-ranking (config.json: architectures)",
                backend: "native",
                hint: "set embedding.backend = \"native\" or \"auto\"",
            });
        }
        Self::load(&directory, name, precision, || {
            let embedder = MlxEmbedder::start(&directory, name, precision, settings, metrics);
            Ok(Box::new(embedder?))
        })
    }

    fn load(
        directory: &ModelDirectory,
        name: &str,
        precision: Precision,
        start: impl FnOnce() -> Result<Box<dyn Embedder>, ModelError>,
    ) -> Result<Self, ModelError> {
        // Hashing reads the weights once more, from the page cache, while they are laid out.
        let (embedder, identity, tokenizer) = thread::scope(|scope| {
            let identity = scope.spawn(|| directory.identity(name, precision));
            let tokenizer = scope.spawn(|| directory.tokenizer());
            (start(), joined(identity), joined(tokenizer))
        });
        let (identity, tokenizer, embedder) = (identity?, tokenizer?, embedder?);
        tokenizer.check_prompts(&identity.prompts).map_err(|(prompt, found)| {
            ModelError::Unsupported {
                file: directory.path().join("config_sentence_transformers.json"),
                key: format!("prompts.{prompt}"),
                found,
                supported: "a prompt that leaves room for a text".to_owned(),
            }
        })?;
        Ok(Self { identity, tokenizer, embedder, kind: directory.kind() })
    }
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

impl fmt::Debug for LoadedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadedModel").field("identity", &self.identity).finish_non_exhaustive()
    }
}
