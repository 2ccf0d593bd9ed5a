//! The MLX backend: workers that host Python, each a process, kept alive by a thread of their own.
//!
//! A batch that Python runs cannot be cancelled, and what goes wrong in a GPU's library ends its
//! process. So neither happens in the node: a worker that is silent, late or damaged is killed and
//! another one started, and texts are refused with a reason meanwhile. See ADR 14.
//!
//! Scope: [`MlxEmbedder`], the backend, over `pool`, which shares a batch among workers;
//! `supervisor` keeps one worker running, when `breaker` says so; `worker` is one process, `pipe`
//! the way to it and [`protocol`] what is said there; `interpreter` and `program` find what a
//! worker needs, [`MlxFault`] says what is missing, and [`examine`] says all of it to a person. Out
//! of scope: tokens and batches, which are the queue's.

mod availability;
mod breaker;
mod embedder;
mod examine;
mod fault;
mod interpreter;
mod launch;
mod log;
mod pipe;
mod pool;
mod program;
pub mod protocol;
mod supervisor;
mod worker;

use std::{path::PathBuf, time::Duration};

pub use self::{
    availability::Availability,
    embedder::MlxEmbedder,
    examine::{Finding, Verdict, examine},
    fault::MlxFault,
};

/// Where the time of a batch went. Of one that was shared, the longest of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchTimes {
    /// Waiting for Python's lock.
    pub gil_wait: Duration,
    /// In the Python module.
    pub in_module: Duration,
}

/// What starts and bounds the workers of one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MlxSettings {
    /// The Python whose packages are used: a program, or the folder of a virtual environment.
    /// Where absent, the one on the search path.
    pub python: Option<PathBuf>,
    /// The worker's program. Where absent, the one that was installed with this program.
    pub worker: Option<PathBuf>,
    /// A folder that is searched for Python modules before all others.
    pub module_path: Option<PathBuf>,
    /// Workers; a batch is shared among them. At least 1.
    pub workers: usize,
    /// How long one batch may take.
    pub batch_deadline: Duration,
    /// How long a worker may take to open its model.
    pub start_deadline: Duration,
    /// Bytes of memory at which a worker ends.
    pub memory_limit_bytes: Option<u64>,
    /// Bytes of freed memory that MLX keeps.
    pub cache_limit_bytes: Option<u64>,
    /// Whether the network is compiled for each padded shape.
    pub compile: bool,
    /// `auto`, `cpu` or `gpu`.
    pub device: String,
    /// The most tokens of a batch.
    pub max_batch_tokens: usize,
}

impl Default for MlxSettings {
    fn default() -> Self {
        Self {
            python: None,
            worker: None,
            module_path: None,
            workers: 1,
            batch_deadline: Duration::from_secs(10),
            start_deadline: Duration::from_secs(60),
            memory_limit_bytes: None,
            cache_limit_bytes: None,
            compile: false,
            device: "auto".to_owned(),
            max_batch_tokens: 2048,
        }
    }
}
