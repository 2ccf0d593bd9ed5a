//! A node that a command starts itself, because what it measures is a start or an end.

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

/// A node of one measurement, killed when it is dropped.
pub(crate) struct StartedNode {
    child: Child,
    /// Where the collections are, over REST.
    base: String,
    /// Where gRPC is.
    pub(crate) grpc: String,
    pub(crate) client: Client,
    /// From the start of the process to its line that it serves.
    pub(crate) start: Duration,
}

impl StartedNode {
    /// Starts the program over a data directory, on ports of its choice.
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
        let address = |door| {
            let (_, rest) = line.split_once(door)?;
            rest.split_whitespace().next()
        };
        let (rest, grpc) =
            address("rest=").zip(address("grpc=")).context("the node did not start")?;
        let base = format!("http://{rest}/v1/collections");
        Ok(Self { child, base, grpc: format!("http://{grpc}"), client: Client::new(), start })
    }

    /// The address of a path below the collections.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Sends a request and reads the answer, which must be one of success.
    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        let response = request.send().await?;
        let status = response.status();
        let answer = response.text().await?;
        ensure!(status.is_success(), "the node answered {status}: {answer}");
        Ok(serde_json::from_str(&answer)?)
    }

    /// Its resident set.
    pub(crate) fn rss_mib(&self) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()).context("no VmRSS line")?;
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
