//! The one service layer: every door decodes, calls one method here and encodes the answer.
//!
//! It has the rules, limits, admission and metrics. Wire formats are the doors', storage and its
//! indexes are behind `akidb-engine`, tokens are the embedding's.

mod access;
mod audit;
mod authorization;
mod certificate;
mod client_limits;
mod config;
mod double_writes;
mod failure;
mod import;
mod keys;
mod metrics;
mod models;
mod operation;
mod operations;
mod principal;
mod request;
mod request_record;
mod request_span;
mod request_times;
mod service;
mod tasks;

pub use access::{Access, Reach};
pub use akidb_core::{
    Codes, CollectionScope, DateInterval, Direction, FacetBuckets, FacetCounts, FusionKind,
    KeywordSettings, RangeCount, Role, SearchMode, Strategy, ValueCount,
};
pub use akidb_embedding::{
    EmbedInputs, InputType, Lane, ModelIdentity, ModelKind, Pooling, Precision, QueueSettings,
    Truncate, mlx::MlxSettings,
};
pub use akidb_engine::{
    Alias, BackupInfo, BestPassage, CollectionInBackup, Highlights, Hit, HitPassage, IndexProgress,
    IndexState, IndexStatus, LostWrites, ScoreParts, SearchPlan, SecretHash, StorageFinding,
};
pub use client_limits::counted_address;
pub use config::{AuditConfig, Backend, EmbeddingConfig, KeyConfig, KeysRequired, ServiceConfig};
pub use import::{
    Import, ImportEnd, ImportEvent, ImportEvents, ImportLine, ImportSummary, LineOutcome,
};
pub use metrics::{DoorMetrics, METRICS_CONTENT_TYPE, OpenConnection, TlsFailure};
pub use models::ModelStartError;
pub use operation::Operation;
pub use operations::{
    FACET_INTERVALS_DEFAULT, FACET_LIMIT_DEFAULT, GROUP_SIZE_DEFAULT, HIGHLIGHTS_DEFAULT,
    PASSAGES_DEFAULT, SCROLL_LIMIT_DEFAULT, SEARCH_LIMIT_DEFAULT,
};
pub use principal::{Caller, Principal};
pub use request::*;
pub use request_span::RequestSpan;
pub use request_times::RequestTimes;
pub use service::{OpenError, Service};
