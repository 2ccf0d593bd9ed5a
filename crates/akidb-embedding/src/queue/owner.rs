//! The threads that run the backend: one for both lanes, or one for each.
//!
//! Out of scope: which texts share a batch; the queue decides.

use std::{
    any::Any,
    collections::HashMap,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::Instant,
};

use super::{
    request::PendingRequest,
    shared::Shared,
    tasks::{Duty, Task, Waiter},
};
use crate::{
    embedder::{Embedder, EncoderInput},
    error::{EmbedError, EncodeError},
    identity::ModelKind,
};

/// Starts one thread for both lanes, or one for each where the backend can run in the background.
pub(super) fn start(embedder: Box<dyn Embedder>, shared: Arc<Shared>) -> io::Result<()> {
    let Some(background) = embedder.in_background() else {
        return spawn("akidb-embedding", embedder, shared, Duty::BothLanes);
    };
    spawn("akidb-embedding", embedder, Arc::clone(&shared), Duty::Interactive)?;
    spawn("akidb-bulk", background, Arc::clone(&shared), Duty::Bulk).inspect_err(|_| shared.close())
}

fn spawn(
    name: &str,
    embedder: Box<dyn Embedder>,
    shared: Arc<Shared>,
    duty: Duty,
) -> io::Result<()> {
    shared.owner_starts();
    // Ends it also when the thread can not be started, or panics: nobody may wait for ever.
    let end = EndOnDrop(Arc::clone(&shared));
    let owner = Owner { embedder, shared, vectors: Vec::new() };
    let run = move || {
        let _end = end;
        owner.run(duty);
    };
    thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
}

struct Owner {
    embedder: Box<dyn Embedder>,
    shared: Arc<Shared>,
    /// The vectors of the last batch, row-major; kept for its capacity.
    vectors: Vec<f32>,
}

impl Owner {
    fn run(mut self, duty: Duty) {
        let shared = Arc::clone(&self.shared);
        while let Some(batch) = shared.next_batch(duty) {
            shared.metrics().batch_size.observe(batch.tasks.len() as f64);
            let tokens = batch.tasks.iter().map(Task::tokens).sum();
            let requests = requests_of(&batch.tasks);
            requests.iter().for_each(|request| request.batch_begins());
            let started_at = Instant::now();
            let has_run = self.run_batch(&batch.tasks);
            let took = started_at.elapsed();
            requests.iter().for_each(|request| request.batch_ends());
            shared.metrics().busy_seconds_total.inc_by(took.as_secs_f64());
            match has_run {
                true => shared.note_batch(batch.lane, tokens, requests.len(), took),
                false => shared.note_lost(batch.lane),
            }
        }
    }

    /// Runs a batch; when it fails its texts run one by one, so that a bad one fails alone. Where
    /// the backend itself is at fault they all fail at once.
    ///
    /// Says whether the time that it took tells how fast the backend is.
    fn run_batch(&mut self, batch: &[Task]) -> bool {
        match (self.embed(batch), batch) {
            (Ok(()), _) => {
                self.answer(batch);
                true
            }
            (Err(EncodeError::Unavailable { reason, retry_after }), _) => {
                fail_all(batch, &EmbedError::Unavailable { reason, retry_after });
                false
            }
            (Err(EncodeError::OutOfTime { limit }), _) => {
                fail_all(batch, &EmbedError::BatchOutOfTime { limit });
                false
            }
            (Err(error), [task]) => {
                fail(task, &error.to_string());
                true
            }
            (Err(error), _) => {
                tracing::warn!(%error, texts = batch.len(), "batch failed, trying its texts singly");
                for task in batch.iter().filter(|task| !task.is_settled()) {
                    self.run_batch(std::slice::from_ref(task));
                }
                true
            }
        }
    }

    fn embed(&mut self, batch: &[Task]) -> Result<(), EncodeError> {
        let inputs: Vec<EncoderInput<'_>> = batch
            .iter()
            .map(|task| EncoderInput {
                token_ids: &task.encoding.token_ids,
                pooling: task.encoding.pooling,
                normalize: task.encoding.normalize,
                document_start: task.encoding.document_start,
            })
            .collect();
        let Self { embedder, vectors, .. } = self;
        let run = AssertUnwindSafe(|| embedder.embed_batch(&inputs, vectors));
        catch_unwind(run).unwrap_or_else(|panic| {
            let reason = format!("the backend panicked: {}", panic_text(panic.as_ref()));
            Err(EncodeError::Backend { reason })
        })?;
        let expected = batch.len() * self.embedder.dimension();
        if self.vectors.len() != expected {
            let reason =
                format!("the backend returned {} values instead of {expected}", self.vectors.len());
            return Err(EncodeError::Backend { reason });
        }
        Ok(())
    }

    fn answer(&self, batch: &[Task]) {
        let rows = self.vectors.chunks_exact(self.embedder.dimension());
        for (task, row) in batch.iter().zip(rows) {
            if let Some(reason) = reason_to_refuse(row, self.shared.kind()) {
                fail(task, reason);
                continue;
            }
            if task.waiters.iter().any(|waiter| waiter.is_query) {
                self.shared.remember(&task.encoding, row);
            }
            for waiter in &task.waiters {
                waiter.answer(row, task.tokens());
            }
        }
    }
}

/// Fails the requests of all who wait for a text.
fn fail(task: &Task, reason: &str) {
    for Waiter { request, index, .. } in &task.waiters {
        request.fail(EmbedError::TextFailed { index: *index, reason: reason.to_owned() });
    }
}

/// Fails the requests of all who wait for any text of a batch.
fn fail_all(batch: &[Task], error: &EmbedError) {
    for waiter in batch.iter().flat_map(|task| &task.waiters) {
        waiter.request.fail(error.clone());
    }
}

/// The requests that a batch has texts of, each once.
fn requests_of(batch: &[Task]) -> Vec<&PendingRequest> {
    let waiters = batch.iter().flat_map(|task| &task.waiters);
    let requests = waiters.map(|waiter| (Arc::as_ptr(&waiter.request), &*waiter.request));
    requests.collect::<HashMap<_, _>>().into_values().collect()
}

fn reason_to_refuse(vector: &[f32], kind: ModelKind) -> Option<&'static str> {
    let is_finite = vector.iter().all(|value| value.is_finite());
    let is_zero = || vector.iter().all(|value| *value == 0.0);
    match kind {
        ModelKind::Embedder if !is_finite => Some("its vector holds a value that is not finite"),
        ModelKind::Embedder => is_zero().then_some("its vector is zero"),
        // A logit of 0 is as good as any.
        ModelKind::Reranker(_) => (!is_finite).then_some("its logit is not finite"),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// Tells those who wait for the end of the thread, and refuses whoever comes after it.
struct EndOnDrop(Arc<Shared>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.close();
        self.0.owner_ends();
    }
}
