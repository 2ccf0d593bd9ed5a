//! What local storage reports to Prometheus.

use std::time::Duration;

use akidb_core::Strategy;
use akidb_engine::{IndexState, Ranking};
use akidb_store::{Finding, FindingKind, StoreMetrics};
use prometheus::{Registry, exponential_buckets};

use crate::{disk::DiskMetrics, projection::FoundDocuments};

akidb_core::metrics! {
    /// The metrics of collections and of what they are derived into.
    pub(crate) struct CollectionMetrics {
        findings: IntGaugeVec by ["kind"],
            "akidb_catalogue_findings",
            "What of the catalogue of collections was not as it was left, at the start \
             of the node, by its kind.";
        pub(crate) all: IntGauge,
            "akidb_collections",
            "Collections of the node.";
        pub(crate) open: IntGauge,
            "akidb_collections_open",
            "Collections that are open now.";
        pub(crate) documents: IntGauge,
            "akidb_documents",
            "Documents of all collections.";
        pub(crate) expired: IntCounter,
            "akidb_expired_documents_total",
            "Documents that were deleted because they had expired.";
    }
}

akidb_core::metrics! {
    /// The metrics of the vector indexes of all open collections.
    pub(crate) struct IndexMetrics {
        search_seconds: Histogram within exponential_buckets(0.000_05, 2.0, 16)?,
            "akidb_index_search_seconds",
            "Time of one search of the vector index, without embedding and fetching.";
        keyword_seconds: Histogram within exponential_buckets(0.000_05, 2.0, 16)?,
            "akidb_keyword_search_seconds",
            "Time of one search of the keyword index, and of making one score of two in a hybrid search.";
        searches: IntCounterVec by ["strategy"],
            "akidb_index_searches_total",
            "Searches of a vector index by how it went about them.";
        degraded_searches: IntCounter,
            "akidb_index_degraded_searches_total",
            "Searches answered without the graph that the settings ask for.";
        pub(crate) append_seconds: Histogram within exponential_buckets(0.000_01, 4.0, 10)?,
            "akidb_index_append_seconds",
            "Time to bring the vector index in step with one commit.";
        pub(crate) compactions: IntCounter,
            "akidb_index_compactions_total",
            "Times that a vector index was rebuilt without its removed vectors.";
        pub(crate) rebuilds: IntCounter,
            "akidb_index_rebuilds_total",
            "Times that a vector index was rebuilt for other settings.";
        pub(crate) snapshots: IntCounter,
            "akidb_index_snapshots_total",
            "Snapshots of indexes written.";
        pub(crate) snapshot_errors: IntCounter,
            "akidb_index_snapshot_errors_total",
            "Snapshots of indexes that could not be written.";
        pub(crate) snapshots_unusable: IntCounter,
            "akidb_index_snapshots_unusable_total",
            "Snapshots of indexes that were damaged, of another version or not of the store.";
        states: IntGaugeVec by ["state"],
            "akidb_indexes",
            "Vector indexes of the open collections: ready, building where a graph does \
             not hold all vectors yet, or rebuilding where another index takes its place.";
        pub(crate) vectors: IntGauge,
            "akidb_index_vectors",
            "Vectors that searches of the open collections see.";
        pub(crate) linked_vectors: IntGauge,
            "akidb_index_linked_vectors",
            "Vectors that the graphs of the open collections hold.";
        pub(crate) pending_vectors: IntGauge,
            "akidb_index_pending_vectors",
            "Vectors of the open collections that wait to be linked into a graph.";
        pub(crate) memory_bytes: IntGauge,
            "akidb_index_memory_bytes",
            "Memory of the vector indexes of the open collections.";
        pub(crate) hot_memory_bytes: IntGauge,
            "akidb_index_hot_memory_bytes",
            "Of the memory of the vector indexes, links and codes that walks of a graph read.";
    }
}

akidb_core::metrics! {
    /// The metrics of backups.
    pub(crate) struct BackupMetrics {
        pub(crate) newest: IntGauge,
            "akidb_backup_newest_timestamp_seconds",
            "The moment that the newest backup is of, in Unix time; 0 where there is none.";
        pub(crate) held_seconds: Histogram within exponential_buckets(0.000_1, 2.0, 16)?,
            "akidb_backup_commits_held_seconds",
            "Time for which commits were held up, so that a backup is of one moment.";
    }
}

/// The metrics of all that is stored on this node.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) store: StoreMetrics,
    pub(crate) collections: CollectionMetrics,
    pub(crate) indexes: IndexMetrics,
    pub(crate) disk: DiskMetrics,
    pub(crate) backups: BackupMetrics,
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Self {
            store: StoreMetrics::register(registry)?,
            collections: CollectionMetrics::register(registry)?,
            indexes: IndexMetrics::register(registry)?,
            disk: DiskMetrics::register(registry)?,
            backups: BackupMetrics::register(registry)?,
        };
        metrics.make_first_series();
        Ok(metrics)
    }

    /// So that every series is there from the start: one that appears with its first event has no
    /// rate that an alert could see.
    fn make_first_series(&self) {
        for strategy in [Strategy::Scan, Strategy::Graph, Strategy::GraphThenScan] {
            self.indexes.searches.with_label_values(&[strategy.as_str()]);
        }
        self.store.make_first_series();
        self.count_indexes(std::iter::empty());
        self.count_findings(&[]);
    }

    /// Takes up what a start found.
    pub(crate) fn count_findings(&self, findings: &[Finding]) {
        for &kind in FindingKind::ALL {
            let count = findings.iter().filter(|finding| finding.kind == kind).count();
            let gauge = self.collections.findings.with_label_values(&[kind.as_str()]);
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// Takes up the states of all indexes.
    pub(crate) fn count_indexes(&self, states: impl Iterator<Item = IndexState>) {
        let mut counts = IndexState::ALL.map(|state| (state, 0));
        for state in states {
            for (_, count) in counts.iter_mut().filter(|(counted, _)| *counted == state) {
                *count += 1;
            }
        }
        for (state, count) in counts {
            self.indexes.states.with_label_values(&[state.as_str()]).set(count);
        }
    }

    /// Counts one search of the indexes, and what it took of each.
    pub(crate) fn count_search(
        &self,
        ranking: &Ranking,
        found: &FoundDocuments,
        index: Duration,
        keyword: Duration,
    ) {
        if !matches!(ranking, Ranking::Semantic(_)) {
            self.indexes.keyword_seconds.observe(keyword.as_secs_f64());
        }
        if ranking.near().is_none() {
            return;
        }
        self.indexes.search_seconds.observe(index.as_secs_f64());
        self.indexes.searches.with_label_values(&[found.work.strategy.as_str()]).inc();
        if found.degraded {
            self.indexes.degraded_searches.inc();
        }
    }
}
