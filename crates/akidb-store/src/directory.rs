//! The data directory: its layout, its lock, and files that survive a power cut.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use uuid::Uuid;

use crate::StoreError;

/// An open data directory. The lock is held until this is dropped, or the process dies.
#[derive(Debug)]
pub struct DataDirectory {
    root: PathBuf,
    _lock: File,
}

impl DataDirectory {
    /// Makes the directory where it is absent, readable by its owner only, and locks it.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it, [`StoreError::Io`] when it can not be
    /// made or written.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        create_private(root)?;
        let root = root.canonicalize().map_err(StoreError::io("opening", root))?;
        let lock = lock(&root)?;
        create_private(&root.join("collections"))?;
        sync_directory(&root)?;
        Ok(Self { root, _lock: lock })
    }

    /// The absolute path.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the files of one collection are.
    #[must_use]
    pub fn collection(&self, uuid: Uuid) -> PathBuf {
        self.root.join("collections").join(uuid.to_string())
    }

    /// Makes the folder of a new collection.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn create_collection(&self, uuid: Uuid) -> Result<PathBuf, StoreError> {
        let folder = self.collection(uuid);
        create_private(&folder)?;
        sync_directory(&self.root.join("collections"))?;
        Ok(folder)
    }

    /// Unlinks every file of a collection; the disk is free as soon as they are closed.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn remove_collection(&self, uuid: Uuid) -> Result<(), StoreError> {
        let folder = self.collection(uuid);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::io("removing", folder)(error))
            }
            _ => sync_directory(&self.root.join("collections")),
        }
    }

    /// The collections that have a folder, among them those whose dropping was cut short.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn collection_folders(&self) -> Result<Vec<Uuid>, StoreError> {
        let folder = self.root.join("collections");
        let entries = fs::read_dir(&folder).map_err(StoreError::io("reading", &folder))?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        Ok(names.filter_map(|name| Uuid::try_parse(&name).ok()).collect())
    }
}

fn lock(root: &Path) -> Result<File, StoreError> {
    let path = root.join("LOCK");
    let mut file = OpenOptions::new()
        .create(true)
        .read(true)
        .write(true)
        .truncate(false)
        .open(&path)
        .map_err(StoreError::io("opening", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let read = file.read_to_string(&mut holder);
            let holder = read.is_ok().then(|| holder.trim().to_owned()).filter(|h| !h.is_empty());
            return Err(StoreError::Locked { path: root.to_owned(), holder });
        }
        Err(TryLockError::Error(error)) => return Err(StoreError::io("locking", &path)(error)),
    }
    let write_holder = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    write_holder.map_err(StoreError::io("writing", &path))?;
    Ok(file)
}

fn create_private(path: &Path) -> Result<(), StoreError> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(StoreError::io("creating", path))
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(path: &Path) -> Result<(), StoreError> {
    let sync = File::open(path).and_then(|directory| directory.sync_all());
    sync.map_err(StoreError::io("syncing", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_opening_is_refused_and_names_the_holder() {
        let root = tempfile::tempdir().unwrap();
        let first = DataDirectory::open(root.path()).unwrap();
        let second = DataDirectory::open(root.path()).unwrap_err().to_string();
        assert!(second.contains(&format!("process {}", std::process::id())), "{second}");
        drop(first);
        assert!(DataDirectory::open(root.path()).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn a_new_directory_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let parent = tempfile::tempdir().unwrap();
        let root = parent.path().join("a/b");
        let directory = DataDirectory::open(&root).unwrap();
        let mode = fs::metadata(directory.root()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
