//! The one service layer: every door decodes, calls one method here and encodes the answer.
//!
//! What lives here: rules, limits, admission, planning, metrics. What does not: wire formats (the
//! doors), SQL (the store), distances (the index), tokens (the embedding).

mod agreement;
mod collections;
mod config;
mod failure;
mod finished;
mod import;
mod index_memory;
mod index_status;
mod metrics;
mod models;
mod operation;
mod operations;
mod projection;
mod request;
mod request_span;
mod service;
mod times;

pub use akidb_core::{Codes, Strategy};
pub use akidb_embedding::{
    EmbedInputs, EngineSettings, InputType, Lane, ModelIdentity, Pooling, Precision, Truncate,
    mlx::MlxSettings,
};
pub use config::{
    Backend, EmbeddingConfig, IndexConfig, IndexThresholds, ServiceConfig, StorageConfig,
};
pub use import::{
    Import, ImportEnd, ImportEvent, ImportEvents, ImportLine, ImportSummary, LineOutcome,
};
pub use index_status::{IndexState, IndexStatus};
pub use metrics::{DoorMetrics, METRICS_CONTENT_TYPE, OpenConnection};
pub use models::ModelStartError;
pub use operation::Operation;
pub use request::*;
pub use request_span::RequestSpan;
pub use service::{OpenError, Service};
pub use times::RequestTimes;
