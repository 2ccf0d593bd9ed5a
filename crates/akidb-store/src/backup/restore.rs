//! A data directory of a backup, all or nothing.
//!
//! A copy of the backup is made in the data directory, in `restore.new`, and opened there as a start would
//! do it. When it is whole it is called `restore.ready`, and then it is decided: the files of before are
//! moved into a folder of their own and those of the backup take their places. Whoever opens the data
//! directory next, a node or a command, ends what was cut short there.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
};

use uuid::Uuid;

use super::{
    BackupFolder, BackupManifest, manifest::malformed, moment::COLLECTIONS, verify::verify_backup,
};
use crate::{
    Catalogue, DataDirectory, FailStop, StoreError,
    catalogue::{self, mark},
    directory::{create_private, remove_folder, rename, replace_file, sync_directory},
    documents,
};

/// A copy that is not whole.
const NEW: &str = "restore.new";
/// One that takes the place of what is there.
const READY: &str = "restore.ready";
/// Says in it where what was there goes to.
const KEPT_IN: &str = "kept-in";
/// Folders of what was there before, and a number.
const KEPT: &str = "before-restore-";

/// What takes the place of what is there, in this order.
const EXCHANGED: [&str; 4] =
    [catalogue::FILE_NAME, mark::FILE_NAMES[0], mark::FILE_NAMES[1], COLLECTIONS];

/// What only belongs to the catalogue of before.
const OF_BEFORE: [&str; 2] = ["akidb.db-wal", "akidb.db-shm"];

/// What a restore did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The backup.
    pub manifest: BackupManifest,
    /// Where the data of before are, where there were any.
    pub kept_in: Option<PathBuf>,
}

/// Makes a data directory have what a backup has, and nothing else. What it had is kept in a folder in it.
///
/// # Errors
/// When there is no such backup, it is not as it was written, or the disk fails or is full; then the data directory
/// is as it was.
pub async fn restore(
    directory: &DataDirectory,
    backups: &BackupFolder,
    id: Uuid,
) -> Result<Restored, StoreError> {
    let manifest = verify_backup(backups, id)?;
    let root = directory.root();
    let staged = root.join(NEW);
    if let Err(error) = stage(&manifest, &backups.existing(id)?, &staged).await {
        let _rest = remove_folder(&staged);
        return Err(error);
    }
    let names = (1..).map(|number| format!("{KEPT}{number}"));
    let kept_in = names.into_iter().find(|name| !root.join(name).exists()).unwrap_or_default();
    replace_file(&staged.join(KEPT_IN), kept_in.as_bytes())?;
    rename(&staged, &root.join(READY))?;
    sync_directory(root)?;
    finish(root)?;
    let kept_in = Some(root.join(kept_in)).filter(|path| path.is_dir());
    Ok(Restored { manifest, kept_in })
}

/// Ends a restore that was decided, and removes what is left of one that was not.
pub(crate) fn finish(root: &Path) -> Result<(), StoreError> {
    let ready = root.join(READY);
    if !ready.is_dir() {
        return remove_folder(&root.join(NEW));
    }
    let path = ready.join(KEPT_IN);
    let kept_in = fs::read_to_string(&path).map_err(StoreError::io("reading", &path))?;
    let kept_in = root.join(kept_in);
    let is_exchanged = !ready.join(catalogue::FILE_NAME).exists();
    for name in OF_BEFORE.iter().filter(|_| !is_exchanged) {
        keep(&root.join(name), &kept_in)?;
    }
    for name in EXCHANGED {
        let (from, to) = (ready.join(name), root.join(name));
        if from.exists() {
            keep(&to, &kept_in)?;
            rename(&from, &to)?;
            sync_directory(root)?;
        }
    }
    remove_folder(&ready)?;
    tracing::info!(kept_in = %kept_in.display(), "a backup was restored");
    Ok(())
}

/// Moves something aside, durably, where it is there.
fn keep(path: &Path, kept_in: &Path) -> Result<(), StoreError> {
    // An empty folder is nothing to keep.
    if fs::remove_dir(path).is_ok() {
        return Ok(());
    }
    let (Some(name), true) = (path.file_name(), path.exists()) else { return Ok(()) };
    create_private(kept_in)?;
    rename(path, &kept_in.join(name))?;
    sync_directory(kept_in)?;
    path.parent().map_or(Ok(()), sync_directory)
}

/// Makes a data directory of a backup in a folder of its own, and opens it as a start does.
pub(super) async fn stage(
    manifest: &BackupManifest,
    backup: &Path,
    to: &Path,
) -> Result<(), StoreError> {
    remove_folder(to)?;
    create_private(&to.join(COLLECTIONS))?;
    copy(&backup.join(catalogue::FILE_NAME), &to.join(catalogue::FILE_NAME))?;
    for collection in &manifest.collections {
        let name = collection.uuid.to_string();
        let folder = to.join(COLLECTIONS).join(&name);
        create_private(&folder)?;
        let from = backup.join(COLLECTIONS).join(&name).join(documents::FILE_NAME);
        copy(&from, &folder.join(documents::FILE_NAME))?;
        documents::raise_epoch(&folder).await?;
    }
    catalogue::restored::settle(to).await?;
    let opened = Catalogue::open(Arc::new(DataDirectory::open(to)?), FailStop::default()).await?;
    opened.catalogue.close().await?;
    let mut uuids: Vec<Uuid> = opened.collections.iter().map(|it| it.uuid).collect();
    let mut expected: Vec<Uuid> = manifest.collections.iter().map(|it| it.uuid).collect();
    uuids.sort_unstable();
    expected.sort_unstable();
    if let Some(finding) = opened.findings.first() {
        return Err(malformed(manifest.id, finding.detail.clone()));
    }
    if uuids != expected {
        let reason = "its catalogue has other collections than it".to_owned();
        return Err(malformed(manifest.id, reason));
    }
    sync_directory(&to.join(COLLECTIONS))?;
    sync_directory(to)
}

fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::copy(from, to).map_err(StoreError::io("copying", from))?;
    let synced = File::open(to).and_then(|file| file.sync_all());
    synced.map_err(StoreError::io("syncing", to))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a data directory with other data, and a restore that was decided.
    fn decided(root: &Path) {
        for (folder, content) in [(root.to_owned(), "old"), (root.join(READY), "new")] {
            fs::create_dir_all(folder.join(COLLECTIONS).join(content)).unwrap();
            for name in &EXCHANGED[..3] {
                fs::write(folder.join(name), content).unwrap();
            }
        }
        fs::write(root.join(OF_BEFORE[0]), "old").unwrap();
        fs::write(root.join(READY).join(KEPT_IN), "before-restore-1").unwrap();
        // Of one before that was not decided.
        fs::create_dir_all(root.join("restore.new/collections")).unwrap();
    }

    /// What a restore has done when it is cut short after so many of its steps.
    fn do_steps(root: &Path, count: usize) {
        let (ready, kept) = (root.join(READY), root.join("before-restore-1"));
        let of_before = (root.join(OF_BEFORE[0]), kept.join(OF_BEFORE[0]));
        let exchanges = EXCHANGED.iter().flat_map(|name| {
            [(root.join(name), kept.join(name)), (ready.join(name), root.join(name))]
        });
        for (from, to) in std::iter::once(of_before).chain(exchanges).take(count) {
            fs::create_dir_all(&kept).unwrap();
            fs::rename(from, to).unwrap();
        }
    }

    #[test]
    fn a_restore_that_was_decided_is_ended_wherever_it_was_cut_short() {
        for count in 0..=9 {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().canonicalize().unwrap();
            decided(&root);
            do_steps(&root, count);
            drop(DataDirectory::open(&root).unwrap());
            for (folder, content) in [(&root, "new"), (&root.join("before-restore-1"), "old")] {
                for name in &EXCHANGED[..3] {
                    let found = fs::read_to_string(folder.join(name)).unwrap();
                    assert_eq!(found, content, "{name} after {count} steps");
                }
                assert!(folder.join(COLLECTIONS).join(content).is_dir(), "after {count} steps");
            }
            assert!(!root.join(OF_BEFORE[0]).exists() && !root.join(READY).exists());
            drop(DataDirectory::open(&root).unwrap());
            assert!(!root.join(NEW).exists(), "after {count} steps");
        }
    }
}
