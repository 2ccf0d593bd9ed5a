//! Starts a node, waits until it is ready, and stops it.

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    io::ErrorKind,
    net::SocketAddr,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time;

use crate::rest::Rest;

/// Far away: a node on a busy machine is late, not faulty.
const READY_WITHIN: Duration = Duration::from_secs(600);
const STOPPED_WITHIN: Duration = Duration::from_secs(600);
const POLL_EVERY: Duration = Duration::from_millis(10);

/// A running `akidb serve`. [`Node::stop`] ends it properly; dropping it kills the process.
pub(crate) struct Node {
    child: Child,
    folder: PathBuf,
    outlives_us: bool,
}

/// Where a ready node listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// REST.
    pub(crate) rest: SocketAddr,
    /// gRPC.
    pub(crate) grpc: SocketAddr,
}

impl Node {
    /// Starts a node in an empty folder, on free ports of this machine.
    ///
    /// Settings of the user's own nodes, in `AKIDB_` variables, do not reach it.
    ///
    /// The node gets its own process group, so that Ctrl-C in the terminal reaches this program
    /// alone, which then stops the node properly.
    pub(crate) fn start(akidb: &Path, models_dir: &Path, folder: &Path) -> Result<Self> {
        Self::start_with(akidb, models_dir, folder, [])
    }

    /// The same with settings, as variables.
    pub(crate) fn start_with(
        akidb: &Path,
        models_dir: &Path,
        folder: &Path,
        settings: impl IntoIterator<Item = (&'static str, OsString)>,
    ) -> Result<Self> {
        empty(folder)?;
        let data_dir = folder.join("data");
        let mut command = Command::new(akidb);
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("AKIDB_") {
                command.env_remove(name);
            }
        }
        let child = command
            .arg("serve")
            .arg("--data-dir")
            .arg(&data_dir)
            .args(["--rest-addr", "127.0.0.1:0", "--grpc-addr", "127.0.0.1:0"])
            .env("AKIDB_MODELS_DIR", models_dir)
            .envs(settings)
            .stdin(Stdio::null())
            .stdout(File::create(folder.join("stdout"))?)
            .stderr(File::create(folder.join("log"))?)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", akidb.display()))?;
        Ok(Self { child, folder: folder.to_owned(), outlives_us: false })
    }

    /// Waits until the node listens and its model is loaded.
    pub(crate) async fn ready(&mut self) -> Result<Addresses> {
        let started = Instant::now();
        let mut addresses = None;
        while started.elapsed() < READY_WITHIN {
            if let Some(status) = self.child.try_wait()? {
                bail!("the node ended before it was ready: {status}{}", self.log_tail());
            }
            addresses = addresses.or_else(|| self.announced());
            if let Some(addresses) = addresses
                && Rest::new(addresses.rest)?.get("/readyz").await.is_ok()
            {
                return Ok(addresses);
            }
            time::sleep(POLL_EVERY).await;
        }
        bail!("the node was not ready after {READY_WITHIN:?}{}", self.log_tail());
    }

    /// Asks the node to stop and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<()> {
        if let Some(pid) = self.pid() {
            kill_process(pid, Signal::TERM)?;
        }
        let asked = Instant::now();
        while asked.elapsed() < STOPPED_WITHIN {
            match self.child.try_wait()? {
                None => time::sleep(POLL_EVERY).await,
                Some(status) if status.success() => return Ok(()),
                Some(status) => {
                    bail!("the node did not stop properly: {status}{}", self.log_tail())
                }
            }
        }
        bail!("the node did not stop within {STOPPED_WITHIN:?} and is killed");
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Leaves the process running behind this program and answers its process id.
    pub(crate) fn leave_running(mut self) -> u32 {
        self.outlives_us = true;
        self.child.id()
    }

    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(self.child.id().try_into().ok()?)
    }

    fn announced(&self) -> Option<Addresses> {
        let stdout = fs::read_to_string(self.folder.join("stdout")).ok()?;
        let (whole_lines, _) = stdout.rsplit_once('\n')?;
        whole_lines.lines().find_map(parse_ready_line)
    }

    /// The last lines of the log, as the end of an error.
    fn log_tail(&self) -> String {
        let path = self.folder.join("log");
        let log = fs::read_to_string(&path).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(10)..].join("\n");
        format!("\n{tail}\nhint: the whole log is {}", path.display())
    }
}

/// Reads `akidb: ready rest=127.0.0.1:8080 grpc=127.0.0.1:9090`.
fn parse_ready_line(line: &str) -> Option<Addresses> {
    let fields = line.strip_prefix("akidb: ready ")?;
    let address = |name| fields.split(' ').find_map(|field| field.strip_prefix(name)?.parse().ok());
    Some(Addresses { rest: address("rest=")?, grpc: address("grpc=")? })
}

impl Drop for Node {
    fn drop(&mut self) {
        if !self.outlives_us && matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Fails where a node that an earlier run left behind still works in the folder.
pub(crate) fn check_unused(folder: &Path) -> Result<()> {
    let lock = File::open(folder.join("data/LOCK"));
    if lock.is_ok_and(|lock| lock.try_lock().is_err()) {
        bail!(
            "a node of an earlier run still uses {}\nhint: stop it; that run printed how",
            folder.display()
        );
    }
    Ok(())
}

fn empty(folder: &Path) -> Result<()> {
    check_unused(folder)?;
    match fs::remove_dir_all(folder) {
        Err(err) if err.kind() != ErrorKind::NotFound => {
            return Err(err).with_context(|| format!("cannot empty {}", folder.display()));
        }
        _ => {}
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_ready_line_is_taken() {
        let rest = SocketAddr::from(([127, 0, 0, 1], 8080));
        let grpc = SocketAddr::from(([127, 0, 0, 1], 9090));
        for (line, addresses) in [
            (
                "akidb: ready rest=127.0.0.1:8080 grpc=127.0.0.1:9090",
                Some(Addresses { rest, grpc }),
            ),
            ("akidb: ready rest=127.0.0.1:8080 grpc=127.0.", None),
            ("rest=127.0.0.1:8080 grpc=127.0.0.1:9090", None),
        ] {
            assert_eq!(parse_ready_line(line), addresses, "{line}");
        }
    }
}
