//! Starts the real binary on free ports over a data directory of its own, and runs its commands.

use std::{
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Output, Stdio},
    time::Duration,
};

use akidb_client::process::{Addresses, Launch, NodeProcess, Signal};
use serde_json::Value;
use tempfile::TempDir;

/// The binary under test.
const AKIDB: &str = env!("CARGO_BIN_EXE_akidb");
/// Far away, but nearer than [`LONG_MS`]: a node that waits for those does not stop in time.
const STOPPED_WITHIN: Duration = Duration::from_secs(600);
/// The time of requests and of draining where a test does not say otherwise: no test depends on how
/// fast a machine is.
const LONG_MS: &str = "3600000";
/// The same.
const READY_WITHIN: Duration = STOPPED_WITHIN;

/// What embeds the texts of a node under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    /// Words to numbers: no weights, starts at once, texts that share words are near.
    Hash,
    /// The default model, from [`models_dir`]; run by MLX where `AKIDB_TEST_BACKEND` is `mlx`.
    Native,
    /// The default model in a worker, with the Python that `cargo xtask test` has set up.
    Mlx,
}

/// A running `akidb serve`, killed when it is dropped.
pub(crate) struct Node {
    process: NodeProcess,
    /// Where REST listens.
    pub(crate) rest: SocketAddr,
    /// Where gRPC listens.
    pub(crate) grpc: SocketAddr,
}

impl Node {
    /// Starts a node with the hash backend over `data_dir` and waits until it is ready.
    pub(crate) fn start(data_dir: &Path) -> Self {
        Self::start_with(data_dir, Backend::Hash, |_| {})
    }

    /// Starts a node with more flags or variables. Its log goes to `node.log` beside the data.
    pub(crate) fn start_with(
        data_dir: &Path,
        backend: Backend,
        adjust: impl FnOnce(&mut Command),
    ) -> Self {
        let launch = Launch::new(Path::new(AKIDB), data_dir);
        let mut launch = launch.log(&data_dir.with_extension("log"));
        let command = launch.command().env_clear();
        // Of the disk that many nodes of tests share.
        command.env("AKIDB_STORAGE__MIN_FREE", "1MiB");
        for key in ["REQUEST_TIMEOUT_MS", "MAX_REQUEST_TIMEOUT_MS", "DRAIN_TIMEOUT_MS"] {
            command.env(format!("AKIDB_SERVER__{key}"), LONG_MS);
        }
        match backend {
            Backend::Hash => command.env("AKIDB_EMBEDDING__BACKEND", "hash"),
            Backend::Native => native_or_as_asked(command),
            Backend::Mlx => mlx(command),
        };
        adjust(command);
        let mut process = launch.spawn().unwrap();
        let Addresses { rest, grpc } =
            process.ready(READY_WITHIN).unwrap_or_else(|error| panic!("{error}"));
        Self { process, rest, grpc }
    }

    /// The base of its REST routes.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.rest)
    }

    /// Runs a command against it.
    pub(crate) fn akidb<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Output {
        akidb(args).env("AKIDB_URL", self.url()).output().unwrap()
    }

    /// Runs a command against it with this on stdin.
    pub(crate) fn akidb_with_stdin<'a>(
        &self,
        args: impl IntoIterator<Item = &'a str>,
        stdin: &str,
    ) -> Output {
        output_with_stdin(akidb(args).env("AKIDB_URL", self.url()), stdin)
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal).unwrap();
    }

    /// Asks it to stop and waits until it has.
    pub(crate) fn stop(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.process.wait(STOPPED_WITHIN).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// The same tests run with both backends that have the real model.
fn native_or_as_asked(command: &mut Command) -> &mut Command {
    match std::env::var("AKIDB_TEST_BACKEND") {
        // On a processor that others use too a batch can take longer than by default it may.
        Ok(backend) if backend == "mlx" => mlx(command)
            .env("AKIDB_EMBEDDING__MLX__BATCH_DEADLINE_MS", LONG_MS)
            .env("AKIDB_EMBEDDING__MLX__START_DEADLINE_MS", LONG_MS),
        _ => command.env("AKIDB_MODELS_DIR", models_dir()),
    }
}

/// A fast matrix product for MLX on processors. `cargo xtask test` unpacks one and says
/// where; one that is installed the module finds by itself.
fn openblas() -> Option<PathBuf> {
    std::env::var_os("AKIDB_TEST_OPENBLAS").map(PathBuf::from)
}

fn mlx(command: &mut Command) -> &mut Command {
    let python = std::env::var_os("AKIDB_TEST_MLX_PYTHON").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/mlx/bin/python"),
        PathBuf::from,
    );
    if let Some(openblas) = openblas() {
        // What it needs itself is beside its folder, where it was only unpacked.
        let libraries = openblas.ancestors().nth(2).unwrap();
        command.env("AKIDB_OPENBLAS", &openblas).env("LD_LIBRARY_PATH", libraries);
    }
    command
        .env("AKIDB_MODELS_DIR", models_dir())
        .env("AKIDB_EMBEDDING__BACKEND", "mlx")
        .env("AKIDB_EMBEDDING__MLX__PYTHON", python)
}

/// Where the tests of the real model find it.
pub(crate) fn models_dir() -> PathBuf {
    let path = std::env::var_os("AKIDB_TEST_MODELS_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/models"),
        PathBuf::from,
    );
    let model = path.join("all-minilm-l6-v2");
    assert!(model.is_dir(), "there is no model {}; `cargo xtask test` fetches it", model.display());
    path
}

/// The binary with these arguments and nothing of the tests' own environment.
pub(crate) fn akidb<'a>(args: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(AKIDB);
    command.args(args).env_clear().stdin(Stdio::null());
    command
}

/// Runs a command with this on stdin.
pub(crate) fn output_with_stdin(command: &mut Command, stdin: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that stops early does not read to the end.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

/// A place for the data of one test; the path of the data in it does not exist yet.
pub(crate) fn scratch() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    (folder, data_dir)
}

/// The JSON on stdout of a command that must have succeeded.
pub(crate) fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}: {}", output.status, stderr(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What a command said besides its answer.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Asserts that a command failed with this exit code and said all of this.
pub(crate) fn assert_failed(output: &Output, exit: i32, said: &[&str]) {
    let stderr = stderr(output);
    assert_eq!(output.status.code(), Some(exit), "{stderr}");
    for words in said {
        assert!(stderr.contains(words), "{words:?} is not in {stderr}");
    }
    assert!(output.stdout.is_empty(), "a failed command must not answer");
}
