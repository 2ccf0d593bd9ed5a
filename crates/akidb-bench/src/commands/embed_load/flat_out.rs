//! An import that runs as fast as the node takes it, beside what is measured, until it is told to
//! end.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use akidb_client::{AnswerLines, NewCollection, Request};
use anyhow::{Context, ensure};
use bytes::Bytes;
use futures::{Stream, stream};
use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinHandle, time::sleep};

use crate::started_node::StartedNode;

/// Lines that are sent together.
const LINES: usize = 64;
/// Lines that the node may have without having answered them: enough that it never waits for some,
/// and so few that it is done with them soon when the import is to end.
const UNANSWERED_LINES_MAX: usize = 2_048;
/// How long the node may take to take the first lines, and to finish the last ones.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running import.
pub(super) struct FlatOut {
    shared: Arc<Shared>,
    running: JoinHandle<anyhow::Result<Value>>,
}

struct Shared {
    texts: Vec<String>,
    is_stopped: AtomicBool,
    /// Lines that may still be sent.
    room: Semaphore,
    answered: AtomicU64,
}

impl FlatOut {
    /// Makes a collection and begins to import `texts` into it, one after the other and then again
    /// with other words in front, since the node embeds no text twice.
    pub(super) async fn start(node: &StartedNode, texts: Vec<String>) -> anyhow::Result<Self> {
        let name = "embed-load";
        node.client.create_collection(&NewCollection::with_default_model(name)).await?;
        let shared = Arc::new(Shared {
            texts,
            is_stopped: AtomicBool::new(false),
            room: Semaphore::new(UNANSWERED_LINES_MAX),
            answered: AtomicU64::new(0),
        });
        let request = Request::post(&["v1", "collections", name, "import"]);
        let body = lines(Arc::clone(&shared));
        let client = node.client.clone();
        let answered = Arc::clone(&shared);
        let running = tokio::spawn(async move {
            let answers = client.upload(request, "application/x-ndjson", body).await?;
            read_answers(answers, &answered).await
        });
        let import = Self { shared, running };
        let started = Instant::now();
        while import.answered() == 0 {
            let is_lost = import.running.is_finished() || started.elapsed() > PATIENCE;
            ensure!(!is_lost, "the import does not begin");
            sleep(Duration::from_millis(10)).await;
        }
        Ok(import)
    }

    /// Lines that are stored.
    pub(super) fn answered(&self) -> u64 {
        self.shared.answered.load(Ordering::Relaxed)
    }

    /// Ends the input, and waits until what was sent is stored.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.shared.is_stopped.store(true, Ordering::Relaxed);
        let end = tokio::time::timeout(PATIENCE, self.running).await;
        let end = end.context("the import does not end")???;
        let is_whole = end["summary"]["failed"] == 0 && end["error"].is_null();
        ensure!(is_whole, "the import did not end in order: {end}");
        Ok(())
    }
}

fn lines(shared: Arc<Shared>) -> impl Stream<Item = io::Result<Bytes>> {
    stream::unfold((shared, 0), async |(shared, first)| {
        // Closed with nothing, so that waiting can not fail.
        shared.room.acquire_many(LINES as u32).await.ok()?.forget();
        if shared.is_stopped.load(Ordering::Relaxed) {
            return None;
        }
        let lines: String = (first..first + LINES).map(|number| shared.line(number)).collect();
        Some((Ok(lines.into()), (shared, first + LINES)))
    })
}

impl Shared {
    fn line(&self, number: usize) -> String {
        let (round, at) = (number / self.texts.len(), number % self.texts.len());
        let text = match round {
            0 => self.texts[at].clone(),
            round => format!("{round} times before: {}", self.texts[at]),
        };
        format!("{}\n", json!({"id": number, "text": text}))
    }
}

/// Reads the answers to the last one, and returns that.
async fn read_answers(mut answers: AnswerLines, shared: &Shared) -> anyhow::Result<Value> {
    let mut last = Vec::new();
    while let Some(line) = answers.next().await? {
        shared.answered.fetch_add(1, Ordering::Relaxed);
        shared.room.add_permits(1);
        last = line;
    }
    Ok(serde_json::from_slice(&last)?)
}
