//! What keeps a worker from starting, said so that a person can mend it.

use std::{io, path::PathBuf, time::Duration};

/// A worker cannot be started. Each message ends with the command or the key that mends it.
#[derive(Debug, thiserror::Error)]
pub enum MlxFault {
    /// The worker's program is not there.
    #[error(
        "the program akidb-mlx-worker was not found, looked at {}; \
         hint: `cargo build --release -p akidb-mlx-worker` builds it, embedding.mlx.worker names it",
        list(looked_at)
    )]
    WorkerMissing {
        /// Where it was looked for, in order.
        looked_at: Vec<PathBuf>,
    },
    /// The worker's program cannot be run.
    #[error(
        "cannot start {}: {source}; hint: it must be a program of this machine's kind that may be \
         executed, embedding.mlx.worker names another",
        worker.display()
    )]
    WorkerNotStarted {
        /// The program.
        worker: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What was started is no worker, or one of another version of AkiDB.
    #[error(
        "{} is not a worker of this version of AkiDB: {reason}; hint: \
         `cargo build --release -p akidb-mlx-worker` builds the one that belongs to it",
        worker.display()
    )]
    WorkerOfAnotherVersion {
        /// The program.
        worker: PathBuf,
        /// What it said.
        reason: String,
    },
    /// There is no Python.
    #[error(
        "no Python was found, looked at {}; hint: `python3 -m venv DIR` makes an environment and \
         embedding.mlx.python = \"DIR\" names it (Debian: apt-get install python3-venv)",
        list(looked_at)
    )]
    PythonMissing {
        /// Where it was looked for, in order.
        looked_at: Vec<PathBuf>,
    },
    /// The Python that was found does not run.
    #[error(
        "the Python {} does not run: {reason}; hint: embedding.mlx.python names another",
        python.display()
    )]
    PythonBroken {
        /// The program.
        python: PathBuf,
        /// What came of it.
        reason: String,
    },
    /// The packages are for another Python than the one in the worker.
    #[error(
        "{} is Python {found}, the worker hosts Python {hosted}; hint: \
         `python{hosted} -m venv DIR` makes an environment for it and embedding.mlx.python = \
         \"DIR\" names it, or build the worker with PYO3_PYTHON={}",
        python.display(), python.display()
    )]
    PythonOfAnotherVersion {
        /// The program.
        python: PathBuf,
        /// Its version.
        found: String,
        /// The major and minor version of the one in the worker.
        hosted: String,
    },
    /// The packages are for another build of the same version of Python.
    #[error(
        "the worker hosts another build of Python than {}: {reason}; hint: install the library of \
         that Python (Debian: apt-get install libpython3-dev), or build the worker with \
         PYO3_PYTHON={}",
        python.display(), python.display()
    )]
    PythonOfAnotherBuild {
        /// The program whose packages were looked at.
        python: PathBuf,
        /// What Python said.
        reason: String,
    },
    /// A Python module, or something that it needs, is not installed.
    #[error(
        "{} has no MLX backend: {reason}; hint: `{} -m pip install '{}'`, run in AkiDB's sources, \
         installs it",
        python.display(), python.display(), package()
    )]
    ModuleMissing {
        /// The program whose packages were looked at.
        python: PathBuf,
        /// What Python said.
        reason: String,
    },
    /// The module is not the one that belongs to this program.
    #[error(
        "the module akidb_mlx is of version {found}, this program needs {needed}; hint: \
         `{} -m pip install --upgrade ./python/akidb_mlx`, run in AkiDB's sources of that version, \
         installs it",
        python.display()
    )]
    ModuleOfAnotherVersion {
        /// The program whose packages were looked at.
        python: PathBuf,
        /// The module's version.
        found: String,
        /// The major and minor version that fit.
        needed: String,
    },
    /// The module does not open the model.
    #[error(
        "the model cannot be opened by MLX: {reason}; hint: `akidb doctor` tries it, and the \
         node's log has what Python printed"
    )]
    NotOpened {
        /// What Python said.
        reason: String,
    },
    /// The model in the worker is not the one in the node.
    #[error("the worker opened a model of {found} values, the node has one of {expected}")]
    WrongModel {
        /// The values of the worker's vectors.
        found: usize,
        /// The values of the model's vectors.
        expected: usize,
    },
    /// The worker took too long.
    #[error(
        "the worker did not open the model within {limit:?}; hint: embedding.mlx.start_deadline_ms \
         gives it longer"
    )]
    TooSlow {
        /// How long it may take.
        limit: Duration,
    },
    /// The worker ended while it was started.
    #[error("the worker ended while it was started: {reason}")]
    Ended {
        /// How it ended and what it said.
        reason: String,
    },
}

/// As pip names the module with the MLX of the machine that this runs on.
const fn package() -> &'static str {
    if cfg!(target_os = "macos") { "./python/akidb_mlx" } else { "./python/akidb_mlx[cpu]" }
}

fn list(paths: &[PathBuf]) -> String {
    if paths.is_empty() {
        return "nowhere".to_owned();
    }
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
