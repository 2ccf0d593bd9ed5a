//! What writes rows: one group of writes after the other, each a transaction, on a thread that may wait
//! for the disk.
//!
//! Statements stay prepared and run where they are called, as each row is a few of them. The log is copied
//! into the database after a group has been answered, not by the commit that made it long.

use std::{cell::Cell, path::Path, time::Instant};

use akidb_core::{
    Seq, Timestamp,
    torture::{PlantedFault, has_fault},
};
use akidb_engine::{Applied, Write};

use super::{
    CommittedChange, Position, field::Fields, source::AtHand, transaction::Transaction,
    write_times::WriteTimes,
};
use crate::{
    CommitGate, StoreError, StoreMetrics,
    connection::{self, checkpoint_pages},
};

thread_local! {
    /// Pages of the log after the last commit on this thread: SQLite tells them to a function that has
    /// nothing else to tell them by.
    static LOG_PAGES: Cell<u32> = const { Cell::new(0) };
}

/// The connection that writes rows.
pub(super) struct RowWriter {
    connection: AtHand,
    /// Pages of the log after the last group.
    log_pages: u32,
    commits: CommitGate,
}

/// Writes that are one transaction, and what they are applied to.
pub(super) struct Group {
    pub(super) writes: Vec<Write>,
    pub(super) begun_at: Position,
    pub(super) fields: Fields,
    /// Documents that have expired by then are not there any more.
    pub(super) now: Timestamp,
    pub(super) metrics: StoreMetrics,
}

/// A group that is on the disk.
pub(super) struct CommittedGroup {
    /// One result a write.
    pub(super) results: Vec<Result<Applied, StoreError>>,
    /// The change of all of them.
    pub(super) change: CommittedChange,
    pub(super) last_seq: Seq,
    pub(super) times: WriteTimes,
}

/// Why a group is not known to be on the disk.
pub(super) enum GroupFailure {
    RolledBack(StoreError),
    Unknown(String),
}

impl GroupFailure {
    pub(super) fn is_damaged_page(&self) -> bool {
        matches!(self, Self::RolledBack(error) if error.is_damaged_page())
    }

    /// The error, once for each write of the group.
    pub(super) fn for_each_write(&self) -> StoreError {
        match self {
            Self::RolledBack(StoreError::Full) => StoreError::Full,
            Self::RolledBack(StoreError::Closed) => StoreError::Closed,
            Self::RolledBack(StoreError::DamagedPage { reason }) => {
                StoreError::DamagedPage { reason: reason.clone() }
            }
            Self::RolledBack(StoreError::Sqlite(failure)) => StoreError::Sqlite(failure.clone()),
            Self::RolledBack(error) => {
                StoreError::Malformed { what: "row", reason: error.to_string() }
            }
            Self::Unknown(reason) => StoreError::CommitUnknown { reason: reason.clone() },
        }
    }
}

impl RowWriter {
    /// Opens the connection, with the collection and not with its first write: a database that can not
    /// be opened is told as that, and not by writes that fail under a node that says it is ready.
    pub(super) fn open(path: &Path, commits: CommitGate) -> Result<Self, StoreError> {
        let connection = connection::open_to_write_rows(path)?;
        let told = |_: &rusqlite::hooks::Wal, pages| {
            LOG_PAGES.set(u32::try_from(pages).unwrap_or(0));
            Ok(())
        };
        connection.wal_hook(Some(told));
        Ok(Self { connection: AtHand(connection), log_pages: 0, commits })
    }

    /// The connection.
    #[cfg(test)]
    pub(super) const fn connection(&self) -> &AtHand {
        &self.connection
    }

    /// Writes a group and syncs it.
    pub(super) fn write(&mut self, group: Group) -> Result<CommittedGroup, GroupFailure> {
        let connection = &mut self.connection;
        let acknowledges_early = has_fault(PlantedFault::AcknowledgeBeforeCommit);
        if acknowledges_early {
            // The group before this one was answered with its transaction open.
            let _ = connection.execute("COMMIT");
        }
        connection.execute("BEGIN IMMEDIATE").map_err(GroupFailure::RolledBack)?;
        let applied = apply_all(connection, group);
        let mut committed = applied.map_err(|error| roll_back(connection, error))?;
        if !acknowledges_early {
            let began = Instant::now();
            let _committing = self.commits.committing();
            match connection.execute("COMMIT") {
                Ok(()) => {}
                Err(StoreError::Full) => return Err(roll_back(connection, StoreError::Full)),
                Err(error) => return Err(GroupFailure::Unknown(error.to_string())),
            }
            committed.times.commit = began.elapsed();
        }
        self.log_pages = LOG_PAGES.take();
        Ok(committed)
    }

    /// Pages of the log after the last group.
    pub(super) const fn log_pages(&self) -> u32 {
        self.log_pages
    }

    /// Whether the log is so long that it is to be copied into the database.
    pub(super) fn log_is_long(&self) -> bool {
        self.log_pages >= checkpoint_pages()
    }

    /// Copies the log into the database, as far as nobody reads what is in it; the next write begins it
    /// anew. Says how many pages are left to copy. What fails here is tried again, and is lost to nobody:
    /// the log has it.
    pub(super) fn checkpoint(&mut self) -> Result<u32, StoreError> {
        self.log_pages = 0;
        let left = |row: &rusqlite::Row<'_>| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?);
        let left = self.connection.0.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], left)?;
        Ok(u32::try_from(left).unwrap_or(0))
    }
}

/// Everything between BEGIN and COMMIT.
fn apply_all(connection: &mut AtHand, group: Group) -> Result<CommittedGroup, StoreError> {
    let Group { writes, begun_at, fields, now, metrics } = group;
    let mut transaction = Transaction {
        connection,
        begun_at,
        last_seq: begun_at.seq,
        change: CommittedChange::default(),
        fields: &fields,
        now,
        metrics: &metrics,
        times: WriteTimes::default(),
    };
    let mut results = Vec::with_capacity(writes.len());
    for write in writes {
        results.push(match transaction.apply(write) {
            Err(error) if breaks_transaction(&error) => return Err(error),
            result => result,
        });
    }
    transaction.finish()?;
    let Transaction { last_seq, change, times, .. } = transaction;
    Ok(CommittedGroup { results, change, last_seq, times })
}

/// After some errors, a full disk among them, SQLite has rolled back by itself.
fn roll_back(connection: &AtHand, error: StoreError) -> GroupFailure {
    if let Err(error) = connection.execute("ROLLBACK") {
        tracing::debug!(%error, "there was nothing left to roll back");
    }
    GroupFailure::RolledBack(error)
}

/// Errors after which a statement may be half done.
fn breaks_transaction(error: &StoreError) -> bool {
    !matches!(
        error,
        StoreError::Metadata(_)
            | StoreError::Damaged { .. }
            | StoreError::FieldDropped { .. }
            | StoreError::Conflict(_)
            | StoreError::Conflicts(_)
    )
}

#[cfg(test)]
mod tests {
    use akidb_engine::{NewRow, RowVectors, UpsertRules};

    use super::*;
    use crate::{DocumentStore, StoreOptions};

    /// Nothing else copies the log while rows are written, and a copied one is written over.
    #[tokio::test]
    async fn the_log_is_counted_and_begins_anew_when_it_was_copied() {
        let folder = tempfile::tempdir().unwrap();
        let metrics = StoreMetrics::register(&prometheus::Registry::new()).unwrap();
        let options = StoreOptions::plain(metrics.clone());
        let loader = DocumentStore::open(folder.path(), options).await.unwrap();
        let begun_at = loader.position();
        let group = |seq: u64, values: usize| Group {
            writes: vec![Write::Upsert(
                vec![NewRow {
                    id: i64::try_from(seq).unwrap().into(),
                    text: None,
                    metadata: akidb_core::Metadata::default(),
                    vectors: Some(RowVectors::Given(vec![1.0; values])),
                    fields: Vec::new(),
                    if_seq: None,
                    expiry: akidb_core::Expiry::Never,
                }],
                UpsertRules::default(),
            )],
            begun_at: Position { seq: Seq(seq - 1), ..begun_at },
            fields: Fields::default(),
            now: Timestamp::from_unix_ms(0),
            metrics: metrics.clone(),
        };
        let mut rows =
            RowWriter::open(&folder.path().join("documents.db"), CommitGate::default()).unwrap();
        let write = |rows: &mut RowWriter, seq, values| {
            let written = rows.write(group(seq, values));
            assert_eq!(written.ok().map(|written| written.last_seq), Some(Seq(seq)));
            rows.log_pages()
        };
        // 64 MiB are more than the log may have before it is copied.
        let long = write(&mut rows, 1, 16 << 20);
        assert!(long > checkpoint_pages() && rows.log_is_long(), "{long}");
        assert_eq!(rows.checkpoint().unwrap(), 0);
        assert!(!rows.log_is_long());
        let short = write(&mut rows, 2, 10);
        assert!((1..100).contains(&short), "{short}");
        let log = std::fs::metadata(folder.path().join("documents.db-wal")).unwrap();
        assert!(log.len() <= 40 << 20, "{} bytes", log.len());
    }
}
