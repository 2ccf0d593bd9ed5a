//! What an import is given and what it tells, before any wire format.

use std::time::Duration;

use akidb_core::{Error, Result, WriteMode};
use tokio::sync::mpsc;

use crate::{NewDocument, UpsertResult};

/// Asks to insert or replace documents that come one by one, each for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Import {
    /// Gives a document without an id one that depends on this key and its content alone, so that
    /// the same document gets the same id whenever and wherever it comes again.
    pub idempotency_key: Option<String>,
    /// Whether it may insert, replace, or both.
    pub mode: WriteMode,
}

/// A line of an import.
#[derive(Clone, Debug)]
pub struct ImportLine {
    /// Its number in the input, from 1.
    pub number: u64,
    /// Its size in the input.
    pub bytes: usize,
    /// The document, or why the door could not read one.
    pub document: Result<NewDocument>,
}

/// What became of a line.
#[derive(Clone, Debug, PartialEq)]
pub struct LineOutcome {
    /// The number of the line.
    pub number: u64,
    /// What was stored, or why nothing was.
    pub result: Result<UpsertResult>,
}

/// Something that an import has to tell.
#[derive(Clone, Debug, PartialEq)]
pub enum ImportEvent {
    /// Lines that are done, in the order of the input. Those that were stored are on disk.
    Lines(Vec<LineOutcome>),
    /// The last event.
    Ended(ImportEnd),
}

/// How an import ended.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportEnd {
    /// What was done until then.
    pub summary: ImportSummary,
    /// Why it ended before its input did.
    pub stopped: Option<Error>,
}

/// What an import did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportSummary {
    /// Lines that are done.
    pub lines: u64,
    /// Lines whose document is new.
    pub created: u64,
    /// Lines whose document replaced one.
    pub updated: u64,
    /// Lines of which nothing was stored.
    pub failed: u64,
    /// Tokens of the texts that stand for the vectors of the stored documents.
    pub tokens: u64,
    /// Texts that were longer than the model's window.
    pub truncated: u64,
    /// Tokens among `tokens` that stand for something the model does not know.
    pub unknown_tokens: u64,
    /// From admission to the end.
    pub took: Duration,
}

/// The events of a running import. Dropping it ends the import: what was told stays, what was not
/// is stored or not, each document whole.
#[derive(Debug)]
pub struct ImportEvents {
    receiver: mpsc::Receiver<ImportEvent>,
}

impl ImportEvents {
    pub(crate) const fn new(receiver: mpsc::Receiver<ImportEvent>) -> Self {
        Self { receiver }
    }

    /// The next event; `None` after [`ImportEvent::Ended`], and without it where the import broke.
    pub async fn next(&mut self) -> Option<ImportEvent> {
        self.receiver.recv().await
    }
}
