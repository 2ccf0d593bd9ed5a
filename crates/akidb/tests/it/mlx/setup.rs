//! A node whose texts are embedded by a worker, and the module that the worker runs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use akidb_client::process::plain_http_builder;
use reqwest::Client;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::node::{Backend, Node, models_dir, scratch};

/// A Python of the version that the worker was built with. `cargo xtask test` says where.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
pub(super) fn python() -> Option<PathBuf> {
    if let Some(python) = std::env::var_os("AKIDB_TEST_MLX_PYTHON") {
        return Some(PathBuf::from(python));
    }
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/mlx/bin/python");
    if !own.is_file() {
        eprintln!("SKIPPED: there is no {}; `cargo xtask test` makes it", own.display());
    }
    own.is_file().then_some(own)
}

/// How long a test waits for what must happen. It is met by what never happens, on any machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// Waits until something is so, however long that takes on this machine.
pub(super) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let since = Instant::now();
    while !is_so().await {
        assert!(since.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Deadlines that no machine meets with work that ends, and a queue that refuses nobody for them.
pub(super) fn far_deadlines(command: &mut Command) -> &mut Command {
    command
        .env("AKIDB_EMBEDDING__QUERY_WAIT_MS", "600000")
        .env("AKIDB_SERVER__REQUEST_TIMEOUT_MS", "600000")
        .env("AKIDB_EMBEDDING__MLX__BATCH_DEADLINE_MS", "600000")
        .env("AKIDB_EMBEDDING__MLX__START_DEADLINE_MS", "600000")
}

/// A copy of the module that fails when it is told to.
pub(super) struct FakeModule {
    folder: TempDir,
}

impl FakeModule {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let package = folder.path().join("akidb_mlx");
        fs::create_dir(&package).unwrap();
        let source =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/mlx/fake_module/akidb_mlx");
        for file in ["__init__.py", "worker.py"] {
            fs::copy(source.join(file), package.join(file)).unwrap();
        }
        Self { folder }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Lets it fail in this way from now on, or not at all. Takes effect in one step.
    pub(super) fn set_fault(&self, fault: &str) {
        let new = self.path().join("fault.new");
        fs::write(&new, fault).unwrap();
        fs::rename(new, self.path().join("fault")).unwrap();
    }
}

/// A node with the fake module.
pub(super) struct MlxNode {
    pub(super) node: Node,
    pub(super) module: FakeModule,
    client: Client,
    folder: TempDir,
}

/// What came of a request.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) has_retry_after: bool,
    pub(super) body: Value,
    pub(super) took: Duration,
}

impl MlxNode {
    /// Starts it, with more variables and perhaps with a fault; `None` where there is no Python.
    pub(super) fn start(fault: &str, adjust: impl FnOnce(&mut Command)) -> Option<Self> {
        let python = python()?;
        let module = FakeModule::new();
        module.set_fault(fault);
        let (folder, data_dir) = scratch();
        let node = Node::start_with(&data_dir, Backend::Mlx, |command| {
            far_deadlines(command)
                .env("AKIDB_MODELS_DIR", models_dir())
                .env("AKIDB_EMBEDDING__MLX__PYTHON", python)
                .env("AKIDB_EMBEDDING__MLX__MODULE_PATH", module.path());
            adjust(command);
        });
        let client = plain_http_builder().timeout(PATIENCE).build().unwrap();
        Some(Self { node, module, client, folder })
    }

    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("data.log")).unwrap()
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.answer(self.client.get(format!("{}{path}", self.node.url()))).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Answer {
        self.answer(self.client.post(format!("{}{path}", self.node.url())).json(&body)).await
    }

    /// Embeds a text.
    pub(super) async fn embed(&self, text: &str) -> Answer {
        self.post("/embed", json!({"texts": [text]})).await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Answer {
        let started_at = Instant::now();
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let has_retry_after = response.headers().contains_key("retry-after");
        let body = response.bytes().await.unwrap();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Answer { status, has_retry_after, body, took: started_at.elapsed() }
    }

    /// Waits until a text is embedded, and says how long that took.
    pub(super) async fn recovered(&self) -> Duration {
        let since = Instant::now();
        eventually("a text is embedded", async || self.embed("well again?").await.status == 200)
            .await;
        since.elapsed()
    }

    /// Waits until a text is refused with these words, and answers with what it was told.
    pub(super) async fn refused_with(&self, says: &str) -> Answer {
        let since = Instant::now();
        loop {
            let answer = self.embed("a text").await;
            if answer.message().contains(says) {
                return answer;
            }
            assert!(since.elapsed() < PATIENCE, "{says:?} is not in {answer:?}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until the node's log has these words.
    pub(super) async fn logged(&self, words: &str) {
        eventually(&format!("{words:?} is in the log"), async || self.log().contains(words)).await;
    }

    /// The processes of its workers, by what Linux says.
    pub(super) fn workers(&self) -> Vec<u32> {
        children(self.node.pid(), "akidb-mlx-worke")
    }

    /// Sends all workers a signal.
    pub(super) fn signal_workers(&self, signal: Signal) {
        for pid in self.workers() {
            // One may have ended by itself meanwhile.
            let _ = kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), signal);
        }
    }
}

impl Answer {
    pub(super) fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    pub(super) fn message(&self) -> &str {
        self.body["error"]["message"].as_str().unwrap_or_default()
    }

    /// Asserts that it is an error of a kind that clients can act on: which, and why.
    pub(super) fn assert_typed(&self) {
        let fits = match self.status {
            503 => self.code() == "model_not_ready" && self.has_retry_after,
            504 => self.code() == "deadline_exceeded",
            500 => self.code() == "embedding_failed",
            _ => false,
        };
        assert!(fits && self.message().len() > 10, "{self:?}");
    }
}

/// The children of a process with this name, which Linux cuts to 15 bytes.
pub(super) fn children(parent: u32, name: &str) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_child = |pid: &u32| {
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
        let Some((start, rest)) = stat.rsplit_once(") ") else { return false };
        let mut rest = rest.split(' ');
        let is_alive = rest.next() != Some("Z");
        is_alive
            && start.ends_with(&format!("({name}"))
            && rest.next() == Some(parent.to_string().as_str())
    };
    pids.filter(is_child).collect()
}
