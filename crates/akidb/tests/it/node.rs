//! Starts the real binary on free ports over a data directory of its own, and runs its commands.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// Far away, but nearer than [`LONG_MS`]: a node that waits for those does not stop in time.
const STOPPED_WITHIN: Duration = Duration::from_secs(600);
/// The time of requests and of draining where a test does not say otherwise: no test depends on how
/// fast a machine is.
const LONG_MS: &str = "3600000";
const POLL_EVERY: Duration = Duration::from_millis(10);

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
    child: Child,
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
        let log = data_dir.with_extension("log");
        let mut command =
            akidb(["serve", "--rest-addr", "127.0.0.1:0", "--grpc-addr", "127.0.0.1:0"]);
        command.arg("--data-dir").arg(data_dir);
        // Of the disk that many nodes of tests share.
        command.env("AKIDB_STORAGE__MIN_FREE", "1MiB");
        for key in ["REQUEST_TIMEOUT_MS", "MAX_REQUEST_TIMEOUT_MS", "DRAIN_TIMEOUT_MS"] {
            command.env(format!("AKIDB_SERVER__{key}"), LONG_MS);
        }
        match backend {
            Backend::Hash => command.env("AKIDB_EMBEDDING__BACKEND", "hash"),
            Backend::Native => native_or_as_asked(&mut command),
            Backend::Mlx => mlx(&mut command),
        };
        adjust(&mut command);
        command
            .stdout(Stdio::piped())
            .stderr(File::options().create(true).append(true).open(&log).unwrap());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some((rest, grpc)) = parse_ready_line(&line) else {
            let status = child.wait().unwrap();
            let log = std::fs::read_to_string(&log).unwrap();
            panic!("the node did not start, {status}, it said {line:?} and\n{log}");
        };
        Self { child, rest, grpc }
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
        self.child.id()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Asks it to stop and waits until it has.
    pub(crate) fn stop(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let started = Instant::now();
        while started.elapsed() < STOPPED_WITHIN {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            std::thread::sleep(POLL_EVERY);
        }
        panic!("the node did not stop within {STOPPED_WITHIN:?}");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
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
    let mut command = Command::new(env!("CARGO_BIN_EXE_akidb"));
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

fn parse_ready_line(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let (rest, grpc) = line.trim().strip_prefix("akidb: ready rest=")?.split_once(" grpc=")?;
    Some((rest.parse().ok()?, grpc.parse().ok()?))
}
