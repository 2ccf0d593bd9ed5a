//! Rows to the store, and what became of each line to the door.

use std::collections::{HashMap, HashSet};

use akidb_core::{DocumentId, Error, Result, Seq, WriteMode};
use akidb_engine::{ConflictsStop, NewRow, UpsertRules};
use tokio::sync::mpsc;

use super::{
    RunningImport,
    embedding::{EmbeddedBatch, EmbeddedRow},
};
use crate::{
    ImportEvent, ImportSummary, LineOutcome, Operation, UpsertResult, UpsertStatus,
    operations::checked::Tokens,
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
            let batch = with_those_ready(first, &mut batches);
            let EmbeddedBatch { lines, stopped, knows_fields } = batch;
            let (outcomes, stored) = self.store(lines).await;
            drop(knows_fields);
            self.count(&outcomes);
            if !outcomes.is_empty() && self.events.send(ImportEvent::Lines(outcomes)).await.is_err()
            {
                return Ok(());
            }
            stored.and(stopped.map_or(Ok(()), Err))?;
        }
        Ok(())
    }

    /// Stores the rows of lines. Where that fails, all that are not stored have failed.
    async fn store(
        &self,
        lines: Vec<(u64, Result<EmbeddedRow>)>,
    ) -> (Vec<LineOutcome>, Result<()>) {
        let (outcomes, rows) = split(lines);
        let (results, stored) = if self.is_conditional(&rows) {
            self.write_in_turn(rows).await
        } else {
            match self.write(rows).await {
                Ok(results) => (results.into_iter().map(Ok).collect(), Ok(())),
                Err(error) => (Vec::new(), Err(self.import.explained(error))),
            }
        };
        let mut results: std::vec::IntoIter<Result<UpsertResult>> = Vec::into_iter(results);
        let outcome = |(number, failed): (u64, Option<Error>)| {
            let result = match failed {
                Some(fault) => Err(fault),
                None => results.next().unwrap_or_else(|| match &stored {
                    Err(error) => Err(error.clone()),
                    Ok(()) => Err(missing_result()),
                }),
            };
            LineOutcome { number, result }
        };
        (outcomes.into_iter().map(outcome).collect(), stored)
    }

    /// Whether a line may be refused because of the document that is there.
    fn is_conditional(&self, rows: &[EmbeddedRow]) -> bool {
        self.import.rules.mode != WriteMode::Upsert
            || rows.iter().any(|(row, _)| row.if_seq.is_some())
    }

    /// One result a row, as if they were written one after the other.
    async fn write(&self, rows: Vec<EmbeddedRow>) -> Result<Vec<UpsertResult>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let results: Vec<_> = rows.iter().map(|(row, tokens)| (row.id.clone(), *tokens)).collect();
        let written = self.write_once(last_of_each_id(rows)).await?;
        let written = written.into_iter().collect::<Result<Vec<_>>>()?;
        let mut statuses: HashMap<DocumentId, (UpsertStatus, Seq)> =
            written.into_iter().map(|result| (result.id, (result.status, result.seq))).collect();
        let results = results.into_iter().map(|(id, tokens)| {
            // The first line with an id makes the document, the others replace it.
            let known = statuses.get_mut(&id);
            let (status, seq) = known.map_or((UpsertStatus::Updated, Seq(0)), |known| {
                (std::mem::replace(&mut known.0, UpsertStatus::Updated), known.1)
            });
            tokens.result(id, status, seq)
        });
        Ok(results.collect())
    }

    /// One result a row, each held against what the rows before it have left: an id that comes again
    /// begins another commit. The results end where a commit fails.
    async fn write_in_turn(
        &self,
        rows: Vec<EmbeddedRow>,
    ) -> (Vec<Result<UpsertResult>>, Result<()>) {
        let mut results = Vec::with_capacity(rows.len());
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let mut ids = HashSet::new();
            let mut turn = Vec::new();
            while let Some(row) = rows.next_if(|(row, _)| ids.insert(row.id.clone())) {
                turn.push(row);
            }
            match self.write_once(turn).await {
                Ok(written) => results.extend(written),
                Err(error) => return (results, Err(self.import.explained(error))),
            }
        }
        (results, Ok(()))
    }

    /// Writes rows of different ids in one commit. A conflict stops its row alone.
    async fn write_once(&self, rows: Vec<EmbeddedRow>) -> Result<Vec<Result<UpsertResult>>> {
        let RunningImport { service, collection, context, rules, .. } = self.import;
        // It may go on for hours, and the key be revoked meanwhile.
        service.inner.keys.check(&context.caller.principal, Operation::Import)?;
        let rules = UpsertRules { mode: rules.mode, conflicts: ConflictsStop::Themselves };
        let rows: (Vec<NewRow>, Vec<Tokens>) = rows.into_iter().unzip();
        service.store_documents(&**collection, rows, rules, context).await
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
        let counter = &self.import.service.inner.metrics.requests.import_lines;
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
        self.unknown_tokens += u64::from(stored.unknown_tokens.unwrap_or_default());
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
        batch.knows_fields.extend(next.knows_fields);
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
