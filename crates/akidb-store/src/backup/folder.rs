//! The backups that there are.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use akidb_engine::BackupInfo;
use uuid::Uuid;

use super::manifest::BackupManifest;
use crate::{
    StoreError,
    directory::{create_private, remove_folder, rename, sync_directory},
};

/// What is not whole yet. Only the backup of its id goes on with it, or removes it.
const NEW: &str = "new";
/// What nobody wants any more.
const DELETED: &str = "deleted";
/// Where a backup is restored to be looked at.
const TEST: &str = "test";

fn unreadable(id: Uuid, error: &StoreError) -> BackupInfo {
    let (seconds, _) = id.get_timestamp().map_or((0, 0), |moment| moment.to_unix());
    BackupInfo {
        id,
        created_unix_ms: i64::try_from(seconds).unwrap_or(0) * 1_000,
        version: String::new(),
        bytes: 0,
        collections: Vec::new(),
        fault: Some(error.to_string()),
    }
}

/// A folder with backups, a folder each.
#[derive(Clone, Debug)]
pub struct BackupFolder {
    root: PathBuf,
}

impl BackupFolder {
    /// One that need not be there yet.
    #[must_use]
    pub const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Where it is.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// All backups, the oldest first.
    ///
    /// # Errors
    /// When the folder can not be read.
    pub fn list(&self) -> Result<Vec<BackupInfo>, StoreError> {
        let told = self.ids("")?.into_iter().map(|id| match self.read(id) {
            Ok(manifest) => manifest.info(),
            Err(error) => unreadable(id, &error),
        });
        Ok(told.collect())
    }

    /// The manifest of a backup.
    ///
    /// # Errors
    /// [`StoreError::BackupNotFound`], or that it can not be read.
    pub fn read(&self, id: Uuid) -> Result<BackupManifest, StoreError> {
        BackupManifest::read(&self.existing(id)?, id)
    }

    /// Removes a backup. What a removal of before has left goes too.
    ///
    /// # Errors
    /// [`StoreError::BackupNotFound`], or that it can not be removed.
    pub fn delete(&self, id: Uuid) -> Result<(), StoreError> {
        let from = self.existing(id)?;
        rename(&from, &self.beside(id, DELETED))?;
        sync_directory(&self.root)?;
        for id in self.ids(DELETED)? {
            remove_folder(&self.beside(id, DELETED))?;
        }
        Ok(())
    }

    /// Where a backup is.
    pub(super) fn existing(&self, id: Uuid) -> Result<PathBuf, StoreError> {
        let path = self.root.join(id.to_string());
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => Ok(path),
            Ok(_) => Err(StoreError::BackupNotFound { id }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(StoreError::BackupNotFound { id })
            }
            Err(error) => Err(StoreError::io("reading", path)(error)),
        }
    }

    /// Whether what it has takes room of the disk that `path` is on.
    #[must_use]
    pub fn is_on_disk_of(&self, path: &Path) -> bool {
        let device = |path: &Path| fs::metadata(path).ok().map(|it| MetadataExt::dev(&it));
        let here = self.root.ancestors().find_map(device);
        here.is_some() && here == device(path)
    }

    /// Makes the folder of a backup that is to be written.
    pub(super) fn begin(&self, id: Uuid) -> Result<PathBuf, StoreError> {
        self.abandon(id)?;
        let path = self.unfinished(id);
        create_private(&path)?;
        Ok(path)
    }

    /// Gives a backup its name, durably.
    pub(super) fn finish(&self, id: Uuid) -> Result<(), StoreError> {
        let from = self.unfinished(id);
        sync_directory(&from)?;
        rename(&from, &self.root.join(id.to_string()))?;
        sync_directory(&self.root)
    }

    /// Removes what there is of a backup that did not come to its end.
    pub(super) fn abandon(&self, id: Uuid) -> Result<(), StoreError> {
        remove_folder(&self.unfinished(id))
    }

    fn unfinished(&self, id: Uuid) -> PathBuf {
        self.beside(id, NEW)
    }

    /// Where a backup is restored to be looked at.
    pub(super) fn for_test(&self, id: Uuid) -> PathBuf {
        self.beside(id, TEST)
    }

    fn beside(&self, id: Uuid, state: &str) -> PathBuf {
        self.root.join(format!("{id}.{state}"))
    }

    /// The ids of folders whose names end with a state, or with nothing where it is empty; ascending.
    fn ids(&self, state: &str) -> Result<Vec<Uuid>, StoreError> {
        let entries = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(StoreError::io("reading", &self.root))?,
        };
        let mut ids = Vec::new();
        for entry in entries {
            let entry = entry.map_err(StoreError::io("reading", &self.root))?;
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let name = entry.file_name();
            let name = name.to_str().unwrap_or_default();
            let (name, of) = name.split_once('.').unwrap_or((name, ""));
            // Only as it is written, so that no other name leads to it.
            let id = Uuid::try_parse(name).ok().filter(|id| id.to_string() == name);
            ids.extend(id.filter(|_| is_folder && of == state));
        }
        ids.sort_unstable();
        Ok(ids)
    }
}
