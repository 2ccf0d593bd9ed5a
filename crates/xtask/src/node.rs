//! Starts a node in a folder of its own, waits until its model is loaded, and stops it.

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    io::ErrorKind,
    os::unix::process::CommandExt,
    path::Path,
    time::{Duration, Instant},
};

pub(crate) use akidb_client::process::Addresses;
use akidb_client::{
    Client, Readiness,
    process::{Launch, NodeProcess},
};
use anyhow::{Context, Result, bail};
use tokio::time;

/// Far away: a node on a busy machine is late, not faulty.
const READY_WITHIN: Duration = Duration::from_secs(600);
const STOPPED_WITHIN: Duration = Duration::from_secs(600);
const POLL_EVERY: Duration = Duration::from_millis(10);

/// A running `akidb serve`. [`Node::stop`] ends it properly; dropping it kills the process.
pub(crate) struct Node {
    process: NodeProcess,
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
        let mut launch = Launch::new(akidb, &data_dir).log(&folder.join("log"));
        let command = launch.command();
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("AKIDB_") {
                command.env_remove(name);
            }
        }
        command.env("AKIDB_MODELS_DIR", models_dir).envs(settings).process_group(0);
        Ok(Self { process: launch.spawn()? })
    }

    /// Waits until the node listens and its model is loaded.
    pub(crate) async fn ready(&mut self) -> Result<Addresses> {
        let started = Instant::now();
        while started.elapsed() < READY_WITHIN {
            if let Some(addresses) = self.process.announced()?
                && let Ok(Readiness { ready: true, .. }) =
                    Client::new(&addresses.rest_url())?.readiness().await
            {
                return Ok(addresses);
            }
            if let Some(status) = self.process.ended()? {
                bail!("the node ended before it was ready: {status}{}", self.process.log_tail());
            }
            time::sleep(POLL_EVERY).await;
        }
        bail!("the node was not ready after {READY_WITHIN:?}{}", self.process.log_tail());
    }

    /// Asks the node to stop and waits until it has.
    pub(crate) fn stop(self) -> Result<()> {
        Ok(self.process.stop(STOPPED_WITHIN)?)
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.pid()
    }

    /// Leaves the process running behind this program and answers its process id.
    pub(crate) fn leave_running(self) -> u32 {
        self.process.leave_running()
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
