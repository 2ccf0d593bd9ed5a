//! What can go wrong between a caller and the disk.

use std::{fmt, io, path::PathBuf, time::Duration};

use akidb_core::{Conflict, DamagedDocument, Error, ErrorCode, Outcome};
use akidb_engine::conflict_at;
use sqlx::migrate::MigrateError;

/// When to try again after a full disk: somebody has to make room first.
const RETRY_AFTER_FULL: Duration = Duration::from_secs(30);

/// A failed store operation.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the data directory.
    #[error(
        "the data directory {} is in use by another AkiDB process{}",
        path.display(),
        holder.as_ref().map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    Locked {
        /// The data directory.
        path: PathBuf,
        /// The process id that the lock file names.
        holder: Option<String>,
    },
    /// A file operation failed.
    #[error("{action} {} failed: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The linked SQLite has known corruption bugs.
    #[error("SQLite {found} is too old, AkiDB needs 3.51.3 or newer")]
    SqliteTooOld {
        /// Its version.
        found: String,
    },
    /// A connection did not take a setting that durability depends on.
    #[error("SQLite answers {found:?} for {pragma}, expected {expected:?}")]
    PragmaRefused {
        /// The setting.
        pragma: &'static str,
        /// What was set.
        expected: &'static str,
        /// What was read back.
        found: String,
    },
    /// The schema could not be brought up to date, or is newer than this program.
    #[error("the schema of {} can not be used: {source}", path.display())]
    Migration {
        /// The database.
        path: PathBuf,
        /// Why.
        source: MigrateError,
    },
    /// A stored value has a form that no version of AkiDB writes.
    #[error("the stored {what} is not valid: {reason}")]
    Malformed {
        /// Which value.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Rows whose checksum is wrong.
    #[error("stored rows are damaged: {}", list(.rows))]
    Damaged {
        /// The documents.
        rows: Vec<DamagedDocument>,
    },
    /// SQLite met a page that is not as it was written, or that the disk does not give.
    #[error(
        "a page of the database can not be read: {reason}; hint: `akidb verify` lists what is \
         damaged, `akidb repair` saves the rest into a new database"
    )]
    DamagedPage {
        /// What SQLite said.
        reason: String,
    },
    /// The database is not the one that was in this folder when it was last written to.
    #[error(
        "{} is another database than the one that was written here: it is {found}, expected is \
         {expected}; hint: put the right file back, or accept this one with `akidb repair`",
        path.display()
    )]
    ForeignDatabase {
        /// The database.
        path: PathBuf,
        /// Its id.
        found: uuid::Uuid,
        /// The id that the high-water marks beside it name.
        expected: uuid::Uuid,
    },
    /// The file of a database and the log beside it are of different ones.
    #[error(
        "{} stands beside the log of another database, that of {log_of}: one of the two files was \
         exchanged, and nothing was changed; hint: put the right file back, or move the log \
         (-wal) away and `akidb repair` saves what the file has",
        path.display()
    )]
    MixedDatabase {
        /// The file of the database.
        path: PathBuf,
        /// The database that the log is of.
        log_of: uuid::Uuid,
    },
    /// There is nothing for a log to be of, and SQLite would remove it.
    #[error(
        "the log {} is there and its database is empty or missing; nothing was changed; hint: put \
         documents.db back from a copy of both, or move the log away to begin without documents",
        log.display()
    )]
    LogAlone {
        /// The log.
        log: PathBuf,
    },
    /// No space left; the write was rolled back.
    #[error("the disk is full")]
    Full,
    /// Less space left than is kept free; nothing was tried.
    #[error("{}", low_space(*.free_bytes, *.min_free_bytes))]
    LowSpace {
        /// What is left.
        free_bytes: u64,
        /// What is kept.
        min_free_bytes: u64,
    },
    /// Less space left than something large takes beside what is kept free; nothing was tried.
    #[error(
        "{needed_bytes} bytes are needed, the disk of the data directory has {free_bytes} left and \
         keeps {min_free_bytes} (storage.min_free)"
    )]
    NoSpaceFor {
        /// What is needed.
        needed_bytes: u64,
        /// What is left.
        free_bytes: u64,
        /// What is kept.
        min_free_bytes: u64,
    },
    /// The write waited in the queue until its deadline; nothing was written.
    #[error("the write was not started before its deadline")]
    Expired,
    /// The commit itself failed: the rows may or may not be there after a restart.
    #[error("the commit failed, its outcome is unknown: {reason}")]
    CommitUnknown {
        /// What SQLite said.
        reason: String,
    },
    /// An earlier commit failed, so this store takes no more writes.
    #[error("writing has stopped after a failed commit")]
    Poisoned,
    /// The store was closed.
    #[error("the collection is closed")]
    Closed,
    /// The one document of the write is not as it requires.
    #[error("the document is not as the write requires it: {0}")]
    Conflict(Conflict),
    /// Documents are not as the write requires them; nothing was written.
    #[error("documents are not as the write requires them: {}", conflicts(.0))]
    Conflicts(Vec<(usize, Conflict)>),
    /// The vector field that was named is dropped.
    #[error("the vector field was dropped")]
    FieldDropped {
        /// The number that it had.
        number: u32,
    },
    /// The writer can not apply a patch.
    #[error(transparent)]
    Metadata(#[from] akidb_core::InvalidMetadata),
    /// There is no backup of this id.
    #[error("no backup has the id {id}")]
    BackupNotFound {
        /// The id.
        id: uuid::Uuid,
    },
    /// A backup is not as it was written, or of a version to come.
    #[error("the backup {id} can not be used: {reason}")]
    BackupDamaged {
        /// Its id.
        id: uuid::Uuid,
        /// What is wrong with it.
        reason: String,
    },
    /// Writes filled the logs of what was still to be copied faster than that went; nothing is left of the backup.
    #[error(
        "the logs of databases that are still to be backed up have grown to {log_bytes} bytes, \
         {log_bytes_max} at most are allowed (backup.log_max)"
    )]
    LogsTooLong {
        /// What they have grown to.
        log_bytes: u64,
        /// What they may.
        log_bytes_max: u64,
    },
    /// Any other failure of SQLite.
    #[error("SQLite failed: {0}")]
    Sqlite(SqliteFailure),
}

fn list(rows: &[DamagedDocument]) -> String {
    rows.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn conflicts(conflicts: &[(usize, Conflict)]) -> String {
    let conflicts = conflicts.iter().map(|(position, conflict)| format!("{position} {conflict}"));
    conflicts.collect::<Vec<_>>().join(", ")
}

fn low_space(free_bytes: u64, min_free_bytes: u64) -> String {
    match free_bytes < min_free_bytes {
        true => format!(
            "the disk of the data directory has {free_bytes} bytes left, writes need \
             {min_free_bytes} (storage.min_free)"
        ),
        false => format!(
            "the disk of the data directory was full just now, although it has {free_bytes} bytes \
             left (storage.min_free)"
        ),
    }
}

/// What SQLite said, whichever driver asked it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteFailure {
    /// Its code, an extended one where it has one; none where the driver itself failed.
    code: Option<i32>,
    said: String,
}

impl fmt::Display for SqliteFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)
    }
}

impl From<&sqlx::Error> for SqliteFailure {
    fn from(error: &sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        Self { code: code.and_then(|code| code.parse().ok()), said: error.to_string() }
    }
}

impl From<&rusqlite::Error> for SqliteFailure {
    fn from(error: &rusqlite::Error) -> Self {
        match error {
            // In the words of the other driver.
            rusqlite::Error::SqliteFailure(error, said) => {
                let code = error.extended_code;
                let said = said.clone().unwrap_or_else(|| error.to_string());
                let said = format!("error returned from database: (code: {code}) {said}");
                Self { code: Some(code), said }
            }
            error => Self { code: None, said: error.to_string() },
        }
    }
}

impl SqliteFailure {
    /// The code without what extends it.
    pub(crate) fn primary_code(&self) -> Option<i32> {
        self.code.map(|code| code & 0xff)
    }

    fn is_full(&self) -> bool {
        const SQLITE_FULL: i32 = 13;
        self.code == Some(SQLITE_FULL)
    }

    /// A page that is malformed, or that the system does not read. The rest of the database may be
    /// whole.
    fn is_damage(&self) -> bool {
        const CORRUPT: i32 = 11;
        /// Of `SQLITE_IOERR`: `_READ`, `_SHORT_READ`, `_DATA` and `_CORRUPTFS`.
        const UNREADABLE: [i32; 4] = [266, 522, 8202, 8458];
        self.primary_code() == Some(CORRUPT)
            || self.code.is_some_and(|code| UNREADABLE.contains(&code))
    }

    /// Whether a full disk is the reason. None where it is about reading and writing files, or opening
    /// them: of that the reason is not told.
    fn is_for_want_of_space(&self) -> Option<bool> {
        const SQLITE_IOERR: i32 = 10;
        const SQLITE_CANTOPEN: i32 = 14;
        match self.primary_code() {
            _ if self.is_full() => Some(true),
            Some(SQLITE_IOERR | SQLITE_CANTOPEN) => None,
            _ => Some(false),
        }
    }
}

impl From<SqliteFailure> for StoreError {
    fn from(failure: SqliteFailure) -> Self {
        if failure.is_full() {
            return Self::Full;
        }
        if failure.is_damage() {
            return Self::DamagedPage { reason: failure.said };
        }
        Self::Sqlite(failure)
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolClosed => Self::Closed,
            error => SqliteFailure::from(&error).into(),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        SqliteFailure::from(&error).into()
    }
}

impl StoreError {
    /// Whether a page can not be read, while others may be.
    #[must_use]
    pub const fn is_damaged_page(&self) -> bool {
        matches!(self, Self::DamagedPage { .. })
    }

    /// Whether a full disk is the reason. None where SQLite does not say: it has one code for files
    /// that cannot be opened or extended, whatever the reason.
    pub(crate) fn is_for_want_of_space(&self) -> Option<bool> {
        match self {
            Self::Full => Some(true),
            Self::Io { source, .. } => Some(crate::space::is_for_want_of_space(source)),
            Self::Sqlite(failure) => failure.is_for_want_of_space(),
            Self::Migration { source, .. } => match source {
                MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                    SqliteFailure::from(error).is_for_want_of_space()
                }
                _ => None,
            },
            _ => Some(false),
        }
    }

    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

impl From<StoreError> for Error {
    /// The answer to the request that met it.
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        match error {
            StoreError::NoSpaceFor { .. } => {
                Self::new(ErrorCode::StorageFull, message).with_retry_after(RETRY_AFTER_FULL)
            }
            StoreError::Full | StoreError::LowSpace { .. } => {
                let message = format!("{message}; deletes and searches go on");
                Self::new(ErrorCode::StorageFull, message).with_retry_after(RETRY_AFTER_FULL)
            }
            StoreError::BackupNotFound { .. } => Self::new(ErrorCode::BackupNotFound, message),
            StoreError::LogsTooLong { .. } => Self::new(ErrorCode::LimitExceeded, message),
            StoreError::Damaged { .. } => Self::new(ErrorCode::DocumentDamaged, message),
            StoreError::FieldDropped { .. } => Self::new(ErrorCode::FieldNotFound, message),
            StoreError::Expired => Self::new(ErrorCode::DeadlineExceeded, message),
            StoreError::Closed => Self::new(ErrorCode::ShuttingDown, message),
            StoreError::Metadata(fault) => Self::at(ErrorCode::InvalidMetadata, "metadata", fault),
            StoreError::Conflict(conflict) => conflict_at("", conflict),
            StoreError::Conflicts(conflicts) => {
                let faults = conflicts.into_iter().map(|(position, conflict)| {
                    conflict_at(&format!("documents[{position}]."), conflict)
                });
                // The store names at least one.
                let none = || Self::new(ErrorCode::ConditionFailed, message);
                Self::collect(faults.collect()).unwrap_or_else(none)
            }
            StoreError::CommitUnknown { .. } => {
                Self::new(ErrorCode::StorageFailed, message).with_outcome(Outcome::Unknown)
            }
            StoreError::BackupDamaged { .. }
            | StoreError::DamagedPage { .. }
            | StoreError::ForeignDatabase { .. }
            | StoreError::MixedDatabase { .. }
            | StoreError::LogAlone { .. }
            | StoreError::Locked { .. }
            | StoreError::Io { .. }
            | StoreError::SqliteTooOld { .. }
            | StoreError::PragmaRefused { .. }
            | StoreError::Migration { .. }
            | StoreError::Malformed { .. }
            | StoreError::Poisoned
            | StoreError::Sqlite(_) => Self::new(ErrorCode::StorageFailed, message),
        }
    }
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection, SqliteConnection};

    use super::*;

    /// What a driver is told by SQLite, in a state that both come upon.
    #[tokio::test]
    async fn both_drivers_tell_alike_what_sqlite_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("documents.db");
        std::fs::write(&path, [7; 4096]).unwrap();
        let said = |error: StoreError| match error {
            StoreError::Sqlite(failure) => failure,
            other => panic!("{other:?}"),
        };
        for sql in ["SELECT * FROM sqlite_schema", "SELECT no"] {
            let by_sqlx = async {
                let url = format!("sqlite://{}", path.display());
                sqlx::query(sql).execute(&mut SqliteConnection::connect(&url).await?).await
            };
            let by_sqlx = said(by_sqlx.await.unwrap_err().into());
            let connection = rusqlite::Connection::open(&path).unwrap();
            let by_rusqlite = connection.query_row(sql, [], |_| Ok(()));
            let by_rusqlite = said(by_rusqlite.unwrap_err().into());
            assert_eq!(by_rusqlite.code, by_sqlx.code, "{by_rusqlite}");
            assert!(by_rusqlite.code.is_some(), "{by_rusqlite}");
        }
    }

    #[tokio::test]
    async fn a_schema_that_finds_no_room_is_for_want_of_space() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let made = sqlx::raw_sql("PRAGMA max_page_count = 1; CREATE TABLE a (b)");
        let error = made.execute(&mut connection).await.unwrap_err();
        let source = MigrateError::ExecuteMigration(error, 1);
        let error = StoreError::Migration { path: "documents.db".into(), source };
        assert_eq!(error.is_for_want_of_space(), Some(true), "{error}");
        let missing = MigrateError::VersionMissing(7);
        let newer = StoreError::Migration { path: "documents.db".into(), source: missing };
        assert_eq!(newer.is_for_want_of_space(), None);
    }
}
