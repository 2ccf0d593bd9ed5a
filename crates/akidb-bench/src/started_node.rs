//! A node that a measurement starts itself: how long that took, its memory, and its end.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use reqwest::Client;
use serde_json::Value;

/// A node of this measurement, killed when it is dropped.
pub(crate) struct StartedNode {
    child: Child,
    base: String,
    /// Where gRPC is.
    pub(crate) grpc: String,
    pub(crate) client: Client,
    /// From the start of the process to its line that it is ready.
    pub(crate) start: Duration,
}

impl StartedNode {
    /// Starts `akidb` over `data_dir` with the settings of the environment, and waits until it is
    /// ready.
    pub(crate) fn start(akidb: &Path, data_dir: &Path) -> anyhow::Result<Self> {
        let started = Instant::now();
        let mut child = Command::new(akidb)
            .args(["serve", "--rest-addr", "127.0.0.1:0", "--grpc-addr", "127.0.0.1:0"])
            .arg("--data-dir")
            .arg(data_dir)
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", akidb.display()))?;
        let stdout = child.stdout.take().context("the node has no stdout")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let start = started.elapsed();
        let address = |door| line.split_once(door)?.1.split_whitespace().next();
        let addresses = address("rest=").zip(address("grpc="));
        let (rest, grpc) = addresses.context("the node did not start, its log says why")?;
        let (base, grpc) = (format!("http://{rest}"), format!("http://{grpc}"));
        Ok(Self { child, base, grpc, client: Client::new(), start })
    }

    /// The address of a path of its REST door.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Sends a request, which must succeed and be answered in JSON.
    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        let answer = self.send_for_text(request).await?;
        Ok(serde_json::from_str(&answer)?)
    }

    /// The sum of a metric over its labels.
    pub(crate) async fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let text = self.send_for_text(self.client.get(self.url("/metrics"))).await?;
        let values = text.lines().filter_map(|line| {
            let (labels, value) = line.strip_prefix(name)?.rsplit_once(' ')?;
            (labels.is_empty() || labels.starts_with('{')).then(|| value.parse::<f64>().ok())?
        });
        Ok(values.sum())
    }

    async fn send_for_text(&self, request: reqwest::RequestBuilder) -> anyhow::Result<String> {
        let response = request.send().await?;
        let status = response.status();
        let answer = response.text().await?;
        ensure!(status.is_success(), "the node answered {status}: {answer}");
        Ok(answer)
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
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let kib = line.and_then(|line| line.split_whitespace().next());
        let kib = kib.with_context(|| format!("no {field} line"))?;
        Ok(kib.parse::<f64>()? / 1_024.0)
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let pid = self.child.id().to_string();
        ensure!(Command::new("kill").args(["-TERM", &pid]).status()?.success(), "kill has failed");
        ensure!(self.child.wait()?.success(), "the node did not stop in order");
        Ok(())
    }
}

impl Drop for StartedNode {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Refuses a directory that holds something: what a measurement makes, it also removes.
pub(crate) fn ensure_empty(data_dir: &Path) -> anyhow::Result<()> {
    let occupied = fs::read_dir(data_dir).is_ok_and(|mut files| files.next().is_some());
    ensure!(!occupied, "{} is not empty", data_dir.display());
    Ok(())
}
