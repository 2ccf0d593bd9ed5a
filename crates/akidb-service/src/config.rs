//! What the service needs to know before it opens, resolved by whoever starts it.

use std::{path::PathBuf, time::Duration};

use akidb_core::{Limits, torture::threshold};
use akidb_embedding::{EngineSettings, Precision, mlx::MlxSettings};

/// Everything that [`Service::open`](crate::Service::open) takes.
#[derive(Clone, Debug)]
pub struct ServiceConfig {
    /// Made where it is absent.
    pub data_dir: PathBuf,
    /// What one request may ask.
    pub limits: Limits,
    /// How collections are kept open.
    pub storage: StorageConfig,
    /// What vector indexes may take.
    pub index: IndexConfig,
    /// What embeds texts; without it only vectors are accepted.
    pub embedding: Option<EmbeddingConfig>,
    /// A request that takes so long is logged with where its time went; none is where absent.
    pub slow_request: Option<Duration>,
}

/// How collections are kept open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageConfig {
    /// Collections open at once. Beyond it the one unused for longest is closed first.
    pub max_open_collections: usize,
    /// A collection unused for this long is closed.
    pub idle_close_after: Duration,
    /// Connections that read one collection at once.
    pub readers_per_collection: u32,
    /// Free bytes of the disk below which writes are refused; 256 MiB or a hundredth of the disk
    /// where absent, whichever is more. 0 refuses nothing.
    pub min_free_bytes: Option<u64>,
    /// How long a start waits for the process that has the data directory, which may be ending.
    pub lock_wait: Duration,
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self {
            max_open_collections: 256,
            idle_close_after: Duration::from_secs(600),
            readers_per_collection: 4,
            min_free_bytes: None,
            lock_wait: Duration::from_secs(5),
        }
    }
}

/// What vector indexes may take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexConfig {
    /// Bytes of memory that the indexes of all open collections hold together; no limit where
    /// absent. Writes that would go beyond it are refused.
    pub memory_limit_bytes: Option<u64>,
    /// When work in the background pays.
    pub thresholds: IndexThresholds,
}

/// From how many vectors on work in the background pays. The defaults suit every collection; tests
/// make them small, so that few vectors cross all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexThresholds {
    /// Vectors that are scanned as fast as a graph would be walked.
    pub graph_vectors: usize,
    /// Vectors that are read from the store as soon as from a snapshot.
    pub snapshot_vectors: usize,
    /// Removed vectors that are worth leaving out, if they are a fifth of all.
    pub removed_vectors: usize,
}

impl Default for IndexThresholds {
    fn default() -> Self {
        Self {
            graph_vectors: threshold(10_000, 64),
            snapshot_vectors: threshold(8_192, 64),
            removed_vectors: threshold(8_192, 64),
        }
    }
}

/// What embeds texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddingConfig {
    /// What runs the model.
    pub backend: Backend,
    /// The name of the model of requests that name none; it is loaded at start.
    pub model: String,
    /// Further models that are loaded at start.
    pub additional_models: Vec<String>,
    /// Models that can be loaded later.
    pub loadable_models: Vec<String>,
    /// Where imported models are.
    pub models_dir: PathBuf,
    /// The directory of the default model, looked at instead of `models_dir`.
    pub model_path: Option<PathBuf>,
    /// The arithmetic of the model's matrices.
    pub precision: Precision,
    /// Whether clients that send token ids are known to number tokens as the model does.
    pub accept_token_ids: bool,
    /// Refuse a default model of another dimension. The dimension of the hash backend.
    pub dimension: Option<u32>,
    /// Threads of the native backend.
    pub threads: usize,
    /// The limits of the queue and of batches.
    pub engine: EngineSettings,
    /// The workers of the MLX backend.
    pub mlx: MlxSettings,
}

/// What runs a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// MLX where its worker starts, else native.
    Auto,
    /// Python and MLX, in a process beside this one.
    Mlx,
    /// Rust, in this process.
    Native,
    /// Deterministic vectors without weights, for tests.
    Hash,
}

impl Backend {
    /// The name on the wire and in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Mlx => "mlx",
            Self::Native => "native",
            Self::Hash => "hash",
        }
    }
}
