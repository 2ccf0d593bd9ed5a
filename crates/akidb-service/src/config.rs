//! What the service needs to know before it opens, resolved by whoever starts it.

use std::{path::PathBuf, time::Duration};

use akidb_core::Limits;
use akidb_embedding::{Precision, QueueSettings, mlx::MlxSettings};
use akidb_engine::SecretHash;

/// Everything that [`Service::open`](crate::Service::open) takes.
#[derive(Clone, Debug)]
pub struct ServiceConfig {
    /// What one request may ask.
    pub limits: Limits,
    /// What embeds texts; without it only vectors are accepted.
    pub embedding: Option<EmbeddingConfig>,
    /// A request that takes so long is logged with where its time went; none is where absent.
    pub slow_request: Option<Duration>,
    /// Who may ask.
    pub keys: KeyConfig,
    /// Where it is written down who has changed what, and who was not let in; nowhere where absent.
    pub audit: Option<AuditConfig>,
}

/// The audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditConfig {
    /// The file, of lines of JSON.
    pub path: PathBuf,
    /// Bytes of a file; one that is full is put aside.
    pub file_bytes: u64,
    /// How many are kept that were put aside.
    pub kept_files: usize,
}

/// Who may ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyConfig {
    /// Whether requests need a key.
    pub required: KeysRequired,
    /// Keys of the role admin that storage knows nothing of, by their hashes.
    pub admin: Vec<SecretHash>,
    /// The same, of whoever has started the node for a moment and for itself. It counts for nothing else.
    pub own: Option<SecretHash>,
}

/// Whether requests need a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeysRequired {
    /// They do from the first key on, whatever becomes of it.
    #[default]
    OnceThereIsOne,
    /// They do, be there a key or not.
    Always,
    /// They do not, whatever keys there are.
    Never,
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
    /// The arithmetic of the models' matrices; where absent `int8` by the native backend and `f32` by
    /// MLX. Collections of other precisions are served in theirs.
    pub precision: Option<Precision>,
    /// Whether clients that send token ids are known to number tokens as the model does.
    pub accept_token_ids: bool,
    /// Refuse a default model of another dimension. The dimension of the hash backend.
    pub dimension: Option<u32>,
    /// Threads of the native backend.
    pub threads: usize,
    /// The limits of the queue and of batches.
    pub queue: QueueSettings,
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
