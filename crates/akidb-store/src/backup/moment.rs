//! All databases of a data directory as of one moment, and copies of them.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rusqlite::{
    Connection,
    backup::{Backup, StepResult},
};
use uuid::Uuid;

use super::{
    BackupFolder, CommitGate,
    manifest::{BackedUpCollection, BackupManifest, FileOfBackup},
};
use crate::{
    CopyWatch, StoreError, catalogue,
    connection::open_at_hand,
    directory::{create_private, sync_directory},
    documents,
};

/// Pages copied between two looks at whether the backup is still wanted, 4 MiB.
const STEP_PAGES: i32 = 512;

/// How long a step waits that met somebody who writes.
const BUSY_PAUSE: Duration = Duration::from_millis(5);

/// The backup that a moment becomes.
#[derive(Clone, Debug)]
pub struct NewBackup {
    /// Its identity, a UUIDv7.
    pub id: Uuid,
    /// Milliseconds since the Unix epoch.
    pub created_unix_ms: i64,
    /// The version of AkiDB that writes it.
    pub version: String,
    /// What the logs of the databases that are still to be copied may take meanwhile.
    pub log_bytes_max: u64,
}

/// The databases of a data directory as of one moment, on their way into a backup. What there is of it goes when this
/// does, unless it is whole.
pub struct Moment {
    new: NewBackup,
    into: BackupFolder,
    folder: PathBuf,
    held: Duration,
    catalogue: FileOfBackup,
    /// The last one is copied first.
    left: Vec<(Uuid, String, Pinned)>,
    is_whole: bool,
}

/// A database, and a transaction that sees it as it was.
struct Pinned {
    connection: Connection,
    path: PathBuf,
}

impl Moment {
    /// Begins to read the databases of these collections, given with their names and folders, at one moment between
    /// two commits, and copies the catalogue in `root`. The caller sees to it that the catalogue does not change
    /// meanwhile.
    ///
    /// # Errors
    /// When a database can not be opened or read, or the disk fails or is full.
    pub fn take(
        root: &Path,
        collections: Vec<(Uuid, String, PathBuf)>,
        gate: &CommitGate,
        (into, new): (&BackupFolder, NewBackup),
    ) -> Result<Self, StoreError> {
        let path = root.join(catalogue::FILE_NAME);
        let of_catalogue = Pinned::open(path)?;
        let collections = collections.into_iter().map(|(uuid, name, folder)| {
            Ok((uuid, name, Pinned::open(folder.join(documents::FILE_NAME))?))
        });
        let mut left = collections.collect::<Result<Vec<_>, StoreError>>()?;
        // So that the backup has them by name.
        left.sort_by(|(_, one, _), (_, other, _)| other.cmp(one));
        let held = {
            let _held = gate.hold();
            let began = Instant::now();
            of_catalogue.pin()?;
            left.iter().try_for_each(|(_, _, pinned)| pinned.pin())?;
            began.elapsed()
        };
        let (into, folder) = (into.clone(), into.begin(new.id)?);
        let catalogue = FileOfBackup::default();
        let mut moment = Self { new, into, folder, held, catalogue, left, is_whole: false };
        let copy = moment.folder.join(catalogue::FILE_NAME);
        of_catalogue.copy(&copy, &mut |_| Ok(true))?;
        moment.catalogue = FileOfBackup::of(&copy)?;
        Ok(moment)
    }

    /// For how long commits were held up.
    #[must_use]
    pub const fn held(&self) -> Duration {
        self.held
    }

    /// Copies what is left, durably. `None` where it is not wanted any more.
    ///
    /// # Errors
    /// When a page can not be read, the logs grow too long, or the disk fails or is full.
    pub fn write(mut self, watch: &impl CopyWatch) -> Result<Option<BackupManifest>, StoreError> {
        let all: u64 = self.left.iter().map(|(_, _, pinned)| pinned.bytes()).sum();
        let (mut copied, mut collections) = (0, Vec::with_capacity(self.left.len()));
        while let Some((uuid, name, pinned)) = self.left.pop() {
            if watch.is_stopped() {
                return Ok(None);
            }
            let to = self.folder.join(COLLECTIONS).join(uuid.to_string());
            create_private(&to)?;
            let path = to.join(documents::FILE_NAME);
            let log_bytes_max = self.new.log_bytes_max;
            let is_wanted = pinned.copy(&path, &mut |part| {
                let now = copied as f32 + part * pinned.bytes() as f32;
                watch.copied((now / all.max(1) as f32).min(1.0));
                let of_left = self.left.iter().map(|(_, _, pinned)| pinned.log_bytes());
                let log_bytes = of_left.sum::<u64>() + pinned.log_bytes();
                match log_bytes > log_bytes_max {
                    true => Err(StoreError::LogsTooLong { log_bytes, log_bytes_max }),
                    false => Ok(!watch.is_stopped()),
                }
            })?;
            if !is_wanted {
                return Ok(None);
            }
            copied += pinned.bytes();
            let documents = pinned.document_count()?;
            let position = documents::position_of(&pinned.connection).map(Into::into);
            drop(pinned);
            let file = FileOfBackup::of(&path)?;
            sync_directory(&to)?;
            collections.push(BackedUpCollection { uuid, name, documents, position, file });
        }
        let of = (self.new.id, self.new.created_unix_ms, self.new.version.clone());
        let manifest = BackupManifest::new(of, self.catalogue.clone(), collections);
        if self.folder.join(COLLECTIONS).is_dir() {
            sync_directory(&self.folder.join(COLLECTIONS))?;
        }
        manifest.write(&self.folder)?;
        self.into.finish(self.new.id)?;
        self.is_whole = true;
        Ok(Some(manifest))
    }
}

impl Drop for Moment {
    fn drop(&mut self) {
        if !self.is_whole
            && let Err(error) = self.into.abandon(self.new.id)
        {
            tracing::warn!(%error, "the rest of a backup stays until the next one");
        }
    }
}

impl Pinned {
    fn open(path: PathBuf) -> Result<Self, StoreError> {
        let pinned = Self { connection: open_at_hand(&path)?, path };
        // Reads the schema, so that commits are not held up by that.
        pinned.look()?;
        Ok(pinned)
    }

    /// Begins to see the database as it is now.
    fn pin(&self) -> Result<(), StoreError> {
        self.connection.execute_batch("BEGIN")?;
        self.look()
    }

    /// Reads, which is what a transaction really begins with.
    fn look(&self) -> Result<(), StoreError> {
        let mut first = self.connection.prepare_cached("SELECT 1 FROM sqlite_schema LIMIT 1")?;
        first.exists([])?;
        Ok(())
    }

    /// Writes what it sees into another file, durably. `goes_on` is told the part that is copied, and says
    /// whether more is wanted; so does this.
    fn copy(
        &self,
        to: &Path,
        goes_on: &mut dyn FnMut(f32) -> Result<bool, StoreError>,
    ) -> Result<bool, StoreError> {
        let mut copy = Connection::open(to)?;
        // What is cut short is thrown away, and what is whole is synced at once.
        copy.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
        {
            let backup = Backup::new(&self.connection, &mut copy)?;
            loop {
                match backup.step(STEP_PAGES)? {
                    StepResult::Done => break,
                    StepResult::Busy | StepResult::Locked => std::thread::sleep(BUSY_PAUSE),
                    _ => {}
                }
                let progress = backup.progress();
                let left = progress.remaining as f32 / progress.pagecount.max(1) as f32;
                if !goes_on(1.0 - left)? {
                    return Ok(false);
                }
            }
        }
        copy.close().map_err(|(_, error)| error)?;
        let synced = File::open(to).and_then(|file| file.sync_all());
        synced.map_err(StoreError::io("syncing", to))?;
        Ok(true)
    }

    fn document_count(&self) -> Result<u64, StoreError> {
        let count = "SELECT count(*) FROM documents";
        let count: i64 = self.connection.query_row(count, [], |row| row.get(0))?;
        Ok(count.cast_unsigned())
    }

    fn bytes(&self) -> u64 {
        bytes_of(&self.path)
    }

    fn log_bytes(&self) -> u64 {
        bytes_of(&PathBuf::from(format!("{}-wal", self.path.display())))
    }
}

pub(super) const COLLECTIONS: &str = "collections";

fn bytes_of(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}
