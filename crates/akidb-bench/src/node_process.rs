//! The process of a running node: the processor time that a run costs it, and when it is at rest.
//!
//! Out of scope: starting a node, see `started_node`.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Args;
use tokio::time::sleep;

use crate::{machine, node::Client};

/// How often the state of an index is asked for.
const POLL: Duration = Duration::from_millis(50);
/// A node is at rest where it takes less than two steps of the clock in a window: background work
/// takes more, and its timers take less.
const REST_WINDOW: Duration = Duration::from_millis(400);
const REST_CPU_S: f64 = 0.015;
/// Far away: a busy machine builds a graph slowly.
const SETTLED_WITHIN: Duration = Duration::from_secs(1_800);

/// Whose processor time is told.
#[derive(Args, Debug)]
pub(crate) struct ProcessArguments {
    /// The process of the node, on this machine: tell its processor time too. Each run then begins
    /// when the index is complete and the node at rest. Linux only
    #[arg(long, value_name = "PID")]
    node_pid: Option<u32>,
}

impl ProcessArguments {
    /// The process, where one is named; an error where its time can not be told.
    pub(crate) fn process(&self) -> anyhow::Result<NodeProcess> {
        let process = NodeProcess { pid: self.node_pid };
        process.cpu_s()?;
        Ok(process)
    }
}

/// The process of a node, or nothing where it is not known.
#[derive(Clone, Copy)]
pub(crate) struct NodeProcess {
    pid: Option<u32>,
}

impl NodeProcess {
    /// User and system time of all of its threads so far, in steps of 10 ms.
    pub(crate) fn cpu_s(&self) -> anyhow::Result<Option<f64>> {
        let Some(pid) = self.pid else { return Ok(None) };
        let seconds = machine::cpu_s_of(&pid.to_string());
        seconds.map(Some).with_context(|| format!("/proc tells no processor time of process {pid}"))
    }

    /// The time since an earlier answer of [`Self::cpu_s`].
    pub(crate) fn cpu_s_since(&self, before: Option<f64>) -> anyhow::Result<Option<f64>> {
        Ok(self.cpu_s()?.zip(before).map(|(after, before)| after - before))
    }

    /// How often its threads of now have given a processor up, or lost it.
    pub(crate) fn switches(&self) -> Option<u64> {
        machine::switches_of(self.pid?)
    }

    /// Waits, where the process is known, until the index of a collection is complete and the node
    /// at rest.
    ///
    /// Both are needed: a thread of low priority on a busy machine looks like rest, and an index
    /// may be complete while its files are written.
    pub(crate) async fn settled(&self, client: &mut Client, name: &str) -> anyhow::Result<()> {
        let began = Instant::now();
        while self.pid.is_some() && !client.is_index_complete(name).await? {
            ensure!(began.elapsed() < SETTLED_WITHIN, "no whole index after {SETTLED_WITHIN:?}");
            sleep(POLL).await;
        }
        self.at_rest().await
    }

    /// Waits, where the process is known, until nothing is done in the background.
    pub(crate) async fn at_rest(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        while let Some(before) = self.cpu_s()? {
            sleep(REST_WINDOW).await;
            if self.cpu_s_since(Some(before))?.is_some_and(|taken| taken < REST_CPU_S) {
                break;
            }
            ensure!(began.elapsed() < SETTLED_WITHIN, "no rest after {SETTLED_WITHIN:?}");
        }
        Ok(())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_named_or_not_but_exists() {
        let of = |node_pid| ProcessArguments { node_pid }.process();
        assert!(of(None).unwrap().cpu_s().unwrap().is_none());
        let own = of(Some(std::process::id())).unwrap();
        assert!(own.cpu_s_since(own.cpu_s().unwrap()).unwrap().unwrap() >= 0.0);
        // Above the highest that Linux gives out.
        let err = of(Some(u32::MAX)).err().unwrap();
        assert_eq!(err.to_string(), "/proc tells no processor time of process 4294967295");
    }
}
