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
use prometheus::{
    Encoder, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder, exponential_buckets,
};

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

/// The metrics of one service and of everything below it.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) embedding: EmbeddingMetricFamilies,
    pub(crate) model_ready: IntGaugeVec,
    pub(crate) model_wanted: IntGaugeVec,
    pub(crate) model_load_seconds: GaugeVec,
    pub(crate) store: StoreMetrics,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    phase_seconds: HistogramVec,
    pub(crate) doors: DoorMetrics,
    pub(crate) node: NodeMetrics,
    pub(crate) requests_in_flight: IntGauge,
    pub(crate) upsert_documents: Histogram,
    pub(crate) upsert_texts_reused: IntCounter,
    pub(crate) import_lines: IntCounterVec,
    pub(crate) imports_in_flight: IntGauge,
    pub(crate) index_search_seconds: Histogram,
    index_searches: IntCounterVec,
    index_degraded_searches: prometheus::IntCounter,
    pub(crate) index_append_seconds: Histogram,
    pub(crate) index_compactions: IntCounter,
    pub(crate) index_rebuilds: IntCounter,
    pub(crate) index_snapshots: IntCounter,
    pub(crate) index_snapshot_errors: IntCounter,
    pub(crate) index_snapshots_unusable: IntCounter,
    catalogue_findings: IntGaugeVec,
    pub(crate) collections: IntGauge,
    pub(crate) collections_open: IntGauge,
    pub(crate) documents: IntGauge,
    indexes: IntGaugeVec,
    pub(crate) index_vectors: IntGauge,
    pub(crate) index_linked_vectors: IntGauge,
    pub(crate) index_pending_vectors: IntGauge,
    pub(crate) index_memory_bytes: IntGauge,
    pub(crate) index_hot_memory_bytes: IntGauge,
}

impl Metrics {
    pub(crate) fn register() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let doors = DoorMetrics::new()?;
        doors.register(&registry)?;
        let build = IntGaugeVec::new(
            Opts::new("akidb_build_info", "The version of this node, always 1."),
            &["version"],
        )?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        registry.register(Box::new(build))?;
        let metrics = Self {
            doors,
            node: NodeMetrics::register(&registry)?,
            embedding: EmbeddingMetricFamilies::register(&registry)?,
            model_ready: registered(
                &registry,
                IntGaugeVec::new(
                    Opts::new(
                        "akidb_model_ready",
                        "1 while a model of the configuration can be used, else 0.",
                    ),
                    &["model"],
                )?,
            )?,
            model_wanted: registered(
                &registry,
                IntGaugeVec::new(
                    Opts::new(
                        "akidb_model_wanted",
                        "1 for a model that was asked for, at start or later, and not unloaded since.",
                    ),
                    &["model"],
                )?,
            )?,
            model_load_seconds: registered(
                &registry,
                GaugeVec::new(
                    Opts::new(
                        "akidb_model_load_seconds",
                        "Time that the last loading of a model took.",
                    ),
                    &["model"],
                )?,
            )?,
            store: StoreMetrics::register(&registry)?,
            requests: registered(
                &registry,
                IntCounterVec::new(
                    Opts::new(
                        "akidb_requests_total",
                        "Requests by door, operation and outcome: ok or the error's code.",
                    ),
                    &["door", "operation", "code"],
                )?,
            )?,
            request_seconds: registered(
                &registry,
                HistogramVec::new(
                    HistogramOpts::new(
                        "akidb_request_duration_seconds",
                        "Time from the decoded request to its reply, by operation.",
                    )
                    .buckets(REQUEST_SECONDS.to_vec()),
                    &["operation"],
                )?,
            )?,
            phase_seconds: registered(
                &registry,
                HistogramVec::new(
                    HistogramOpts::new(
                        "akidb_request_phase_duration_seconds",
                        "Time that a request spent in one of its phases, where it came to it. \
                         Imports are left out.",
                    )
                    .buckets(exponential_buckets(0.000_05, 3.0, 14)?),
                    &["phase"],
                )?,
            )?,
            requests_in_flight: gauge(
                &registry,
                "akidb_requests_in_flight",
                "Requests that run now.",
            )?,
            upsert_documents: histogram(
                &registry,
                "akidb_upsert_documents",
                "Documents in one upsert.",
                exponential_buckets(1.0, 4.0, 8)?,
            )?,
            upsert_texts_reused: counter(
                &registry,
                "akidb_upsert_texts_reused_total",
                "Texts whose vector the collection held already, or that stood twice in a batch.",
            )?,
            import_lines: registered(
                &registry,
                IntCounterVec::new(
                    Opts::new(
                        "akidb_import_lines_total",
                        "Lines of imports that are done: created, updated or failed.",
                    ),
                    &["outcome"],
                )?,
            )?,
            imports_in_flight: gauge(
                &registry,
                "akidb_imports_in_flight",
                "Imports that run now.",
            )?,
            index_search_seconds: histogram(
                &registry,
                "akidb_index_search_seconds",
                "Time of one search of the vector index, without embedding and fetching.",
                exponential_buckets(0.000_05, 2.0, 16)?,
            )?,
            index_searches: registered(
                &registry,
                IntCounterVec::new(
                    Opts::new(
                        "akidb_index_searches_total",
                        "Searches of a vector index by how it went about them.",
                    ),
                    &["strategy"],
                )?,
            )?,
            index_degraded_searches: registered(
                &registry,
                prometheus::IntCounter::new(
                    "akidb_index_degraded_searches_total",
                    "Searches answered without the graph that the settings ask for.",
                )?,
            )?,
            index_append_seconds: histogram(
                &registry,
                "akidb_index_append_seconds",
                "Time to bring the vector index in step with one commit.",
                exponential_buckets(0.000_01, 4.0, 10)?,
            )?,
            index_compactions: counter(
                &registry,
                "akidb_index_compactions_total",
                "Times that a vector index was rebuilt without its removed vectors.",
            )?,
            index_rebuilds: counter(
                &registry,
                "akidb_index_rebuilds_total",
                "Times that a vector index was rebuilt for other settings.",
            )?,
            index_snapshots: counter(
                &registry,
                "akidb_index_snapshots_total",
                "Snapshots of indexes written.",
            )?,
            index_snapshot_errors: counter(
                &registry,
                "akidb_index_snapshot_errors_total",
                "Snapshots of indexes that could not be written.",
            )?,
            index_snapshots_unusable: counter(
                &registry,
                "akidb_index_snapshots_unusable_total",
                "Snapshots of indexes that were damaged, of another version or not of the store.",
            )?,
            catalogue_findings: registered(
                &registry,
                IntGaugeVec::new(
                    Opts::new(
                        "akidb_catalogue_findings",
                        "What of the catalogue of collections was not as it was left, at the start \
                         of the node, by its kind.",
                    ),
                    &["kind"],
                )?,
            )?,
            collections: gauge(&registry, "akidb_collections", "Collections of the node.")?,
            collections_open: gauge(
                &registry,
                "akidb_collections_open",
                "Collections that are open now.",
            )?,
            documents: gauge(&registry, "akidb_documents", "Documents of all collections.")?,
            indexes: registered(
                &registry,
                IntGaugeVec::new(
                    Opts::new(
                        "akidb_indexes",
                        "Vector indexes of the open collections: ready, building where a graph does \
                         not hold all vectors yet, or rebuilding where another index takes its place.",
                    ),
                    &["state"],
                )?,
            )?,
            index_vectors: gauge(
                &registry,
                "akidb_index_vectors",
                "Vectors that searches of the open collections see.",
            )?,
            index_linked_vectors: gauge(
                &registry,
                "akidb_index_linked_vectors",
                "Vectors that the graphs of the open collections hold.",
            )?,
            index_pending_vectors: gauge(
                &registry,
                "akidb_index_pending_vectors",
                "Vectors of the open collections that wait to be linked into a graph.",
            )?,
            index_memory_bytes: gauge(
                &registry,
                "akidb_index_memory_bytes",
                "Memory of the vector indexes of the open collections.",
            )?,
            index_hot_memory_bytes: gauge(
                &registry,
                "akidb_index_hot_memory_bytes",
                "Of the memory of the vector indexes, links and codes that walks of a graph read.",
            )?,
            registry,
        };
        metrics.make_first_series();
        Ok(metrics)
    }

    /// So that every metric is there from the start, at zero: a counter that appears with its first
    /// error has no rate that an alert could see.
    fn make_first_series(&self) {
        for operation in Operation::ALL {
            for door in [Door::Rest, Door::Grpc] {
                self.requests.with_label_values(&[door.as_str(), operation.as_str(), "ok"]);
                let code = ErrorCode::Internal.as_str();
                self.requests.with_label_values(&[door.as_str(), operation.as_str(), code]);
            }
        }
        self.request_seconds.with_label_values(&[Operation::Search.as_str()]);
        for phase in Phase::ALL {
            self.phase_seconds.with_label_values(&[phase.as_str()]);
        }
        for outcome in ["created", "updated", "failed"] {
            self.import_lines.with_label_values(&[outcome]);
        }
        for strategy in [Strategy::Scan, Strategy::Graph, Strategy::GraphThenScan] {
            self.index_searches.with_label_values(&[strategy.as_str()]);
        }
        self.count_indexes(std::iter::empty());
        self.count_findings(&[]);
    }

    /// Takes up what a start found.
    pub(crate) fn count_findings(&self, findings: &[Finding]) {
        for &kind in FindingKind::ALL {
            let count = findings.iter().filter(|finding| finding.kind == kind).count();
            let gauge = self.catalogue_findings.with_label_values(&[kind.as_str()]);
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
            self.indexes.with_label_values(&[state.as_str()]).set(count);
        }
    }

    /// Counts one finished or refused request.
    pub(crate) fn count(&self, door: Door, operation: Operation, code: Option<ErrorCode>) {
        let code = code.map_or("ok", ErrorCode::as_str);
        self.requests.with_label_values(&[door.as_str(), operation.as_str(), code]).inc();
    }

    /// Counts one search of a vector index.
    pub(crate) fn count_search(&self, found: &FoundDocuments) {
        self.index_searches.with_label_values(&[found.work.strategy.as_str()]).inc();
        if found.degraded {
            self.index_degraded_searches.inc();
        }
    }

    pub(crate) fn observe(&self, operation: Operation, took: Duration) {
        let histogram = self.request_seconds.with_label_values(&[operation.as_str()]);
        histogram.observe(took.as_secs_f64());
    }

    /// Adds the phases that a request came to.
    pub(crate) fn observe_phases(&self, times: &RequestTimes) {
        for phase in Phase::ALL {
            let took = times.of(phase);
            if !took.is_zero() {
                let histogram = self.phase_seconds.with_label_values(&[phase.as_str()]);
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

fn registered<C: prometheus::core::Collector + Clone + 'static>(
    registry: &Registry,
    collector: C,
) -> prometheus::Result<C> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

fn counter(registry: &Registry, name: &str, help: &str) -> prometheus::Result<IntCounter> {
    registered(registry, IntCounter::new(name, help)?)
}

fn gauge(registry: &Registry, name: &str, help: &str) -> prometheus::Result<IntGauge> {
    registered(registry, IntGauge::new(name, help)?)
}

fn histogram(
    registry: &Registry,
    name: &str,
    help: &str,
    buckets: Vec<f64>,
) -> prometheus::Result<Histogram> {
    registered(registry, Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets))?)
}
