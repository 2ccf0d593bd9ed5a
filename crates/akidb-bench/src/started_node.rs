//! A node that a measurement starts itself: how long that took, its memory, and its end.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use akidb_client::{
    Client,
    process::{Addresses, Launch, NodeProcess},
};
use anyhow::{Context, ensure};

use crate::node;

/// Far away: a start after a crash reads a large collection.
const READY_WITHIN: Duration = Duration::from_secs(3_600);
const STOPPED_WITHIN: Duration = Duration::from_secs(3_600);

/// A node of this measurement, killed when it is dropped.
pub(crate) struct StartedNode {
    process: NodeProcess,
    /// Where it listens.
    pub(crate) addresses: Addresses,
    pub(crate) client: Client,
    /// From the start of the process to its line that it is ready.
    pub(crate) start: Duration,
}

impl StartedNode {
    /// Starts `akidb` over `data_dir` with the settings of the environment, and waits until it is
    /// ready.
    pub(crate) fn start(akidb: &Path, data_dir: &Path) -> anyhow::Result<Self> {
        let started = Instant::now();
        let mut process = Launch::new(akidb, data_dir).spawn()?;
        let addresses = process.ready(READY_WITHIN)?;
        let start = started.elapsed();
        let client = node::rest_client(&addresses.rest_url())?;
        Ok(Self { process, addresses, client, start })
    }

    /// The address of a path of its REST door.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.addresses.rest_url())
    }

    /// The sum of a metric over its labels.
    pub(crate) async fn metric(&self, name: &str) -> anyhow::Result<f64> {
        Ok(node::metric(&self.client.metrics().await?, name))
    }

    /// Resident memory.
    pub(crate) fn rss_mib(&self) -> anyhow::Result<f64> {
        self.memory_mib("VmRSS:")
    }

    /// The most resident memory that it had so far.
    pub(crate) fn rss_max_mib(&self) -> anyhow::Result<f64> {
        self.memory_mib("VmHWM:")
    }

    fn memory_mib(&self, field: &str) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let kib = line.and_then(|line| line.split_whitespace().next());
        let kib = kib.with_context(|| format!("no {field} line"))?;
        Ok(kib.parse::<f64>()? / 1_024.0)
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        Ok(self.process.stop(STOPPED_WITHIN)?)
    }
}

/// Refuses a directory that holds something: what a measurement makes, it also removes.
pub(crate) fn ensure_empty(data_dir: &Path) -> anyhow::Result<()> {
    let occupied = fs::read_dir(data_dir).is_ok_and(|mut files| files.next().is_some());
    ensure!(!occupied, "{} is not empty", data_dir.display());
    Ok(())
}
