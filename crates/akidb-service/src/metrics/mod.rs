//! What the service reports to Prometheus. Labels take values of this program only, never a
//! client's.
//!
//! `doors` has what goes over the wire, `node` the process, the runtime and the disk. Every metric
//! has a series from the start, so that it is there before it is first used.

mod doors;
mod node;

use std::time::Duration;

use akidb_core::ErrorCode;
use akidb_embedding::EmbeddingMetricFamilies;
use akidb_index::Strategy;
use akidb_store::{Finding, FindingKind, StoreMetrics};
use prometheus::{Encoder, IntGaugeVec, Opts, Registry, TextEncoder, exponential_buckets};

pub use self::doors::{DoorMetrics, OpenConnection};
use self::node::NodeMetrics;
use crate::{Door, IndexState, Operation, RequestTimes, projection::FoundDocuments, times::Phase};

/// Bounds of the time of a request. 25 ms is one of them, since that is what searches are held to.
pub(super) const REQUEST_SECONDS: [f64; 18] = [
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0, 30.0, 60.0, 300.0,
];

/// The media type of [`Service::metrics_text`](crate::Service::metrics_text).
pub const METRICS_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

akidb_core::metrics! {
    /// The metrics of requests, over both doors.
    pub(crate) struct RequestMetrics {
        requests: IntCounterVec by ["door", "operation", "code"],
            "akidb_requests_total",
            "Requests by door, operation and outcome: ok or the error's code.";
        request_seconds: HistogramVec by ["operation"] within REQUEST_SECONDS,
            "akidb_request_duration_seconds",
            "Time from the decoded request to its reply, by operation.";
        phase_seconds: HistogramVec by ["phase"] within exponential_buckets(0.000_05, 3.0, 14)?,
            "akidb_request_phase_duration_seconds",
            "Time that a request spent in one of its phases, where it came to it. \
             Imports are left out.";
        pub(crate) in_flight: IntGauge,
            "akidb_requests_in_flight",
            "Requests that run now.";
        pub(crate) upsert_documents: Histogram within exponential_buckets(1.0, 4.0, 8)?,
            "akidb_upsert_documents",
            "Documents in one upsert.";
        pub(crate) upsert_texts_reused: IntCounter,
            "akidb_upsert_texts_reused_total",
            "Texts whose vector the collection held already, or that stood twice in a batch.";
        pub(crate) import_lines: IntCounterVec by ["outcome"],
            "akidb_import_lines_total",
            "Lines of imports that are done: created, updated or failed.";
        pub(crate) imports_in_flight: IntGauge,
            "akidb_imports_in_flight",
            "Imports that run now.";
    }
}

akidb_core::metrics! {
    /// The metrics of models, by the name in the configuration.
    pub(crate) struct ModelMetrics {
        pub(crate) ready: IntGaugeVec by ["model"],
            "akidb_model_ready",
            "1 while a model of the configuration can be used, else 0.";
        pub(crate) wanted: IntGaugeVec by ["model"],
            "akidb_model_wanted",
            "1 for a model that was asked for, at start or later, and not unloaded since.";
        pub(crate) load_seconds: GaugeVec by ["model"],
            "akidb_model_load_seconds",
            "Time that the last loading of a model took.";
    }
}

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
    }
}

akidb_core::metrics! {
    /// The metrics of the vector indexes of all open collections.
    pub(crate) struct IndexMetrics {
        pub(crate) search_seconds: Histogram within exponential_buckets(0.000_05, 2.0, 16)?,
            "akidb_index_search_seconds",
            "Time of one search of the vector index, without embedding and fetching.";
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

/// The metrics of one service and of everything below it.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) embedding: EmbeddingMetricFamilies,
    pub(crate) store: StoreMetrics,
    pub(crate) doors: DoorMetrics,
    pub(crate) node: NodeMetrics,
    pub(crate) requests: RequestMetrics,
    pub(crate) models: ModelMetrics,
    pub(crate) collections: CollectionMetrics,
    pub(crate) indexes: IndexMetrics,
}

impl Metrics {
    pub(crate) fn register() -> prometheus::Result<Self> {
        let registry = Registry::new();
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        let build = IntGaugeVec::new(
            Opts::new("akidb_build_info", "The version of this node, always 1."),
            &["version"],
        )?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        registry.register(Box::new(build))?;
        let metrics = Self {
            embedding: EmbeddingMetricFamilies::register(&registry)?,
            store: StoreMetrics::register(&registry)?,
            doors: DoorMetrics::register(&registry)?,
            node: NodeMetrics::register(&registry)?,
            requests: RequestMetrics::register(&registry)?,
            models: ModelMetrics::register(&registry)?,
            collections: CollectionMetrics::register(&registry)?,
            indexes: IndexMetrics::register(&registry)?,
            registry,
        };
        metrics.make_first_series();
        Ok(metrics)
    }

    /// So that every metric is there from the start, at zero: a counter that appears with its first
    /// error has no rate that an alert could see.
    fn make_first_series(&self) {
        self.doors.make_first_series();
        for operation in Operation::ALL {
            for door in [Door::Rest, Door::Grpc] {
                self.requests.requests.with_label_values(&[
                    door.as_str(),
                    operation.as_str(),
                    "ok",
                ]);
                let code = ErrorCode::Internal.as_str();
                self.requests.requests.with_label_values(&[
                    door.as_str(),
                    operation.as_str(),
                    code,
                ]);
            }
        }
        self.requests.request_seconds.with_label_values(&[Operation::Search.as_str()]);
        for phase in Phase::ALL {
            self.requests.phase_seconds.with_label_values(&[phase.as_str()]);
        }
        for outcome in ["created", "updated", "failed"] {
            self.requests.import_lines.with_label_values(&[outcome]);
        }
        for strategy in [Strategy::Scan, Strategy::Graph, Strategy::GraphThenScan] {
            self.indexes.searches.with_label_values(&[strategy.as_str()]);
        }
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

    /// Counts one finished or refused request.
    pub(crate) fn count(&self, door: Door, operation: Operation, code: Option<ErrorCode>) {
        let code = code.map_or("ok", ErrorCode::as_str);
        self.requests.requests.with_label_values(&[door.as_str(), operation.as_str(), code]).inc();
    }

    /// Counts one search of a vector index.
    pub(crate) fn count_search(&self, found: &FoundDocuments) {
        self.indexes.searches.with_label_values(&[found.work.strategy.as_str()]).inc();
        if found.degraded {
            self.indexes.degraded_searches.inc();
        }
    }

    pub(crate) fn observe(&self, operation: Operation, took: Duration) {
        let histogram = self.requests.request_seconds.with_label_values(&[operation.as_str()]);
        histogram.observe(took.as_secs_f64());
    }

    /// Adds the phases that a request came to.
    pub(crate) fn observe_phases(&self, times: &RequestTimes) {
        for phase in Phase::ALL {
            let took = times.of(phase);
            if !took.is_zero() {
                let histogram = self.requests.phase_seconds.with_label_values(&[phase.as_str()]);
                histogram.observe(took.as_secs_f64());
            }
        }
    }

    /// The Prometheus text format, see [`METRICS_CONTENT_TYPE`].
    pub(crate) fn text(&self) -> String {
        self.node.look_at_runtime();
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "the metrics could not be encoded");
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}
