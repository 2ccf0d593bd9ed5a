//! Starts the real binary over a data directory and watches it from outside.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

pub(crate) use akidb_client::process::Signal;
use akidb_client::process::{Launch as Process, NodeProcess, ProcessError};
use anyhow::Result;

use crate::client::Client;

const READY_WITHIN: Duration = Duration::from_secs(120);
const STOPPED_WITHIN: Duration = Duration::from_secs(120);

/// Dimension of the vectors that the hash backend makes.
pub(crate) const MODEL_DIMENSION: usize = 8;

/// How a node is started.
#[derive(Clone, Debug, Default)]
pub(crate) struct Launch {
    /// The binary.
    pub(crate) akidb: PathBuf,
    /// Variables of this node alone.
    pub(crate) variables: Vec<(String, String)>,
}

impl Launch {
    /// The same with another variable.
    pub(crate) fn with(&self, name: &str, value: impl ToString) -> Self {
        let mut launch = self.clone();
        launch.variables.push((name.to_owned(), value.to_string()));
        launch
    }

    /// Starts a process, which has not said yet where it listens.
    pub(crate) fn spawn(&self, data_dir: &Path) -> Result<NodeProcess> {
        let mut process = Process::new(&self.akidb, data_dir).log(&log_of(data_dir));
        process
            .command()
            .env_clear()
            .env("AKIDB_EMBEDDING__BACKEND", "hash")
            .env("AKIDB_EMBEDDING__DIMENSION", MODEL_DIMENSION.to_string())
            .env("AKIDB_TORTURE_SHRUNKEN", "1")
            // A small ballast: each data directory is copied many times.
            .env("AKIDB_STORAGE__MIN_FREE", "1MiB")
            .env("RUST_BACKTRACE", "1")
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        Ok(process.spawn()?)
    }
}

/// A running node, killed when it is dropped.
pub(crate) struct Node {
    process: NodeProcess,
    /// Where REST listens.
    pub(crate) rest: SocketAddr,
    /// Where gRPC listens.
    pub(crate) grpc: SocketAddr,
}

/// A node that did not start, and how it said so.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// Its exit code, absent where a signal ended it or it hung.
    pub(crate) code: Option<i32>,
    /// The error with the end of its log.
    pub(crate) log: String,
}

impl Node {
    /// Starts a node and waits until it says where it listens. Its log goes beside the data.
    pub(crate) fn start(launch: &Launch, data_dir: &Path) -> Result<Result<Self, Refusal>> {
        let mut process = launch.spawn(data_dir)?;
        let code = match process.ready(READY_WITHIN) {
            Ok(addresses) => {
                return Ok(Ok(Self { process, rest: addresses.rest, grpc: addresses.grpc }));
            }
            Err(ProcessError::NotStarted { status, .. }) => status.code(),
            Err(ProcessError::Late { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Err(Refusal { code, log: warnings(&log_of(data_dir)) }))
    }

    /// Starts a node that must start.
    pub(crate) fn must_start(launch: &Launch, data_dir: &Path) -> Result<Self> {
        Self::start(launch, data_dir)?.map_err(|refusal| {
            anyhow::anyhow!("the node did not start (exit {:?}): {}", refusal.code, refusal.log)
        })
    }

    /// A client of it.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.rest)
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        Ok(self.process.signal(signal)?)
    }

    /// Whether it has ended, and how.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.process.ended()?)
    }

    /// Kills it as the power would.
    pub(crate) fn kill(mut self) -> Result<()> {
        Ok(self.process.kill()?)
    }

    /// Asks it to stop and waits until it has; it must end well.
    pub(crate) fn stop(self) -> Result<()> {
        Ok(self.process.stop(STOPPED_WITHIN)?)
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait(&mut self, within: Duration) -> Result<ExitStatus> {
        Ok(self.process.wait(within)?)
    }
}

/// The log of all nodes that ran over a data directory.
pub(crate) fn log_of(data_dir: &Path) -> PathBuf {
    data_dir.with_extension("log")
}

/// The first panic that a log tells of.
pub(crate) fn panic_in(log: &Path) -> Option<String> {
    let text = String::from_utf8_lossy(&fs::read(log).ok()?).into_owned();
    let mut lines = text.lines().skip_while(|line| !line.contains("panicked at"));
    Some(lines.by_ref().take(3).collect::<Vec<_>>().join(" ")).filter(|lines| !lines.is_empty())
}

/// The last lines of a log that tell more than that something went well.
fn warnings(log: &Path) -> String {
    let text = String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned();
    let lines: Vec<_> = text.lines().filter(|line| !line.contains("INFO")).collect();
    lines[lines.len().saturating_sub(6)..].join(" | ")
}
