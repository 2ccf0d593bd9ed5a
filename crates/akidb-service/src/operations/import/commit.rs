//! Rows to the store, and what became of each line to the door.

use std::collections::HashMap;

use akidb_core::{DocumentId, Error, Result};
use akidb_store::NewRow;
use tokio::sync::mpsc;

use super::{
    RunningImport,
    embedding::{EmbeddedBatch, EmbeddedRow},
};
use crate::{
    ImportEvent, ImportSummary, LineOutcome, UpsertResult, UpsertStatus, operations::upsert::Tokens,
};

/// Rows of one commit. Batches that are ready share one, as each costs a sync of the disk.
const COMMIT_ROWS: usize = 2_048;

/// Stores batches in the order in which they come.
pub(super) struct Commits<'a> {
    pub(super) import: &'a RunningImport<'a>,
    pub(super) events: &'a mpsc::Sender<ImportEvent>,
    pub(super) summary: &'a mut ImportSummary,
}

impl Commits<'_> {
    /// Runs until no batch comes any more, or one that ends the import.
    pub(super) async fn run(mut self, mut batches: mpsc::Receiver<EmbeddedBatch>) -> Result<()> {
        while let Some(first) = batches.recv().await {
            let EmbeddedBatch { lines, stopped } = with_those_ready(first, &mut batches);
            let (outcomes, stored) = self.store(lines).await;
            self.count(&outcomes);
            if !outcomes.is_empty() && self.events.send(ImportEvent::Lines(outcomes)).await.is_err()
            {
                return Ok(());
            }
            stored.and(stopped.map_or(Ok(()), Err))?;
        }
        Ok(())
    }

    /// Stores the rows of lines in one commit. Where it fails, all of them have failed.
    async fn store(
        &self,
        lines: Vec<(u64, Result<EmbeddedRow>)>,
    ) -> (Vec<LineOutcome>, Result<()>) {
        let (outcomes, rows) = split(lines);
        let (results, stored) = match self.write(rows).await {
            Ok(results) => (results.into_iter().map(Ok).collect(), Ok(())),
            Err(error) => (Vec::new(), Err(self.import.explained(error))),
        };
        let mut results: std::vec::IntoIter<Result<UpsertResult>> = Vec::into_iter(results);
        let outcome = |(number, failed): (u64, Option<Error>)| {
            let result = match (failed, &stored) {
                (Some(fault), _) => Err(fault),
                (None, Err(error)) => Err(error.clone()),
                (None, Ok(())) => results.next().unwrap_or_else(|| Err(missing_result())),
            };
            LineOutcome { number, result }
        };
        (outcomes.into_iter().map(outcome).collect(), stored)
    }

    /// One result a row, as if they were written one after the other.
    async fn write(&self, rows: Vec<EmbeddedRow>) -> Result<Vec<UpsertResult>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let RunningImport { service, entry, context, .. } = self.import;
        let results: Vec<_> = rows.iter().map(|(row, tokens)| (row.id.clone(), *tokens)).collect();
        let (rows, tokens): (Vec<NewRow>, Vec<Tokens>) = last_of_each_id(rows).into_iter().unzip();
        let written = service.store_documents(entry, rows, tokens, context).await?;
        let mut statuses: HashMap<DocumentId, UpsertStatus> =
            written.into_iter().map(|result| (result.id, result.status)).collect();
        let results = results.into_iter().map(|(id, tokens)| {
            let status = statuses.insert(id.clone(), UpsertStatus::Updated);
            tokens.result(id, status.unwrap_or(UpsertStatus::Updated))
        });
        Ok(results.collect())
    }

    fn count(&mut self, outcomes: &[LineOutcome]) {
        let before = *self.summary;
        for LineOutcome { result, .. } in outcomes {
            self.summary.lines += 1;
            match result {
                Ok(stored) => self.summary.add(stored),
                Err(_) => self.summary.failed += 1,
            }
        }
        let counter = &self.import.service.inner.metrics.import_lines;
        for (outcome, count) in [
            ("created", self.summary.created - before.created),
            ("updated", self.summary.updated - before.updated),
            ("failed", self.summary.failed - before.failed),
        ] {
            counter.with_label_values(&[outcome]).inc_by(count);
        }
    }
}

impl ImportSummary {
    fn add(&mut self, stored: &UpsertResult) {
        match stored.status {
            UpsertStatus::Created => self.created += 1,
            UpsertStatus::Updated => self.updated += 1,
        }
        self.tokens += u64::from(stored.tokens.unwrap_or_default());
        self.truncated += u64::from(stored.truncated.unwrap_or_default());
    }
}

/// A batch, and those that are ready already, up to the size of a commit.
fn with_those_ready(
    mut batch: EmbeddedBatch,
    batches: &mut mpsc::Receiver<EmbeddedBatch>,
) -> EmbeddedBatch {
    while batch.lines.len() < COMMIT_ROWS
        && batch.stopped.is_none()
        && let Ok(next) = batches.try_recv()
    {
        batch.lines.extend(next.lines);
        batch.stopped = next.stopped;
    }
    batch
}

/// The rows to store, and for each line its number and why it has no row.
fn split(lines: Vec<(u64, Result<EmbeddedRow>)>) -> (Vec<(u64, Option<Error>)>, Vec<EmbeddedRow>) {
    let mut rows = Vec::with_capacity(lines.len());
    let lines =
        lines.into_iter().map(|(number, row)| (number, row.map(|row| rows.push(row)).err()));
    (lines.collect(), rows)
}

/// The rows without those whose id comes again.
fn last_of_each_id(rows: Vec<EmbeddedRow>) -> Vec<EmbeddedRow> {
    let mut last = HashMap::with_capacity(rows.len());
    for (at, (row, _)) in rows.iter().enumerate() {
        last.insert(row.id.clone(), at);
    }
    let rows = rows.into_iter().enumerate();
    rows.filter(|(at, (row, _))| last.get(&row.id) == Some(at)).map(|(_, row)| row).collect()
}

fn missing_result() -> Error {
    Error::new(akidb_core::ErrorCode::Internal, "the store answered fewer results than rows")
}
