//! Starts the real binary over a data directory and watches it from outside.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::client::Client;

const READY_WITHIN: Duration = Duration::from_secs(120);
const STOPPED_WITHIN: Duration = Duration::from_secs(120);
const POLL_EVERY: Duration = Duration::from_millis(3);

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
}

/// A running node, killed when it is dropped.
pub(crate) struct Node {
    child: Child,
    log: PathBuf,
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
    /// The end of its log.
    pub(crate) log: String,
}

impl Node {
    /// Starts a node and waits until it says where it listens. Its log goes beside the data.
    pub(crate) fn start(launch: &Launch, data_dir: &Path) -> Result<Result<Self, Refusal>> {
        let mut starting = Starting::spawn(launch, data_dir)?;
        let started = Instant::now();
        loop {
            if let Some((rest, grpc)) = starting.announced() {
                let Starting { child, log, .. } = starting;
                return Ok(Ok(Self { child, log, rest, grpc }));
            }
            if let Some(status) = starting.child.try_wait()? {
                return Ok(Err(Refusal { code: status.code(), log: tail(&starting.log) }));
            }
            if started.elapsed() > READY_WITHIN {
                starting.kill();
                return Ok(Err(Refusal { code: None, log: tail(&starting.log) }));
            }
            std::thread::sleep(POLL_EVERY);
        }
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
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(pid) = self.child.id().try_into().ok().and_then(Pid::from_raw) {
            // One that has ended already needs none.
            let _ = kill_process(pid, signal);
        }
    }

    /// Whether it has ended, and how.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Kills it as the power would.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.signal(Signal::KILL);
        self.wait(STOPPED_WITHIN)?;
        Ok(())
    }

    /// Asks it to stop and waits until it has; it must end well.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.signal(Signal::TERM);
        let status = self.wait(STOPPED_WITHIN)?;
        if !status.success() {
            bail!("the node ended with {status} after SIGTERM: {}", tail(&self.log));
        }
        Ok(())
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait(&mut self, within: Duration) -> Result<ExitStatus> {
        let started = Instant::now();
        while started.elapsed() < within {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(POLL_EVERY);
        }
        bail!("the node did not end within {within:?}: {}", tail(&self.log));
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process that has not said yet where it listens.
pub(crate) struct Starting {
    child: Child,
    log: PathBuf,
    stdout: PathBuf,
}

impl Starting {
    /// Starts the process.
    pub(crate) fn spawn(launch: &Launch, data_dir: &Path) -> Result<Self> {
        let (log, stdout) = (log_of(data_dir), data_dir.with_extension("stdout"));
        let child = Command::new(&launch.akidb)
            .args(["serve", "--rest-addr", "127.0.0.1:0", "--grpc-addr", "127.0.0.1:0"])
            .arg("--data-dir")
            .arg(data_dir)
            .env_clear()
            .env("AKIDB_EMBEDDING__BACKEND", "hash")
            .env("AKIDB_EMBEDDING__DIMENSION", MODEL_DIMENSION.to_string())
            .env("AKIDB_TORTURE_SHRUNKEN", "1")
            // A small ballast: each data directory is copied many times.
            .env("AKIDB_STORAGE__MIN_FREE", "1MiB")
            .env("RUST_BACKTRACE", "1")
            .envs(launch.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(File::create(&stdout)?)
            .stderr(File::options().create(true).append(true).open(&log)?)
            .spawn()
            .with_context(|| format!("cannot start {}", launch.akidb.display()))?;
        Ok(Self { child, log, stdout })
    }

    /// Kills it wherever it is.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn announced(&self) -> Option<(SocketAddr, SocketAddr)> {
        let stdout = fs::read_to_string(&self.stdout).ok()?;
        let line = stdout.lines().find(|line| line.starts_with("akidb: ready "))?;
        // A line without its end may be cut within a number.
        stdout.ends_with('\n').then_some(())?;
        let address = |name| line.split(' ').find_map(|word| word.strip_prefix(name)?.parse().ok());
        Some((address("rest=")?, address("grpc=")?))
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

fn tail(log: &Path) -> String {
    let text = String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned();
    let lines: Vec<_> = text.lines().filter(|line| !line.contains("INFO")).collect();
    lines[lines.len().saturating_sub(6)..].join(" | ")
}
