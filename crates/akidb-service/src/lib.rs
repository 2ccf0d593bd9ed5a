//! The one service layer: every door decodes, calls one method here and encodes the answer.
//!
//! It has the rules, limits, admission and metrics. Wire formats are the doors', storage and its
//! indexes are behind `akidb-engine`, tokens are the embedding's.

mod config;
mod double_writes;
mod failure;
mod import;
mod metrics;
mod models;
mod operation;
mod operations;
mod request;
mod request_record;
mod request_span;
mod request_times;
mod service;
mod tasks;

pub use akidb_core::{
    Codes, DateInterval, Direction, FacetBuckets, FacetCounts, FusionKind, KeywordSettings,
    RangeCount, SearchMode, Strategy, ValueCount,
};
pub use akidb_embedding::{
    EmbedInputs, InputType, Lane, ModelIdentity, ModelKind, Pooling, Precision, QueueSettings,
    Truncate, mlx::MlxSettings,
};
pub use akidb_engine::{
    Alias, BackupInfo, BestPassage, CollectionInBackup, Highlights, Hit, HitPassage, IndexProgress,
    IndexState, IndexStatus, LostWrites, ScoreParts, SearchPlan, StorageFinding,
};
pub use config::{Backend, EmbeddingConfig, ServiceConfig};
pub use import::{
    Import, ImportEnd, ImportEvent, ImportEvents, ImportLine, ImportSummary, LineOutcome,
};
pub use metrics::{DoorMetrics, METRICS_CONTENT_TYPE, OpenConnection};
pub use models::ModelStartError;
pub use operation::Operation;
pub use operations::{
    FACET_INTERVALS_DEFAULT, FACET_LIMIT_DEFAULT, GROUP_SIZE_DEFAULT, HIGHLIGHTS_DEFAULT,
    PASSAGES_DEFAULT, SCROLL_LIMIT_DEFAULT, SEARCH_LIMIT_DEFAULT,
};
pub use request::*;
pub use request_span::RequestSpan;
pub use request_times::RequestTimes;
pub use service::{OpenError, Service};
