//! The metrics of embedding, named as dashboards and alerts expect them.
//!
//! Out of scope: the registry and how it is scraped.

use prometheus::{Counter, Histogram, IntCounter, IntGauge, exponential_buckets};

use crate::error::EmbedError;

akidb_core::metrics! {
    /// All `akidb_embedding_*` metrics, over all models.
    pub struct EmbeddingMetricFamilies {
        requests_total: IntCounterVec by ["model"],
            "akidb_embedding_requests_total",
            "Requests for embeddings, one for each call whatever its number of texts.";
        errors_total: IntCounterVec by ["model", "code"],
            "akidb_embedding_errors_total",
            "Requests for embeddings that failed, by the code that they were answered with.";
        latency_seconds: HistogramVec by ["model"] within LATENCY_SECONDS,
            "akidb_embedding_latency_seconds",
            "Time from a request for embeddings to its answer, tokenizing and waiting included.";
        batch_size: HistogramVec by ["model"] within exponential_buckets(1.0, 2.0, 10)?,
            "akidb_embedding_batch_size",
            "Texts in a batch that was run.";
        queue_depth: IntGaugeVec by ["model"],
            "akidb_embedding_queue_depth",
            "Texts that wait for a batch, equal ones once.";
        gil_wait_seconds: HistogramVec by ["model"] within exponential_buckets(0.0001, 4.0, 8)?,
            "akidb_embedding_gil_wait_seconds",
            "Time spent waiting for the Python interpreter lock. \
             Only the MLX backend observes it, the native backend never does.";
        worker_overhead_seconds: HistogramVec by ["model"]
            within exponential_buckets(0.0001, 4.0, 8)?,
            "akidb_embedding_worker_overhead_seconds",
            "Time of a batch that was not spent in the Python module: to the process that hosts \
             it and back.";
        workers: IntGaugeVec by ["model"],
            "akidb_embedding_workers",
            "Processes that host Python and have their model open.";
        worker_starts_total: IntCounterVec by ["model"],
            "akidb_embedding_worker_starts_total",
            "Processes that host Python and have opened their model.";
        worker_ends_total: IntCounterVec by ["model", "reason"],
            "akidb_embedding_worker_ends_total",
            "Processes that host Python and have ended or could not be started, by the reason.";
        worker_memory_bytes: IntGaugeVec by ["model", "kind"],
            "akidb_embedding_worker_memory_bytes",
            "Memory of the process that hosts Python, and what MLX has in use, had at the \
             most and keeps for later.";
        busy_seconds_total: CounterVec by ["model"],
            "akidb_embedding_busy_seconds_total",
            "Time in which the model ran batches, added up over the two lanes.";
        tokens_total: IntCounterVec by ["model"],
            "akidb_embedding_tokens_total",
            "Tokens of the texts that were answered with vectors, special tokens included.";
        truncated_total: IntCounterVec by ["model"],
            "akidb_embedding_truncated_total",
            "Texts that were cut to the most tokens the model reads.";
        query_cache_hits_total: IntCounterVec by ["model"],
            "akidb_embedding_query_cache_hits_total",
            "Texts of queries whose vector was kept from an earlier query.";
        query_cache_misses_total: IntCounterVec by ["model"],
            "akidb_embedding_query_cache_misses_total",
            "Texts of queries that were encoded, since no vector of theirs was kept.";
    }
}

/// The metrics of one model; clones share them.
#[derive(Clone, Debug)]
pub struct EmbeddingMetrics {
    pub(crate) requests_total: IntCounter,
    /// By the code of the error, in the order of [`EmbedError::CODES`].
    errors_total: Vec<IntCounter>,
    pub(crate) latency_seconds: Histogram,
    pub(crate) batch_size: Histogram,
    pub(crate) queue_depth: IntGauge,
    pub(crate) busy_seconds_total: Counter,
    pub(crate) tokens_total: IntCounter,
    pub(crate) truncated_total: IntCounter,
    pub(crate) query_cache_hits_total: IntCounter,
    pub(crate) query_cache_misses_total: IntCounter,
    pub(crate) worker: WorkerMetrics,
}

/// The metrics of the processes that host Python for one model; clones share them.
#[derive(Clone, Debug)]
pub(crate) struct WorkerMetrics {
    pub(crate) gil_wait_seconds: Histogram,
    pub(crate) overhead_seconds: Histogram,
    pub(crate) up: IntGauge,
    pub(crate) starts_total: IntCounter,
    /// By the reason, in the order of [`WORKER_ENDS`].
    ends_total: Vec<IntCounter>,
    /// By the kind, in the order of [`WORKER_MEMORY`].
    pub(crate) memory_bytes: Vec<IntGauge>,
}

/// Why a worker ends.
const WORKER_ENDS: [&str; 6] = ["start", "ended", "out_of_time", "silent", "protocol", "memory"];
/// What of a worker's memory is told apart.
const WORKER_MEMORY: [&str; 4] = ["resident", "active", "peak", "cache"];

impl WorkerMetrics {
    /// Counts a worker that has ended, or could not be started.
    pub(crate) fn count_end(&self, reason: &str) {
        let reasons = WORKER_ENDS.iter().zip(&self.ends_total);
        for (_, counter) in reasons.filter(|(known, _)| **known == reason) {
            counter.inc();
        }
    }
}

/// Bounds of the time of a request. 25 ms is one of them, since that is what alerts ask about.
const LATENCY_SECONDS: [f64; 14] =
    [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

impl EmbeddingMetricFamilies {
    /// The metrics of one model, all at zero from now on. The names of models are labels, so they
    /// must be names of the configuration, never a client's.
    #[must_use]
    pub fn of(&self, model: &str) -> EmbeddingMetrics {
        let errors = EmbedError::CODES;
        EmbeddingMetrics {
            requests_total: self.requests_total.with_label_values(&[model]),
            errors_total: errors
                .map(|code| self.errors_total.with_label_values(&[model, code]))
                .to_vec(),
            latency_seconds: self.latency_seconds.with_label_values(&[model]),
            batch_size: self.batch_size.with_label_values(&[model]),
            queue_depth: self.queue_depth.with_label_values(&[model]),
            busy_seconds_total: self.busy_seconds_total.with_label_values(&[model]),
            tokens_total: self.tokens_total.with_label_values(&[model]),
            truncated_total: self.truncated_total.with_label_values(&[model]),
            query_cache_hits_total: self.query_cache_hits_total.with_label_values(&[model]),
            query_cache_misses_total: self.query_cache_misses_total.with_label_values(&[model]),
            worker: self.worker_of(model),
        }
    }

    fn worker_of(&self, model: &str) -> WorkerMetrics {
        let counter = |reason| self.worker_ends_total.with_label_values(&[model, reason]);
        let gauge = |kind| self.worker_memory_bytes.with_label_values(&[model, kind]);
        WorkerMetrics {
            gil_wait_seconds: self.gil_wait_seconds.with_label_values(&[model]),
            overhead_seconds: self.worker_overhead_seconds.with_label_values(&[model]),
            up: self.workers.with_label_values(&[model]),
            starts_total: self.worker_starts_total.with_label_values(&[model]),
            ends_total: WORKER_ENDS.map(counter).to_vec(),
            memory_bytes: WORKER_MEMORY.map(gauge).to_vec(),
        }
    }
}

impl EmbeddingMetrics {
    /// Counts a request that failed.
    pub(crate) fn count_error(&self, error: &EmbedError) {
        let codes = EmbedError::CODES.iter().zip(&self.errors_total);
        for (_, counter) in codes.filter(|(code, _)| **code == error.code()) {
            counter.inc();
        }
    }
}
