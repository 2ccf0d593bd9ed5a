//! How connections are made: which pragmas, and that they took.

use std::{path::Path, time::Duration};

use akidb_core::torture::{PlantedFault, has_fault, threshold};
use rusqlite::OpenFlags;
use sqlx::{
    Connection, Row, SqliteConnection,
    migrate::{MigrateError, Migrator},
    sqlite::{
        SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
        SqliteSynchronous,
    },
};

use crate::StoreError;

/// WAL pages after which the writer checkpoints, 32 MiB at the page size below.
const CHECKPOINT_PAGES: u32 = 4_096;
/// The same for the torture tests.
const CHECKPOINT_PAGES_SHRUNKEN: u32 = 64;

/// Two or more vectors of common dimensions fit one page with little waste.
pub(crate) const PAGE_BYTES: u32 = 8_192;

/// How long a statement waits for a lock of another connection.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Statements that a connection for reads by keys keeps prepared, a few for each field.
const STATEMENTS_PREPARED: usize = 64;

/// The smallest version without the bug of two connections that checkpoint at once.
const SQLITE_VERSION_MIN: (u32, u32, u32) = (3, 51, 3);

/// Opens the one connection that writes, brings the schema up to date and reads the pragmas back.
pub(crate) async fn open_writer(
    path: &Path,
    migrations: &Migrator,
) -> Result<SqliteConnection, StoreError> {
    let (synchronous, synchronous_read_back) = match has_fault(PlantedFault::SynchronousNormal) {
        true => (SqliteSynchronous::Normal, "1"),
        false => (SqliteSynchronous::Full, "2"),
    };
    let checkpoint_pages = checkpoint_pages();
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .page_size(PAGE_BYTES)
        // Of new databases alone: others would be rewritten by that.
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        .pragma("fullfsync", "1")
        .pragma("checkpoint_fullfsync", "1")
        .pragma("wal_autocheckpoint", checkpoint_pages.to_string())
        .pragma("journal_size_limit", (checkpoint_pages * PAGE_BYTES).to_string())
        .pragma("trusted_schema", "0")
        // What was deleted is overwritten and does not stay in pages that are free.
        .pragma("secure_delete", "1")
        .busy_timeout(BUSY_TIMEOUT);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let settled = async {
        check_version(&mut connection).await?;
        migrate(&mut connection, path, migrations).await?;
        for (pragma, expected) in
            [("journal_mode", "wal"), ("synchronous", synchronous_read_back), ("fullfsync", "1")]
        {
            check_pragma(&mut connection, pragma, expected).await?;
        }
        Ok(())
    };
    match settled.await {
        Ok(()) => Ok(connection),
        Err(refused) => {
            // In order, so that nothing holds the file any more when the caller learns of it.
            let _closed = connection.close().await;
            Err(refused)
        }
    }
}

/// WAL pages after which the log is copied into the database.
pub(crate) fn checkpoint_pages() -> u32 {
    threshold(CHECKPOINT_PAGES, CHECKPOINT_PAGES_SHRUNKEN)
}

/// The connection that writes rows, beside the one that looks after the database: the same thread of
/// work has both, so that never two write, or copy the log, at once.
pub(crate) fn open_to_write_rows(path: &Path) -> Result<rusqlite::Connection, StoreError> {
    let (synchronous, synchronous_read_back) = match has_fault(PlantedFault::SynchronousNormal) {
        true => ("NORMAL", "1"),
        false => ("FULL", "2"),
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = rusqlite::Connection::open_with_flags(path, flags)?;
    if connection.is_readonly("main")? {
        // SQLite opens what it can not open to write to be read, and tells nobody.
        let refused = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_READONLY);
        return Err(rusqlite::Error::SqliteFailure(refused, None).into());
    }
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let log_bytes = checkpoint_pages() * PAGE_BYTES;
    connection.execute_batch(&format!(
        "PRAGMA synchronous = {synchronous}; PRAGMA fullfsync = 1; PRAGMA checkpoint_fullfsync = 1; \
         PRAGMA journal_size_limit = {log_bytes}; PRAGMA trusted_schema = 0; PRAGMA secure_delete = 1;"
    ))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_PREPARED);
    for (pragma, expected) in
        [("journal_mode", "wal"), ("synchronous", synchronous_read_back), ("fullfsync", "1")]
    {
        let read_back = format!("SELECT CAST({pragma} AS TEXT) FROM pragma_{pragma}");
        let found: String = connection.query_row(&read_back, [], |row| row.get(0))?;
        if found != expected {
            return Err(StoreError::PragmaRefused { pragma, expected, found });
        }
    }
    Ok(connection)
}

/// Brings the schema up to date. The table that says which migrations were applied is a page like
/// any other, so the version stands in the header of the database as well: where both say that there
/// is nothing to do, or the table is damaged and the header says so, the database is used.
async fn migrate(
    connection: &mut SqliteConnection,
    path: &Path,
    migrations: &Migrator,
) -> Result<(), StoreError> {
    let latest = migrations.iter().map(|migration| migration.version).max().unwrap_or(0);
    let in_header: i64 =
        sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *connection).await?;
    // Not `run`: its future is not `Send` for every lifetime of a borrowed connection.
    match migrations.run_direct(None, &mut *connection, false).await {
        Ok(()) if in_header == latest => Ok(()),
        Ok(()) => {
            let set = sqlx::AssertSqlSafe(format!("PRAGMA user_version = {latest}"));
            sqlx::query(set).execute(connection).await?;
            Ok(())
        }
        // A newer program has been here.
        Err(source @ MigrateError::VersionMissing(_)) => {
            Err(StoreError::Migration { path: path.to_owned(), source })
        }
        Err(error) if in_header == latest => {
            tracing::error!(
                database = %path.display(), %error,
                "the table of migrations is damaged, the database is used as its header says"
            );
            Ok(())
        }
        Err(source) => Err(StoreError::Migration { path: path.to_owned(), source }),
    }
}

/// One connection that can only read, and that leaves the log where it is.
pub(crate) async fn open_to_look(path: &Path) -> Result<SqliteConnection, StoreError> {
    Ok(SqliteConnection::connect_with(&options_to_read(path)).await?)
}

/// A pool of connections that can only read. They open when used and close when idle.
pub(crate) fn open_readers(path: &Path, connections_max: u32) -> SqlitePool {
    let options = options_to_read(path).row_buffer_size(256);
    SqlitePoolOptions::new()
        .min_connections(0)
        .max_connections(connections_max)
        .idle_timeout(Duration::from_secs(60))
        .test_before_acquire(false)
        .connect_lazy_with(options)
}

/// A connection for reads by keys, and for backups: it runs statements on the thread that asks, and keeps them
/// prepared. It is to the database what the others that read are.
pub(crate) fn open_at_hand(path: &Path) -> Result<rusqlite::Connection, StoreError> {
    // Without a lock of its own, as one thread at a time has it.
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = rusqlite::Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "query_only", 1)?;
    connection.pragma_update(None, "trusted_schema", 0)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_PREPARED);
    Ok(connection)
}

fn options_to_read(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .create_if_missing(false)
        .pragma("query_only", "1")
        .pragma("trusted_schema", "0")
        .busy_timeout(BUSY_TIMEOUT)
}

async fn check_version(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let found: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(connection).await?;
    let mut parts = found.split('.').map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    if (next(), next(), next()) < SQLITE_VERSION_MIN {
        return Err(StoreError::SqliteTooOld { found });
    }
    Ok(())
}

async fn check_pragma(
    connection: &mut SqliteConnection,
    pragma: &'static str,
    expected: &'static str,
) -> Result<(), StoreError> {
    let query = sqlx::AssertSqlSafe(format!("SELECT CAST({pragma} AS TEXT) FROM pragma_{pragma}"));
    let found: String = sqlx::query(query).fetch_one(connection).await?.try_get(0)?;
    if found != expected {
        return Err(StoreError::PragmaRefused { pragma, expected, found });
    }
    Ok(())
}
