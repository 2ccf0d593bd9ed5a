//! Text to vectors: model directories, tokenizing, batching and the native encoder.
//!
//! Scope: finding, importing and verifying models ([`ModelStore`]), reading them in
//! sentence-transformers' way ([`ModelDirectory`]), the backends behind [`Embedder`], and the
//! [`EmbeddingQueue`] that queues, batches and runs texts on one owner thread. Out of scope: rules
//! about requests (blank texts, sizes, rates), status codes, anything about collections.

mod bf16;
mod embedder;
mod error;
mod hash_embedder;
mod hash_reranker;
mod identity;
mod loaded_model;
mod metrics;
pub mod mlx;
mod model;
mod native;
mod passages;
mod pooling;
mod queue;
mod store;
mod tokenize;

pub use embedder::{Embedder, EncoderInput};
pub use error::{EmbedError, EncodeError, ModelError, QueueLimit};
pub use hash_embedder::HashEmbedder;
pub use identity::{
    InputType, ModelIdentity, ModelKind, Pooling, Precision, Prompts, ScoreFunction, UnknownPooling,
};
pub use loaded_model::LoadedModel;
pub use metrics::{EmbeddingMetricFamilies, EmbeddingMetrics};
pub use model::ModelDirectory;
pub use native::{NativeEmbedder, int8_instructions};
pub use passages::PassageLength;
pub use queue::{
    EmbedInputs, EmbedOptions, EmbedTimes, Embedding, EmbeddingQueue, Lane, LaneLocks,
    QueueSettings, RequestPart, Sender, Stage, StageTimer,
};
pub use store::{ImportMode, InstalledModel, ModelStore, VerifyReport};
pub use tokenize::{TextTokenizer, TokenizedText, Truncate, UnknownToken, UnknownTruncate};
