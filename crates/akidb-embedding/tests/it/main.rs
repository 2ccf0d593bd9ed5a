//! The crate from outside: queues, models on disk, and vectors against sentence-transformers.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod architectures;
mod batch_independence;
mod golden;
mod metrics;
mod model_directory;
mod model_store;
mod options;
mod passages;
mod query_cache;
mod queue;
mod queues_under_load;
mod rerankers;
mod sts_benchmark;
mod support;
mod tiny_models;
