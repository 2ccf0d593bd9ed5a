//! What the node reports about the process and its runtime.
//!
//! Processor time, memory, threads, file descriptors and the time of the start come from
//! Prometheus' own collector, under the names that all programs give them; it exists on Linux only.

use prometheus::IntGauge;
use tokio::runtime::Handle;

akidb_core::metrics! {
    /// The metrics of the node as a process.
    pub(crate) struct NodeMetrics {
        runtime_threads: IntGauge,
            "akidb_runtime_threads",
            "Threads that run the tasks of requests.";
        runtime_tasks: IntGauge,
            "akidb_runtime_tasks",
            "Tasks that have not ended: connections, requests and work in the background.";
        runtime_queue_depth: IntGauge,
            "akidb_runtime_queue_depth",
            "Tasks that could run and wait for any thread.";
    }
}

impl NodeMetrics {
    /// Takes up what the runtime says of itself; nothing outside of one.
    pub(super) fn look_at_runtime(&self) {
        let Ok(runtime) = Handle::try_current() else { return };
        let metrics = runtime.metrics();
        set(&self.runtime_threads, metrics.num_workers() as u64);
        set(&self.runtime_tasks, metrics.num_alive_tasks() as u64);
        set(&self.runtime_queue_depth, metrics.global_queue_depth() as u64);
    }
}

fn set(gauge: &IntGauge, value: u64) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}
