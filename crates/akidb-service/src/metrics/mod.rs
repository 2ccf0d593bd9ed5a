//! What the service reports to Prometheus. Labels take values of this program only, never a
//! client's.
//!
//! `doors` has what goes over the wire, `node` the process, the runtime and the disk. Every metric
//! has a series from the start, so that it is there before it is first used.

mod doors;
mod node;
mod tls_failure;

use std::time::Duration;

use akidb_core::ErrorCode;
use akidb_embedding::EmbeddingMetricFamilies;
use akidb_engine::{TaskState, TaskWork};
use prometheus::{Encoder, IntGaugeVec, Opts, Registry, TextEncoder, exponential_buckets};

use self::node::NodeMetrics;
pub use self::{
    doors::{DoorMetrics, OpenConnection},
    tls_failure::TlsFailure,
};
use crate::{Door, Operation, RequestTimes, request_times::Phase};

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
        pub(crate) reranked_documents: IntCounter,
            "akidb_reranked_documents_total",
            "Documents that re-rankers have scored, by themselves and for searches.";
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
    /// The metrics of tasks that are kept, by what they do.
    pub(crate) struct TaskMetrics {
        pub(crate) running: IntGaugeVec by ["kind"],
            "akidb_tasks_running",
            "Tasks that are not over, those that wait for others among them.";
        pub(crate) ended: IntCounterVec by ["kind", "outcome"],
            "akidb_tasks_ended_total",
            "Tasks that have ended since the start: succeeded, failed or cancelled.";
        pub(crate) progress: GaugeVec by ["kind"],
            "akidb_task_progress_ratio",
            "How much of the task that goes on is done, 0 where none does.";
    }
}

/// The metrics of one service and of everything below it.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) embedding: EmbeddingMetricFamilies,
    pub(crate) doors: DoorMetrics,
    pub(crate) node: NodeMetrics,
    pub(crate) requests: RequestMetrics,
    pub(crate) models: ModelMetrics,
    pub(crate) tasks: TaskMetrics,
}

impl Metrics {
    pub(crate) fn register(registry: Registry) -> prometheus::Result<Self> {
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
            doors: DoorMetrics::register(&registry)?,
            node: NodeMetrics::register(&registry)?,
            requests: RequestMetrics::register(&registry)?,
            models: ModelMetrics::register(&registry)?,
            tasks: TaskMetrics::register(&registry)?,
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
        for kind in TaskWork::KINDS {
            self.tasks.running.with_label_values(&[kind]);
            self.tasks.progress.with_label_values(&[kind]);
            for state in TaskState::ALL.into_iter().filter(|state| *state != TaskState::Running) {
                self.tasks.ended.with_label_values(&[kind, state.as_str()]);
            }
        }
        for outcome in ["created", "updated", "failed"] {
            self.requests.import_lines.with_label_values(&[outcome]);
        }
    }

    /// Counts one finished or refused request.
    pub(crate) fn count(&self, door: Door, operation: Operation, code: Option<ErrorCode>) {
        let code = code.map_or("ok", ErrorCode::as_str);
        self.requests.requests.with_label_values(&[door.as_str(), operation.as_str(), code]).inc();
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
