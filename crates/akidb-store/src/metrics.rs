//! What the stores of a node report to Prometheus.

use prometheus::exponential_buckets;

akidb_core::metrics! {
    /// The metrics of all collections together.
    pub struct StoreMetrics {
        pub(crate) commit_seconds: Histogram within exponential_buckets(0.000_25, 2.0, 15)?,
            "akidb_store_commit_seconds",
            "Time of one transaction, from BEGIN to the synced commit.";
        pub(crate) commit_part_seconds: HistogramVec by ["part"]
            within exponential_buckets(0.000_05, 2.0, 16)?,
            "akidb_store_commit_part_seconds",
            "Time of one transaction by part: rows made ready, values bound, rows inserted, the log written and synced; and of copying the log into the database, for which its own writes do not wait.";
        pub(crate) commit_rows: Histogram within exponential_buckets(1.0, 4.0, 8)?,
            "akidb_store_commit_rows",
            "Rows changed by one transaction.";
        pub(crate) queue_depth: IntGauge,
            "akidb_store_write_queue_depth",
            "Writes that wait for the writer of their collection.";
        pub(crate) commit_errors: IntCounter,
            "akidb_store_commit_errors_total",
            "Transactions that failed.";
        pub(crate) damaged_rows: IntCounter,
            "akidb_store_damaged_rows_total",
            "Rows read whose checksum was wrong. They are not served.";
        pub(crate) lost_writes: IntCounter,
            "akidb_store_lost_writes_total",
            "Acknowledged sequence numbers found missing when a collection was opened.";
        pub(crate) log_bytes: IntGauge,
            "akidb_store_log_bytes",
            "Bytes in the logs of open collections that are not in their databases yet.";
        pub(crate) read_only: IntGauge,
            "akidb_storage_read_only",
            "1 while writes are refused because the disk of the data directory is nearly full.";
        pub(crate) min_free_bytes: IntGauge,
            "akidb_storage_min_free_bytes",
            "Room on the disk of the data directory below which writes are refused.";
    }
}

/// The parts of a transaction that are timed, and what follows it.
pub(crate) const COMMIT_PARTS: [&str; 5] = ["checksum", "bind", "step", "commit", "checkpoint"];

impl StoreMetrics {
    /// So that every series is there from the start.
    pub fn make_first_series(&self) {
        for part in COMMIT_PARTS {
            self.commit_part_seconds.with_label_values(&[part]);
        }
    }
}
