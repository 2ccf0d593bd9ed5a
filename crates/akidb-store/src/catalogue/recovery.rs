//! Opening the catalogue: what it says is compared with its mark and with the folders, and what
//! differs is put right.

use std::{fs, path::Path};

use akidb_engine::{KeyRecord, TaskRecord};
use sqlx::{Connection, Row, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{
    FILE_NAME,
    description::{self, Description, Undescribed},
    key_row::{self, StoredKeys},
    mark::{self, Mark},
    one_field,
    plan::{Finding, FindingKind, Found, FoundFolder, Plan, plan},
    row::{self, Stamped, StoredRow},
    task_row::{self, StoredTasks},
};
use crate::{
    DataDirectory, StoreError, connection,
    directory::{Folder, folders},
    error::SqliteFailure,
    migrations,
};

/// The number of the last change, and whether the catalogue is of the first version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    First,
    Sound(u64),
    Damaged,
}

/// What was read of an `akidb.db`.
struct Read {
    state: State,
    rows: Vec<StoredRow>,
    tasks: StoredTasks,
    keys: StoredKeys,
    /// Whether some of the rows have the form of before.
    is_old: bool,
    /// Why it can not be used any more, where it can not.
    fault: Option<String>,
}

impl Read {
    fn nothing(state: State, fault: Option<String>) -> Self {
        Self {
            state,
            rows: Vec::new(),
            tasks: StoredTasks::default(),
            keys: StoredKeys::default(),
            is_old: false,
            fault,
        }
    }

    fn damaged(error: &StoreError) -> Self {
        Self::nothing(State::Damaged, Some(format!("can not be read: {error}")))
    }
}

/// An open catalogue, and what it has.
pub(super) struct Recovered {
    pub(super) connection: SqliteConnection,
    pub(super) change: u64,
    pub(super) rows: Vec<Stamped>,
    pub(super) tasks: Vec<TaskRecord>,
    pub(super) keys: Vec<KeyRecord>,
    pub(super) findings: Vec<Finding>,
}

/// Opens the catalogue, and makes it and the folders agree.
pub(super) async fn open(directory: &DataDirectory) -> Result<Recovered, StoreError> {
    let path = directory.root().join(FILE_NAME);
    let mut findings = Vec::new();
    let is_there = fs::metadata(&path).is_ok_and(|metadata| metadata.len() > 0);
    if !is_there {
        // SQLite would remove it unread.
        set_files_aside(directory, &["akidb.db-wal"], &mut findings)?;
    }
    let (connection, mut read) = match open_and_read(&path).await {
        Ok((connection, read)) => (Some(connection), read),
        Err(error) if is_damage(&error) => (None, Read::damaged(&error)),
        Err(error) => return Err(error),
    };
    let tasks = std::mem::take(&mut read.tasks);
    let keys = std::mem::take(&mut read.keys);
    findings.extend(damaged_tasks(&tasks));
    findings.extend(damaged_keys(&keys));
    let mut connection = match connection {
        Some(mut connection) if read.fault.is_none() => {
            tasks.delete_damaged(&mut connection, task_row::DELETE_DAMAGED).await?;
            keys.delete_damaged(&mut connection, key_row::DELETE_DAMAGED).await?;
            connection
        }
        damaged => {
            let files = [FILE_NAME, "akidb.db-wal", "akidb.db-shm"];
            set_files_aside(directory, &files, &mut findings)?;
            // Its file has moved by now, so closing writes nothing to it and removes no log. One that is dropped is
            // closed some time later, and could remove the log of the new one.
            if let Some(damaged) = damaged {
                damaged.close().await?;
            }
            let mut connection = connection::open_writer(&path, &migrations::catalogue()).await?;
            for task in &tasks.sound {
                task_row::replace(&mut connection, task).await?;
            }
            for key in &keys.sound {
                key_row::replace(&mut connection, key).await?;
            }
            connection
        }
    };
    crate::directory::sync_directory(directory.root())?;
    let found = found(directory.root(), read, is_there)?;
    let last_change = found.last_change;
    let mut plan = plan(found.found);
    findings.append(&mut plan.findings);
    findings.extend(found.findings);
    let change = carry_out(directory, &mut connection, &mut plan, &findings, last_change).await?;
    let (tasks, keys) = (tasks.sound, keys.sound);
    Ok(Recovered { connection, change, rows: plan.rows, tasks, keys, findings })
}

/// What a start would find, without changing anything. Nothing is told of a catalogue of an earlier
/// version, which the next start brings up to date.
pub(super) async fn inspect(root: &Path) -> Result<Vec<Finding>, StoreError> {
    let path = root.join(FILE_NAME);
    let is_there = fs::metadata(&path).is_ok_and(|metadata| metadata.len() > 0);
    let read = if is_there {
        let options = SqliteConnectOptions::new().filename(&path).read_only(true);
        let mut connection = SqliteConnection::connect_with(&options).await?;
        let read = match read(&mut connection).await {
            Err(error) if is_damage(&error) => Ok(Read::damaged(&error)),
            // It has no table of the state.
            Err(StoreError::Sqlite(_)) => return Ok(Vec::new()),
            read => read,
        };
        connection.close().await?;
        read?
    } else {
        Read::nothing(State::First, None)
    };
    let of_tasks: Vec<_> = damaged_tasks(&read.tasks).chain(damaged_keys(&read.keys)).collect();
    let found = found(root, read, is_there)?;
    let planned = plan(found.found).findings;
    Ok(of_tasks.into_iter().chain(planned).chain(found.findings).collect())
}

/// Tasks that nobody can tell of any more. What they made and did not end is no collection.
fn damaged_tasks(tasks: &StoredTasks) -> impl Iterator<Item = Finding> + use<'_> {
    tasks.damaged.iter().map(|(id, reason)| {
        let id = String::from_utf8_lossy(id);
        let detail = format!("a task that says it is {id:?} is damaged: {reason}");
        Finding { kind: FindingKind::Removed, detail }
    })
}

/// Keys that nobody can tell of any more. Requests with them are refused, as with any that is unknown.
fn damaged_keys(keys: &StoredKeys) -> impl Iterator<Item = Finding> + use<'_> {
    keys.damaged.iter().map(|(id, reason)| {
        let id = String::from_utf8_lossy(id);
        let detail = format!("a key that says it is {id:?} is damaged: {reason}");
        Finding { kind: FindingKind::Removed, detail }
    })
}

struct Compared {
    found: Found,
    /// The highest number of a change that anybody names.
    last_change: u64,
    findings: Vec<Finding>,
}

/// Looks at the folders and the mark.
fn found(root: &Path, read: Read, is_there: bool) -> Result<Compared, StoreError> {
    let Read { state, rows, is_old, fault, .. } = read;
    let folders: Vec<FoundFolder> =
        folders(root)?.into_iter().map(|folder| look_into(root, folder)).collect();
    let of_rows = rows.iter().filter_map(|row| match row {
        StoredRow::Sound(stamped) => Some(stamped.change),
        StoredRow::Damaged { .. } => None,
    });
    let of_folders =
        folders.iter().filter_map(|it| Some(it.description.as_ref().ok()?.stamped.change));
    let known = match state {
        State::Sound(change) => change,
        State::First | State::Damaged => of_rows.clone().max().unwrap_or(0),
    };
    let mut findings = Vec::new();
    let mut told = |detail: &str| {
        findings.push(Finding { kind: FindingKind::ChangesLost, detail: detail.to_owned() });
    };
    let marked = match mark::read(root) {
        Mark::Change(change) => change,
        Mark::Absent if matches!(state, State::First) || known == 0 => 0,
        Mark::Absent => {
            told("the catalogue's mark is missing, whether changes were lost can not be told");
            0
        }
        Mark::Damaged => {
            told("the catalogue's mark is damaged, whether changes were lost can not be told");
            0
        }
    };
    if state == State::Damaged && fault.is_none() {
        told("the catalogue's own number of changes is damaged");
    }
    let last_change = known.max(marked).max(of_rows.chain(of_folders).max().unwrap_or(0));
    let is_empty = folders.is_empty() && marked == 0;
    let rebuilt = match fault {
        Some(fault) => Some(fault),
        None if !is_there && !is_empty => Some("is missing".to_owned()),
        None => None,
    };
    // One that is made anew knows nothing, which is told as that.
    let changes_lost = if rebuilt.is_some() { 0 } else { marked.saturating_sub(known) };
    let is_first = state == State::First && is_there;
    let found = Found { rows, is_old, is_first, changes_lost, rebuilt, folders };
    Ok(Compared { found, last_change, findings })
}

fn look_into(root: &Path, folder: Folder) -> FoundFolder {
    let path = folder.path(root);
    let has_database = path.join("documents.db").is_file();
    let description = match &folder {
        Folder::Foreign(_) => Err(Undescribed::Missing),
        _ => description::read(&path),
    };
    FoundFolder { folder, description, has_database }
}

/// Does what was planned, in an order that can be cut short anywhere and planned again, and returns
/// the number of the last change.
async fn carry_out(
    directory: &DataDirectory,
    connection: &mut SqliteConnection,
    plan: &mut Plan,
    findings: &[Finding],
    last_change: u64,
) -> Result<u64, StoreError> {
    for uuid in &plan.finish {
        directory.finish_collection(*uuid)?;
    }
    for folder in &plan.set_aside {
        let path = folder.path(directory.root());
        // What can not be moved stays where it is.
        match directory.set_aside(&path) {
            Ok(place) => tracing::warn!(from = %path.display(), to = %place.display(), "set aside"),
            Err(error) => tracing::error!(%error, "what is not known can not be set aside"),
        }
    }
    let change = save(connection, plan, last_change).await?;
    if !mark::is_whole(directory.root(), change) {
        if mark::read(directory.root()) == Mark::Change(change) {
            tracing::warn!(
                "one copy of the catalogue's mark is damaged or behind and is written anew"
            );
        }
        mark::write(directory.root(), change)?;
    }
    super::checkpoint(connection).await;
    for stamped in plan.rows.iter().filter(|it| plan.describe.contains(&it.row.uuid)) {
        describe(directory, stamped);
    }
    for folder in &plan.remove {
        let removed = match folder {
            Folder::New(uuid) => directory.abandon_collection(*uuid),
            Folder::Dropped(uuid) => directory.remove_dropped(*uuid),
            // Of a planted fault.
            Folder::Collection(_) => directory.remove(&folder.path(directory.root())),
            Folder::Foreign(_) => Ok(()),
        };
        match removed {
            Ok(()) => tracing::info!(%folder, "removed the rest of a collection"),
            Err(error) => tracing::warn!(%error, "the rest of a collection stays"),
        }
    }
    for Finding { kind, detail } in findings {
        tracing::error!(kind = kind.as_str(), detail, "the catalogue is not as it was left");
    }
    Ok(change)
}

/// Writes the rows and the state in one transaction, where they are others than those that are there.
async fn save(
    connection: &mut SqliteConnection,
    plan: &mut Plan,
    last_change: u64,
) -> Result<u64, StoreError> {
    let is_new = state(connection).await? != State::Sound(last_change);
    let has_table_of_before = one_field::exist(connection).await?;
    if !plan.rows_changed && !is_new && !has_table_of_before {
        return Ok(last_change);
    }
    let change = if plan.rows_changed { last_change + 1 } else { last_change };
    for stamped in plan.rows.iter_mut().filter(|stamped| stamped.change == 0) {
        stamped.change = change;
    }
    let mut transaction = Connection::begin(&mut *connection).await?;
    if plan.rows_changed {
        row::delete_all(&mut transaction).await?;
        for stamped in &plan.rows {
            row::insert(&mut transaction, stamped).await?;
        }
    }
    one_field::drop_table(&mut transaction).await?;
    super::set_state(&mut transaction, change).await?;
    transaction.commit().await?;
    Ok(change)
}

/// Writes the description of a collection's folder. One that can not be written is told: the
/// catalogue has what it would say.
pub(super) fn describe(directory: &DataDirectory, stamped: &Stamped) {
    let folder = directory.collection(stamped.row.uuid);
    let before = description::read(&folder).ok();
    let before = before.filter(|it| it.stamped.row.uuid == stamped.row.uuid);
    let database = before.and_then(|it| it.database);
    let description = Description { stamped: stamped.clone(), database };
    if let Err(error) = description::write(&folder, &description) {
        tracing::error!(%error, "the description of a collection could not be written");
    }
}

/// Opens it, and reads all that can be read of it.
async fn open_and_read(path: &Path) -> Result<(SqliteConnection, Read), StoreError> {
    let mut connection = connection::open_writer(path, &migrations::catalogue()).await?;
    match read(&mut connection).await {
        Ok(read) => Ok((connection, read)),
        Err(error) if is_damage(&error) => Ok((connection, Read::damaged(&error))),
        Err(error) => {
            let _closed = connection.close().await;
            Err(error)
        }
    }
}

/// Reads all that can be read.
async fn read(connection: &mut SqliteConnection) -> Result<Read, StoreError> {
    let state = state(connection).await?;
    let mut rows = Vec::new();
    let (mut fault, mut is_old) = (None, false);
    match read_rows(connection, state == State::First, &mut rows).await {
        Ok(of_before) => is_old = of_before,
        Err(error) if is_damage(&error) => {
            fault = Some(format!("can not be read to its end: {error}"));
        }
        Err(error) => return Err(error),
    }
    let tasks = match task_row::read_all(connection).await {
        Err(error) if is_damage(&error) => {
            fault = fault.or_else(|| Some(format!("can not be read to its end: {error}")));
            StoredTasks::default()
        }
        tasks => tasks?,
    };
    let keys = match key_row::read_all(connection).await {
        Err(error) if is_damage(&error) => {
            fault = fault.or_else(|| Some(format!("can not be read to its end: {error}")));
            StoredKeys::default()
        }
        keys => keys?,
    };
    let check = sqlx::query_scalar::<_, String>("PRAGMA integrity_check(1)");
    match check.fetch_one(connection).await.map_err(StoreError::from) {
        Ok(said) if said == "ok" => {}
        Ok(said) => fault = fault.or_else(|| Some(format!("is damaged: {}", said.trim()))),
        Err(error) if is_damage(&error) => fault = fault.or_else(|| Some(error.to_string())),
        Err(error) => return Err(error),
    }
    Ok(Read { state, rows, tasks, keys, is_old, fault })
}

/// Reads rows as long as that can be done, and says whether there are some of before.
async fn read_rows(
    connection: &mut SqliteConnection,
    is_first: bool,
    rows: &mut Vec<StoredRow>,
) -> Result<bool, StoreError> {
    if one_field::exist(connection).await? {
        one_field::read_all(connection, is_first, rows).await?;
    }
    let is_old = !rows.is_empty();
    row::read_all(connection, rows).await?;
    Ok(is_old)
}

async fn state(connection: &mut SqliteConnection) -> Result<State, StoreError> {
    let row = sqlx::query("SELECT change, checksum FROM state").fetch_optional(connection).await?;
    let Some(row) = row else { return Ok(State::First) };
    let (change, sum): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let change = change.cast_unsigned();
    Ok(if row::checksum_of_state(change) == sum { State::Sound(change) } else { State::Damaged })
}

/// Moves files of the catalogue away, those that hold anything.
fn set_files_aside(
    directory: &DataDirectory,
    names: &[&str],
    findings: &mut Vec<Finding>,
) -> Result<(), StoreError> {
    for name in names {
        let path = directory.root().join(name);
        if fs::metadata(&path).is_ok_and(|metadata| metadata.len() > 0) {
            let place = directory.set_aside(&path)?;
            let detail = format!("{name} was moved to {}", place.display());
            findings.push(Finding { kind: FindingKind::SetAside, detail });
        }
    }
    Ok(())
}

/// Whether a file is no database, or a damaged one; not that it can not be read now.
fn is_damage(error: &StoreError) -> bool {
    const CORRUPT: i32 = 11;
    const NOT_A_DATABASE: i32 = 26;
    let code = match error {
        StoreError::DamagedPage { .. } => return true,
        StoreError::Sqlite(failure) => failure.primary_code(),
        StoreError::Migration { source, .. } => match source {
            // No version has ever changed a migration, or left one half done.
            sqlx::migrate::MigrateError::VersionMismatch(_)
            | sqlx::migrate::MigrateError::Dirty(_) => return true,
            sqlx::migrate::MigrateError::Execute(error)
            | sqlx::migrate::MigrateError::ExecuteMigration(error, _) => {
                SqliteFailure::from(error).primary_code()
            }
            _ => return false,
        },
        _ => return false,
    };
    matches!(code, Some(CORRUPT | NOT_A_DATABASE))
}
