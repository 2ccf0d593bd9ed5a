//! The metrics of embedding, named as dashboards and alerts expect them.
//!
//! What does not live here: the registry and how it is scraped.

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry, core::Collector,
    exponential_buckets,
};

use crate::error::EmbedError;

/// The handles of all `akidb_embedding_*` metrics; clones share them.
#[derive(Clone, Debug)]
pub struct EmbeddingMetrics {
    pub(crate) requests_total: IntCounter,
    pub(crate) errors_total: IntCounterVec,
    pub(crate) latency_seconds: Histogram,
    pub(crate) batch_size: Histogram,
    pub(crate) queue_depth: IntGauge,
    pub(crate) tokens_total: IntCounter,
    pub(crate) truncated_total: IntCounter,
}

impl EmbeddingMetrics {
    /// Makes the metrics and registers them.
    ///
    /// # Errors
    ///
    /// When a metric of one of the names is registered already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let requests_total = IntCounter::new(
            "akidb_embedding_requests_total",
            "Requests for embeddings, one for each call whatever its number of texts.",
        )?;
        let errors_total = IntCounterVec::new(
            Opts::new(
                "akidb_embedding_errors_total",
                "Requests for embeddings that failed, by the code of the error.",
            ),
            &["code"],
        )?;
        for code in EmbedError::CODES {
            errors_total.with_label_values(&[code]);
        }
        let latency_seconds = Histogram::with_opts(
            HistogramOpts::new(
                "akidb_embedding_latency_seconds",
                "Time from a request for embeddings to its answer, tokenising and waiting included.",
            )
            .buckets(exponential_buckets(0.001, 2.0, 15)?),
        )?;
        let batch_size = Histogram::with_opts(
            HistogramOpts::new("akidb_embedding_batch_size", "Texts in a batch that was run.")
                .buckets(exponential_buckets(1.0, 2.0, 10)?),
        )?;
        let queue_depth =
            IntGauge::new("akidb_embedding_queue_depth", "Texts that wait for a batch.")?;
        let gil_wait_seconds = Histogram::with_opts(
            HistogramOpts::new(
                "akidb_embedding_gil_wait_seconds",
                "Time spent waiting for the Python interpreter lock. \
                 Only the MLX backend observes it, the native backend never does.",
            )
            .buckets(exponential_buckets(0.0001, 4.0, 8)?),
        )?;
        let tokens_total = IntCounter::new(
            "akidb_embedding_tokens_total",
            "Tokens that were embedded, special tokens included.",
        )?;
        let truncated_total = IntCounter::new(
            "akidb_embedding_truncated_total",
            "Texts that were cut to the most tokens the model reads.",
        )?;
        let collectors: [Box<dyn Collector>; 8] = [
            Box::new(requests_total.clone()),
            Box::new(errors_total.clone()),
            Box::new(latency_seconds.clone()),
            Box::new(batch_size.clone()),
            Box::new(queue_depth.clone()),
            Box::new(gil_wait_seconds),
            Box::new(tokens_total.clone()),
            Box::new(truncated_total.clone()),
        ];
        for collector in collectors {
            registry.register(collector)?;
        }
        Ok(Self {
            requests_total,
            errors_total,
            latency_seconds,
            batch_size,
            queue_depth,
            tokens_total,
            truncated_total,
        })
    }
}
