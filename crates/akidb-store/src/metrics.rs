//! What the stores of a node report to Prometheus.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntGauge, Registry, exponential_buckets};

/// The metrics of all collections together; clones share them.
#[derive(Clone, Debug)]
pub struct StoreMetrics {
    /// Time from `BEGIN` to the synced commit.
    pub(crate) commit_seconds: Histogram,
    /// Rows written by one commit.
    pub(crate) commit_rows: Histogram,
    /// Writes waiting for a writer.
    pub(crate) queue_depth: IntGauge,
    /// Commits that failed.
    pub(crate) commit_errors: IntCounter,
    /// Rows found with a wrong checksum.
    pub(crate) damaged_rows: IntCounter,
    /// Acknowledged sequence numbers found missing.
    pub(crate) lost_writes: IntCounter,
    /// Whether writes are refused for want of room.
    pub(crate) read_only: IntGauge,
    /// Room below which they are.
    pub(crate) min_free_bytes: IntGauge,
}

impl StoreMetrics {
    /// Makes the metrics and registers them.
    ///
    /// # Errors
    /// When a metric of the same name is registered already.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Self {
            commit_seconds: Histogram::with_opts(
                HistogramOpts::new(
                    "akidb_store_commit_seconds",
                    "Time of one transaction, from BEGIN to the synced commit.",
                )
                .buckets(exponential_buckets(0.000_25, 2.0, 15)?),
            )?,
            commit_rows: Histogram::with_opts(
                HistogramOpts::new("akidb_store_commit_rows", "Rows changed by one transaction.")
                    .buckets(exponential_buckets(1.0, 4.0, 8)?),
            )?,
            queue_depth: IntGauge::new(
                "akidb_store_write_queue_depth",
                "Writes that wait for the writer of their collection.",
            )?,
            commit_errors: IntCounter::new(
                "akidb_store_commit_errors_total",
                "Transactions that failed.",
            )?,
            damaged_rows: IntCounter::new(
                "akidb_store_damaged_rows_total",
                "Rows read whose checksum was wrong. They are not served.",
            )?,
            lost_writes: IntCounter::new(
                "akidb_store_lost_writes_total",
                "Acknowledged sequence numbers found missing when a collection was opened.",
            )?,
            read_only: IntGauge::new(
                "akidb_storage_read_only",
                "1 while writes are refused because the disk of the data directory is nearly full.",
            )?,
            min_free_bytes: IntGauge::new(
                "akidb_storage_min_free_bytes",
                "Room on the disk of the data directory below which writes are refused.",
            )?,
        };
        registry.register(Box::new(metrics.commit_seconds.clone()))?;
        registry.register(Box::new(metrics.commit_rows.clone()))?;
        registry.register(Box::new(metrics.queue_depth.clone()))?;
        registry.register(Box::new(metrics.commit_errors.clone()))?;
        registry.register(Box::new(metrics.damaged_rows.clone()))?;
        registry.register(Box::new(metrics.lost_writes.clone()))?;
        registry.register(Box::new(metrics.read_only.clone()))?;
        registry.register(Box::new(metrics.min_free_bytes.clone()))?;
        Ok(metrics)
    }
}
