//! Lines, gathered into what the model takes at once.

use std::{
    pin::{Pin, pin},
    time::Duration,
};

use akidb_core::{Error, ErrorCode, Result};
use futures::{Stream, StreamExt, stream};
use tokio::time::{Instant, sleep_until};

use super::RunningImport;
use crate::{
    ImportLine,
    operations::checked::{Checked, Place},
};

/// Lines of a batch, bad ones too.
const LINES_MAX: usize = 256;
/// Tokens of a batch, by estimate: twice what the model runs at once by default.
const TOKENS_MAX: usize = 4_096;
/// Bytes of the lines of a batch, but for one that is longer alone.
const BYTES_MAX: usize = 2 << 20;
/// Bytes that make a token, in English.
const BYTES_A_TOKEN: usize = 4;
/// How long a batch waits for more lines. Much less than it takes to embed and to commit it.
const WAIT_FOR_MORE: Duration = Duration::from_millis(20);

/// Lines that go through the stages together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Each checked, with its number, in the order of the input.
    pub(super) lines: Vec<(u64, Result<Checked>)>,
    /// Why no line comes after these, where the input did not simply end.
    pub(super) stopped: Option<Error>,
    tokens: usize,
    bytes: usize,
}

impl Batch {
    fn is_full(&self) -> bool {
        self.lines.len() >= LINES_MAX || self.tokens >= TOKENS_MAX || self.bytes >= BYTES_MAX
    }
}

/// Reads lines, checks them and gathers them.
pub(super) struct Batches<'a, S> {
    import: &'a RunningImport<'a>,
    lines: Pin<Box<S>>,
    ended: bool,
}

impl<'a, S: Stream<Item = Result<ImportLine>> + Send> Batches<'a, S> {
    pub(super) fn new(import: &'a RunningImport<'a>, lines: S) -> Self {
        Self { import, lines: Box::pin(lines), ended: false }
    }

    pub(super) fn into_stream(self) -> impl Stream<Item = Batch> + use<'a, S> {
        stream::unfold(self, |mut batches| async {
            let batch = batches.next().await?;
            Some((batch, batches))
        })
    }

    /// The next batch: a full one, or what there is when the input pauses or ends.
    async fn next(&mut self) -> Option<Batch> {
        let mut batch = Batch::default();
        let mut must_stop = pin!(self.import.must_stop());
        let mut wait_until = Instant::now();
        while !self.ended && !batch.is_full() {
            if batch.lines.is_empty() {
                wait_until = Instant::now() + WAIT_FOR_MORE;
            }
            let line = tokio::select! {
                biased;
                reason = &mut must_stop => Some(Err(reason)),
                line = self.lines.next() => line,
                () = sleep_until(wait_until), if !batch.lines.is_empty() => break,
            };
            match line {
                Some(Ok(line)) => self.add(&mut batch, line),
                Some(Err(error)) => {
                    batch.stopped = Some(error);
                    self.ended = true;
                }
                None => self.ended = true,
            }
        }
        (!batch.lines.is_empty() || batch.stopped.is_some()).then_some(batch)
    }

    fn add(&self, batch: &mut Batch, line: ImportLine) {
        let RunningImport { service, collection, rules, .. } = self.import;
        let ImportLine { number, bytes, document } = line;
        let checked = document.and_then(|document| {
            service.check_document(&collection.record(), document, Place::Line, *rules)
        });
        batch.bytes += bytes;
        batch.tokens += checked.as_ref().map_or(0, |document| self.tokens_of(document));
        batch.lines.push((number, checked));
    }

    /// About how many tokens the model reads of a document.
    fn tokens_of(&self, document: &Checked) -> usize {
        let texts = document.texts_to_embed();
        texts.map(|text| (text.len() / BYTES_A_TOKEN + 2).min(self.import.window)).sum()
    }
}

impl RunningImport<'_> {
    /// Returns when no more lines may be read: the node shuts down, or the deadline has passed.
    async fn must_stop(&self) -> Error {
        tokio::select! {
            () = self.service.draining() => {
                Error::new(ErrorCode::ShuttingDown, "the node is shutting down")
            }
            () = sleep_until(self.context.deadline.into()) => {
                Error::new(ErrorCode::DeadlineExceeded, "the deadline passed before the input ended")
            }
        }
    }
}
