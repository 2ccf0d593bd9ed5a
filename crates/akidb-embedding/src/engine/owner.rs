//! The one thread that runs the backend.
//!
//! What does not live here: which texts share a batch; the queue decides.

use std::{
    any::Any,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::Instant,
};

use super::{Embedding, queue::Task, shared::Shared};
use crate::{
    embedder::{Embedder, EncoderInput},
    error::{EmbedError, EncodeError},
};

pub(super) fn start(embedder: Box<dyn Embedder>, shared: Arc<Shared>) -> io::Result<()> {
    let owner = Owner { embedder, shared, vectors: Vec::new() };
    thread::Builder::new().name("akidb-embedding".to_owned()).spawn(move || owner.run())?;
    Ok(())
}

struct Owner {
    embedder: Box<dyn Embedder>,
    shared: Arc<Shared>,
    /// The vectors of the last batch, row-major; kept for its capacity.
    vectors: Vec<f32>,
}

impl Owner {
    fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        // Also when this thread panics, nobody may wait for it for ever.
        let _end = EndOnDrop(Arc::clone(&shared));
        while let Some(batch) = shared.next_batch() {
            shared.metrics().batch_size.observe(batch.len() as f64);
            let tokens = batch.iter().map(|task| task.text.token_ids.len()).sum();
            let started_at = Instant::now();
            self.run_batch(&batch);
            let took = started_at.elapsed();
            shared.metrics().busy_seconds_total.inc_by(took.as_secs_f64());
            shared.record_speed(tokens, took);
        }
    }

    /// Runs a batch; when it fails its texts run one by one, so that a bad one fails alone.
    fn run_batch(&mut self, batch: &[Task]) {
        match (self.embed(batch), batch) {
            (Ok(()), _) => self.answer(batch),
            (Err(error), [task]) => fail(task, error.to_string()),
            (Err(error), _) => {
                tracing::warn!(%error, texts = batch.len(), "batch failed, trying its texts singly");
                for task in batch.iter().filter(|task| !task.request.is_settled()) {
                    self.run_batch(std::slice::from_ref(task));
                }
            }
        }
    }

    fn embed(&mut self, batch: &[Task]) -> Result<(), EncodeError> {
        let inputs: Vec<EncoderInput<'_>> = batch
            .iter()
            .map(|task| EncoderInput {
                token_ids: &task.text.token_ids,
                pooling: task.pooling,
                normalize: task.normalize,
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
            match reason_to_refuse(row) {
                Some(reason) => fail(task, reason.to_owned()),
                None => task.request.complete(
                    task.index,
                    Embedding {
                        values: row.to_vec(),
                        tokens: task.text.token_count(),
                        truncated: task.text.is_truncated(),
                    },
                ),
            }
        }
    }
}

fn fail(task: &Task, reason: String) {
    task.request.fail(EmbedError::TextFailed { index: task.index, reason });
}

fn reason_to_refuse(vector: &[f32]) -> Option<&'static str> {
    if !vector.iter().all(|value| value.is_finite()) {
        return Some("its vector holds a value that is not finite");
    }
    vector.iter().all(|value| *value == 0.0).then_some("its vector is zero")
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
        self.0.mark_ended();
    }
}
