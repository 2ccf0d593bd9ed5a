//! What the service reports to Prometheus. Labels take values of this program only, never a
//! client's.

use std::time::Duration;

use akidb_core::ErrorCode;
use akidb_embedding::EmbeddingMetricFamilies;
use akidb_store::StoreMetrics;
use prometheus::{
    Encoder, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder, exponential_buckets,
};

use crate::{Door, Operation, projection::FoundDocuments};

/// The metrics of one service and of everything below it.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) embedding: EmbeddingMetricFamilies,
    pub(crate) model_ready: IntGaugeVec,
    pub(crate) model_load_seconds: GaugeVec,
    pub(crate) store: StoreMetrics,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    pub(crate) requests_in_flight: IntGauge,
    pub(crate) upsert_documents: Histogram,
    pub(crate) upsert_texts_reused: IntCounter,
    pub(crate) import_lines: IntCounterVec,
    pub(crate) index_search_seconds: Histogram,
    index_searches: IntCounterVec,
    index_degraded_searches: prometheus::IntCounter,
    pub(crate) index_append_seconds: Histogram,
    pub(crate) index_compactions: IntCounter,
    pub(crate) index_rebuilds: IntCounter,
    pub(crate) index_snapshots: IntCounter,
    pub(crate) index_snapshot_errors: IntCounter,
    pub(crate) index_snapshots_unusable: IntCounter,
    pub(crate) collections: IntGauge,
    pub(crate) collections_open: IntGauge,
    pub(crate) index_vectors: IntGauge,
    pub(crate) index_linked_vectors: IntGauge,
    pub(crate) index_pending_vectors: IntGauge,
    pub(crate) index_memory_bytes: IntGauge,
    pub(crate) index_hot_memory_bytes: IntGauge,
}

impl Metrics {
    pub(crate) fn register() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let build = IntGaugeVec::new(
            Opts::new("akidb_build_info", "The version of this node, always 1."),
            &["version"],
        )?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        registry.register(Box::new(build))?;
        Ok(Self {
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
                    .buckets(exponential_buckets(0.000_25, 2.0, 18)?),
                    &["operation"],
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
            collections: gauge(&registry, "akidb_collections", "Collections of the node.")?,
            collections_open: gauge(
                &registry,
                "akidb_collections_open",
                "Collections that are open now.",
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
        })
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

    /// The Prometheus text format, version 0.0.4.
    pub(crate) fn text(&self) -> String {
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
