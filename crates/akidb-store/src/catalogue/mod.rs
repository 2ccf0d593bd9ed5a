//! The catalogue, `akidb.db`: which collections there are, and what they are.
//!
//! A change of it is a transaction, a number one higher, the mark beside it, and a checkpoint, so
//! that hardly anything is ever in the write-ahead log. Each collection's folder says the same of
//! itself (`description`). `recovery` compares the three at a start, and `plan` says what follows.

mod checked_rows;
pub(crate) mod description;
mod field_row;
mod key_row;
mod keys_mark;
pub(crate) mod mark;
mod one_field;
mod plan;
mod recovery;
pub(crate) mod restored;
mod row;
mod task_row;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use akidb_core::torture::{PlantedFault, has_fault};
use akidb_engine::{CollectionRecord, KeyRecord, TaskRecord};
use sqlx::{Connection, SqliteConnection};
use tokio::sync::Mutex;
use uuid::Uuid;

pub use self::plan::{Finding, FindingKind};
use self::{
    description::{DatabaseStamp, Description},
    row::Stamped,
};
use crate::{CopyWatch, DataDirectory, DocumentStore, FailStop, Position, StoreError, documents};

pub(crate) const FILE_NAME: &str = "akidb.db";

/// The open catalogue. It is small and read once, so one connection does all.
///
/// None of its changes may be cut short by whoever waits for it: dropping the future of one leaves
/// it half done.
#[derive(Debug)]
pub struct Catalogue {
    directory: Arc<DataDirectory>,
    state: Mutex<State>,
    fail_stop: FailStop,
}

#[derive(Debug)]
struct State {
    /// Absent once it is closed.
    connection: Option<SqliteConnection>,
    /// The number of the last change.
    change: u64,
    /// Whether a commit has failed, so that nobody knows what is on the disk.
    poisoned: bool,
}

/// What opening the catalogue gives.
#[derive(Debug)]
pub struct OpenedCatalogue {
    /// The catalogue.
    pub catalogue: Catalogue,
    /// Every collection, by name.
    pub collections: Vec<CollectionRecord>,
    /// Every task that is kept.
    pub tasks: Vec<TaskRecord>,
    /// Every key that is kept.
    pub keys: Vec<KeyRecord>,
    /// Whether there is a key, or ever was one.
    pub has_had_keys: bool,
    /// What was not as it was left; it is put right, and in the log.
    pub findings: Vec<Finding>,
}

/// One change.
enum Change<'a> {
    Insert(&'a CollectionRecord),
    /// Replaces the rows of these.
    Replace(&'a [CollectionRecord]),
    Delete(Uuid),
    /// Keeps a task, and forgets others.
    Task(&'a TaskRecord, &'a [Uuid]),
    /// Keeps a key, and forgets others.
    Key(&'a KeyRecord, &'a [String]),
}

impl Catalogue {
    /// Opens the catalogue of a data directory, brings its schema up to date, and makes it and the
    /// folders of collections agree. One that is missing or can not be read is made anew from the
    /// folders. Commits whose outcome is unknown are told to `fail_stop`.
    ///
    /// # Errors
    /// When SQLite is too old, refuses a pragma, the schema is newer than this program, or the disk
    /// fails.
    pub async fn open(
        directory: Arc<DataDirectory>,
        fail_stop: FailStop,
    ) -> Result<OpenedCatalogue, StoreError> {
        let recovered = recovery::open(&directory).await?;
        let state = State {
            connection: Some(recovered.connection),
            change: recovered.change,
            poisoned: false,
        };
        if !recovered.keys.is_empty() {
            keys_mark::set(directory.root());
        }
        let has_had_keys = !recovered.keys.is_empty() || keys_mark::is_set(directory.root());
        Ok(OpenedCatalogue {
            catalogue: Self { directory, state: Mutex::new(state), fail_stop },
            collections: recovered.rows.into_iter().map(|stamped| stamped.row).collect(),
            tasks: recovered.tasks,
            keys: recovered.keys,
            has_had_keys,
            findings: recovered.findings,
        })
    }

    /// What opening the catalogue of a data directory would find. Nothing is changed.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn inspect(root: &Path) -> Result<Vec<Finding>, StoreError> {
        recovery::inspect(root).await
    }

    /// The data directory.
    #[must_use]
    pub fn directory(&self) -> &DataDirectory {
        &self.directory
    }

    /// Makes a collection, and returns its folder. The caller has checked that the name is free.
    ///
    /// # Errors
    /// After [`StoreError::CommitUnknown`] it may be there; after any other it is not, and never
    /// will be.
    pub async fn create(&self, row: &CollectionRecord) -> Result<PathBuf, StoreError> {
        let _on_panic = self.fail_stop.on_panic("making a collection");
        let mut state = self.state.lock().await;
        let made = match self.make_folder(row.uuid).await {
            Ok(()) => self.hand_out(&mut state, row).await,
            Err(error) => Err(error),
        };
        self.finish(&mut state, row.uuid, made)
    }

    /// Writes all that a collection has, as of one moment, into the folder of one that nobody is given
    /// yet, and says whether it is whole. Nothing else waits for it.
    ///
    /// # Errors
    /// When a page can not be read, or the disk fails or is full. Nothing is left then, as where it
    /// is stopped.
    pub async fn begin_copy(
        &self,
        uuid: Uuid,
        of: Uuid,
        watch: &impl CopyWatch,
    ) -> Result<bool, StoreError> {
        // Of an attempt of before.
        self.abandon(uuid);
        let copied = match self.directory.begin_collection(uuid) {
            Ok(folder) => documents::copy(&self.directory.collection(of), &folder, watch).await,
            Err(error) => Err(error),
        };
        if !matches!(copied, Ok(true)) {
            self.abandon(uuid);
        }
        copied
    }

    /// Makes a collection of a folder that [`Catalogue::begin_copy`] has filled. The caller has checked
    /// that the name is free.
    ///
    /// # Errors
    /// As [`Catalogue::create`].
    pub async fn finish_copy(&self, row: &CollectionRecord) -> Result<(), StoreError> {
        let _on_panic = self.fail_stop.on_panic("making a copy of a collection");
        let mut state = self.state.lock().await;
        let made = self.hand_out(&mut state, row).await;
        self.finish(&mut state, row.uuid, made).map(drop)
    }

    /// Removes the folder of a collection that nobody was given.
    pub fn abandon(&self, uuid: Uuid) {
        // Its name says what it is, whether or not it can be removed now.
        if let Err(error) = self.directory.abandon_collection(uuid) {
            tracing::warn!(%error, "the rest of a failed creation stays until the restart");
        }
    }

    /// Keeps a task in place of the record of its id, and forgets others.
    ///
    /// # Errors
    /// After [`StoreError::CommitUnknown`] it may be kept; after any other it is not.
    pub async fn keep_task(&self, task: &TaskRecord, forgotten: &[Uuid]) -> Result<(), StoreError> {
        let _on_panic = self.fail_stop.on_panic("keeping a task");
        let mut state = self.state.lock().await;
        self.commit(&mut state, Change::Task(task, forgotten)).await
    }

    /// Keeps a key in place of the record of its id, and forgets others. From the first one on the
    /// directory is known to have keys, whatever becomes of them.
    ///
    /// # Errors
    /// After [`StoreError::CommitUnknown`] it may be kept; after any other it is not.
    pub async fn keep_key(&self, key: &KeyRecord, forgotten: &[String]) -> Result<(), StoreError> {
        let _on_panic = self.fail_stop.on_panic("keeping a key");
        let mut state = self.state.lock().await;
        self.commit(&mut state, Change::Key(key, forgotten)).await?;
        keys_mark::set(self.directory.root());
        Ok(())
    }

    async fn make_folder(&self, uuid: Uuid) -> Result<(), StoreError> {
        let folder = self.directory.begin_collection(uuid)?;
        DocumentStore::create(&folder).await
    }

    /// Describes the folder of a new collection, and adds its row.
    async fn hand_out(&self, state: &mut State, row: &CollectionRecord) -> Result<(), StoreError> {
        let stamped = Stamped { row: row.clone(), change: state.change + 1 };
        let folder = self.directory.new_collection(row.uuid);
        description::write(&folder, &Description { stamped, database: None })?;
        self.commit(state, Change::Insert(row)).await
    }

    /// Gives the folder of a new collection its name, or removes it.
    fn finish(
        &self,
        state: &mut State,
        uuid: Uuid,
        made: Result<(), StoreError>,
    ) -> Result<PathBuf, StoreError> {
        match made {
            Ok(()) => {}
            Err(error @ StoreError::CommitUnknown { .. }) => return Err(error),
            Err(error) => {
                self.abandon(uuid);
                return Err(error);
            }
        }
        let finished = self.directory.finish_collection(uuid);
        finished.map_err(|error| self.unknown(state, &error.to_string()))
    }

    /// Replaces the row of a collection.
    ///
    /// # Errors
    /// After [`StoreError::CommitUnknown`] it may be replaced; after any other it is not.
    pub async fn change(&self, row: &CollectionRecord) -> Result<(), StoreError> {
        self.change_all(std::slice::from_ref(row)).await
    }

    /// Replaces the rows of collections in one commit, and describes their folders in this order.
    ///
    /// # Errors
    /// After [`StoreError::CommitUnknown`] they may be replaced; after any other none is.
    pub async fn change_all(&self, rows: &[CollectionRecord]) -> Result<(), StoreError> {
        let _on_panic = self.fail_stop.on_panic("changing a collection");
        let mut state = self.state.lock().await;
        self.commit(&mut state, Change::Replace(rows)).await?;
        for row in rows {
            let stamped = Stamped { row: row.clone(), change: state.change };
            recovery::describe(&self.directory, &stamped);
        }
        Ok(())
    }

    /// Removes a collection. Its folder is still to be put away, which makes it certain.
    ///
    /// # Errors
    /// After [`StoreError::CommitUnknown`] it may be gone; after any other it is there.
    pub async fn drop(&self, uuid: Uuid) -> Result<(), StoreError> {
        let _on_panic = self.fail_stop.on_panic("dropping a collection");
        let mut state = self.state.lock().await;
        self.commit(&mut state, Change::Delete(uuid)).await
    }

    /// Marks the folder of a collection that was dropped, durably: the next start will not take
    /// it for one that was lost.
    ///
    /// # Errors
    /// [`StoreError::CommitUnknown`]: the collection may be there after a restart.
    pub async fn put_away(&self, uuid: Uuid) -> Result<(), StoreError> {
        let mut state = self.state.lock().await;
        let marked = self.directory.mark_dropped(uuid);
        marked.map_err(|error| self.unknown(&mut state, &error.to_string()))
    }

    /// Removes the folder of a collection that was put away. What can not be removed now is removed
    /// by the next start.
    pub fn remove_dropped(&self, uuid: Uuid) {
        if let Err(error) = self.directory.remove_dropped(uuid) {
            tracing::warn!(%error, "the files of a dropped collection stay until the restart");
        }
    }

    /// Writes which database a collection's folder has into its description, where it says another
    /// one. A database of another id is told: it and its marks agree, so that somebody has put it
    /// there, and it is taken as it is. What can not be written is told, and tried again at the next
    /// opening.
    pub fn stamp(&self, uuid: Uuid, position: Position) {
        let stamp = DatabaseStamp { id: position.database, epoch: position.epoch };
        let folder = self.directory.collection(uuid);
        let Ok(description) = description::read(&folder) else { return };
        match description.database {
            Some(before) if before == stamp => return,
            Some(before) if before.id != stamp.id => tracing::error!(
                collection = %description.stamped.row.name, found = %stamp.id, described = %before.id,
                "the database of a collection was exchanged for another one"
            ),
            _ => {}
        }
        let description = Description { database: Some(stamp), ..description };
        if let Err(error) = description::write(&folder, &description) {
            tracing::error!(%error, "the description of a collection could not be written");
        }
    }

    /// Checkpoints and closes. Changes after it are refused.
    ///
    /// # Errors
    /// When the last checkpoint fails; nothing is lost by that.
    pub async fn close(&self) -> Result<(), StoreError> {
        let mut state = self.state.lock().await;
        match state.connection.take() {
            Some(connection) if !state.poisoned => Ok(connection.close().await?),
            _ => Ok(()),
        }
    }

    /// Commits a change under the next number.
    async fn commit(&self, state: &mut State, change: Change<'_>) -> Result<(), StoreError> {
        if state.poisoned {
            return Err(StoreError::Poisoned);
        }
        let number = state.change + 1;
        let connection = state.connection.as_mut().ok_or(StoreError::Closed)?;
        execute(connection, "BEGIN IMMEDIATE").await?;
        if let Err(error) = apply(connection, change, number).await {
            roll_back(connection).await;
            return Err(error);
        }
        match execute(connection, "COMMIT").await {
            Ok(()) => {}
            Err(StoreError::Full) => {
                roll_back(connection).await;
                return Err(StoreError::Full);
            }
            Err(error) if has_fault(PlantedFault::CatalogueNotApplied) => return Err(error),
            Err(error) => return Err(self.unknown(state, &error.to_string())),
        }
        checkpoint(connection).await;
        state.change = number;
        if let Err(error) = mark::write(self.directory.root(), number) {
            tracing::error!(%error, "the mark of the catalogue could not be written");
        }
        Ok(())
    }

    /// Nobody knows what is on the disk: nothing more is written, and the node has to end.
    fn unknown(&self, state: &mut State, reason: &str) -> StoreError {
        state.poisoned = true;
        self.fail_stop.stop(&format!("a change of the catalogue: {reason}"));
        StoreError::CommitUnknown { reason: reason.to_owned() }
    }
}

async fn apply(
    connection: &mut SqliteConnection,
    change: Change<'_>,
    number: u64,
) -> Result<(), StoreError> {
    let stamped = |row: &CollectionRecord| Stamped { row: row.clone(), change: number };
    match change {
        Change::Insert(row) => row::insert(connection, &stamped(row)).await?,
        // All out first: an alias goes from one to another.
        Change::Replace(rows) => {
            for row in rows {
                row::delete(connection, row.uuid).await?;
            }
            for row in rows {
                row::insert(connection, &stamped(row)).await?;
            }
        }
        Change::Task(task, forgotten) => {
            task_row::replace(connection, task).await?;
            for id in forgotten {
                task_row::delete(connection, *id).await?;
            }
        }
        Change::Key(key, forgotten) => {
            key_row::replace(connection, key).await?;
            for id in forgotten {
                key_row::delete(connection, id).await?;
            }
        }
        Change::Delete(uuid) => row::delete(connection, uuid).await?,
    }
    set_state(connection, number).await
}

async fn set_state(connection: &mut SqliteConnection, change: u64) -> Result<(), StoreError> {
    sqlx::query("INSERT OR REPLACE INTO state (only_row, change, checksum) VALUES (1, ?1, ?2)")
        .bind(change.cast_signed())
        .bind(row::checksum_of_state(change))
        .execute(connection)
        .await?;
    Ok(())
}

async fn execute(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), StoreError> {
    sqlx::query(sql).execute(connection).await?;
    Ok(())
}

async fn roll_back(connection: &mut SqliteConnection) {
    if let Err(error) = execute(connection, "ROLLBACK").await {
        tracing::debug!(%error, "there was nothing left to roll back");
    }
}

/// Moves what was committed from the write-ahead log, where one flipped bit hides all that follows
/// it, to the database. Where that fails it stays in the log, which is as durable.
async fn checkpoint(connection: &mut SqliteConnection) {
    if let Err(error) = execute(connection, "PRAGMA wal_checkpoint(TRUNCATE)").await {
        tracing::warn!(%error, "the catalogue could not be checkpointed");
    }
}
