//! The data directory: its layout, its lock, and changes of folders that survive a power cut.
//!
//! A collection's folder carries its state in its name: `<uuid>.new` until the catalogue has the
//! collection, `<uuid>` as long as there is one, `<uuid>.dropped` once its drop is committed. A
//! folder is removed only where its own name says that nobody was ever given it, or that it was
//! dropped. What nobody knows is moved to `lost+found`, never removed.

mod lock;
mod modes;

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use akidb_core::torture::{PlantedFault, has_fault};
use uuid::Uuid;

use self::lock::Lock;
use crate::{StoreError, backup::restore};

const COLLECTIONS: &str = "collections";
/// Where it is moved to, the first where that can be done: of a data directory that is a file system
/// of its own, `lost+found` may be root's.
const SET_ASIDE: [&str; 2] = ["lost+found", "set-aside"];
const NEW: &str = "new";
const DROPPED: &str = "dropped";

/// An open data directory. The lock is held until this is dropped, or the process dies.
#[derive(Debug)]
pub struct DataDirectory {
    root: PathBuf,
    _lock: Lock,
}

/// What is in the folder of collections.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Folder {
    /// A collection.
    Collection(Uuid),
    /// A collection that nobody was given yet.
    New(Uuid),
    /// A collection whose drop was committed.
    Dropped(Uuid),
    /// Nothing that AkiDB makes.
    Foreign(PathBuf),
}

impl DataDirectory {
    /// Makes the directory where it is absent and locks it. Its files, and whatever this process
    /// makes from now on, are for their owner only.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it, [`StoreError::Io`] when it can not be
    /// made or written.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        create_private(root)?;
        let root = root.canonicalize().map_err(StoreError::io("opening", root))?;
        let lock = Lock::take(&root)?;
        restore::finish(&root)?;
        modes::make_private(&root);
        create_private(&root.join(COLLECTIONS))?;
        sync_directory(&root)?;
        Ok(Self { root, _lock: lock })
    }

    /// Whether a process has a data directory open. Nothing is made or changed.
    #[must_use]
    pub fn is_in_use(root: &Path) -> bool {
        lock::is_held(root)
    }

    /// The absolute path.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the files of one collection are.
    #[must_use]
    pub fn collection(&self, uuid: Uuid) -> PathBuf {
        Folder::Collection(uuid).path(&self.root)
    }

    /// Where the files of a collection are that nobody is given yet.
    pub(crate) fn new_collection(&self, uuid: Uuid) -> PathBuf {
        Folder::New(uuid).path(&self.root)
    }

    fn dropped_collection(&self, uuid: Uuid) -> PathBuf {
        Folder::Dropped(uuid).path(&self.root)
    }

    /// The collections that have a folder, whether or not the catalogue has them.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn collection_folders(&self) -> Result<Vec<Uuid>, StoreError> {
        let folders = folders(&self.root)?.into_iter().filter_map(|folder| match folder {
            Folder::Collection(uuid) => Some(uuid),
            Folder::New(_) | Folder::Dropped(_) | Folder::Foreign(_) => None,
        });
        Ok(folders.collect())
    }

    /// Makes the folder of a collection that nobody is given yet.
    pub(crate) fn begin_collection(&self, uuid: Uuid) -> Result<PathBuf, StoreError> {
        let folder = self.new_collection(uuid);
        create_private(&folder)?;
        Ok(folder)
    }

    /// Gives a folder that was begun its name, durably.
    pub(crate) fn finish_collection(&self, uuid: Uuid) -> Result<PathBuf, StoreError> {
        let (from, to) = (self.new_collection(uuid), self.collection(uuid));
        rename(&from, &to)?;
        sync_directory(&self.root.join(COLLECTIONS))?;
        Ok(to)
    }

    /// Removes a folder that was begun.
    pub(crate) fn abandon_collection(&self, uuid: Uuid) -> Result<(), StoreError> {
        self.remove(&self.new_collection(uuid))
    }

    /// Gives the folder of a collection whose drop is committed the name that says so, durably. One
    /// that is gone already is nothing to do.
    pub(crate) fn mark_dropped(&self, uuid: Uuid) -> Result<(), StoreError> {
        let from = self.collection(uuid);
        match fs::rename(&from, self.dropped_collection(uuid)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            renamed => renamed.map_err(StoreError::io("renaming", &from))?,
        }
        sync_directory(&self.root.join(COLLECTIONS))
    }

    /// Unlinks every file of a dropped collection; the disk is free as soon as they are closed.
    pub(crate) fn remove_dropped(&self, uuid: Uuid) -> Result<(), StoreError> {
        self.remove(&self.dropped_collection(uuid))
    }

    pub(crate) fn remove(&self, folder: &Path) -> Result<(), StoreError> {
        remove_folder(folder)?;
        sync_directory(&self.root.join(COLLECTIONS))
    }

    /// Moves a file or folder of the data directory to `lost+found`, or else to `set-aside`, and
    /// returns where it is then.
    pub(crate) fn set_aside(&self, path: &Path) -> Result<PathBuf, StoreError> {
        let [first, second] = SET_ASIDE.map(|name| self.root.join(name));
        self.move_into(&first, path).or_else(|_| self.move_into(&second, path))
    }

    fn move_into(&self, lost: &Path, path: &Path) -> Result<PathBuf, StoreError> {
        create_private(lost)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let numbered = (1..).map(|number| lost.join(format!("{name}.{number}")));
        let mut places = std::iter::once(lost.join(&*name)).chain(numbered);
        let free = places.find(|place| fs::symlink_metadata(place).is_err());
        let place = free.unwrap_or_else(|| lost.join(&*name));
        rename(path, &place)?;
        sync_directory(lost)?;
        sync_directory(path.parent().unwrap_or(&self.root))?;
        Ok(place)
    }
}

/// What is in the folder of collections of a data directory, in the order of names. Files that are
/// no folders are not looked at.
pub(crate) fn folders(root: &Path) -> Result<Vec<Folder>, StoreError> {
    let collections = root.join(COLLECTIONS);
    let entries = match fs::read_dir(&collections) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(StoreError::io("reading", &collections))?,
    };
    let mut folders = Vec::new();
    for entry in entries {
        let path = entry.map_err(StoreError::io("reading", &collections))?.path();
        if path.is_dir() {
            folders.push(Folder::named(path));
        }
    }
    folders.sort_unstable();
    Ok(folders)
}

impl Folder {
    /// Where it is in a data directory.
    pub(crate) fn path(&self, root: &Path) -> PathBuf {
        let collections = root.join(COLLECTIONS);
        match self {
            Self::Collection(uuid) => collections.join(uuid.to_string()),
            Self::New(uuid) => collections.join(format!("{uuid}.{NEW}")),
            Self::Dropped(uuid) => collections.join(format!("{uuid}.{DROPPED}")),
            Self::Foreign(path) => path.clone(),
        }
    }

    fn named(path: PathBuf) -> Self {
        // Only as it is written, so that two folders never are one collection.
        let uuid_of = |text: &str| Uuid::try_parse(text).ok().filter(|it| it.to_string() == text);
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let (uuid, state) = name.split_once('.').unwrap_or((name, ""));
        match (uuid_of(uuid), state) {
            (Some(uuid), "") if !name.contains('.') => Self::Collection(uuid),
            (Some(uuid), NEW) => Self::New(uuid),
            (Some(uuid), DROPPED) => Self::Dropped(uuid),
            _ => Self::Foreign(path),
        }
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path(Path::new(""));
        path.file_name().unwrap_or_default().display().fmt(f)
    }
}

/// How many files and folders were set aside in a data directory and are still there.
#[must_use]
pub fn set_aside_count(root: &Path) -> u64 {
    set_aside_folders(root).iter().map(|(_, entries)| entries).sum()
}

/// The folders of a data directory with files that were set aside, and how many there are in each.
#[must_use]
pub fn set_aside_folders(root: &Path) -> Vec<(PathBuf, u64)> {
    let folders = SET_ASIDE.map(|name| root.join(name)).into_iter().map(|folder| {
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten().count() as u64;
        (folder, entries)
    });
    folders.filter(|(_, entries)| *entries > 0).collect()
}

pub(crate) fn create_private(path: &Path) -> Result<(), StoreError> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(StoreError::io("creating", path))?;
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), sync_directory)
}

/// Removes a folder, where it is there.
pub(crate) fn remove_folder(folder: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("removing", folder)(error))
        }
        _ => Ok(()),
    }
}

pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(StoreError::io("renaming", from))
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(path: &Path) -> Result<(), StoreError> {
    if has_fault(PlantedFault::SkipDirectorySync) {
        return Ok(());
    }
    let sync = File::open(path).and_then(|directory| directory.sync_all());
    sync.map_err(StoreError::io("syncing", path))
}

/// Replaces a file: after a power cut it has either content, whole.
pub(crate) fn replace_file(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    let temporary = path.with_extension("tmp");
    let mut options = OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options
        .create(true)
        .write(true)
        .truncate(true)
        .open(&temporary)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()));
    written.map_err(StoreError::io("writing", &temporary))?;
    rename(&temporary, path)?;
    sync_directory(path.parent().unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_second_opening_is_refused_and_names_the_holder() {
        let root = tempfile::tempdir().unwrap();
        let first = DataDirectory::open(root.path()).unwrap();
        assert!(DataDirectory::is_in_use(root.path()));
        let second = DataDirectory::open(root.path()).unwrap_err().to_string();
        assert!(second.contains(&format!("process {}", std::process::id())), "{second}");
        // The lock is not in the file that has its name.
        fs::remove_file(root.path().join("LOCK")).unwrap();
        assert!(matches!(DataDirectory::open(root.path()), Err(StoreError::Locked { .. })));
        assert!(DataDirectory::is_in_use(root.path()));
        drop(first);
        assert!(!DataDirectory::is_in_use(root.path()));
        assert!(DataDirectory::open(root.path()).is_ok());
    }

    #[test]
    fn all_files_are_for_their_owner_only() {
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        let parent = tempfile::tempdir().unwrap();
        let root = parent.path().join("a/b");
        drop(DataDirectory::open(&root).unwrap());
        assert_eq!((mode(&root), mode(&root.join("LOCK"))), (0o700, 0o600));
        let wide = root.join("collections/wide");
        fs::create_dir(&wide).unwrap();
        fs::write(wide.join("file"), "").unwrap();
        let elsewhere = parent.path().join("elsewhere");
        fs::write(&elsewhere, "").unwrap();
        std::os::unix::fs::symlink(&elsewhere, wide.join("link")).unwrap();
        for (path, mode) in
            [(&root, 0o755), (&wide, 0o2775), (&wide.join("file"), 0o664), (&elsewhere, 0o644)]
        {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let _directory = DataDirectory::open(&root).unwrap();
        assert_eq!((mode(&root), mode(&wide), mode(&wide.join("file"))), (0o700, 0o2700, 0o600));
        assert_eq!(mode(&elsewhere), 0o644, "what a link points to is not ours");
        fs::write(root.join("made later"), "").unwrap();
        assert_eq!(mode(&root.join("made later")), 0o600);
    }

    #[test]
    fn a_folder_tells_its_state_by_its_name_and_only_what_was_dropped_is_removed() {
        let root = tempfile::tempdir().unwrap();
        let directory = DataDirectory::open(root.path()).unwrap();
        let uuid = Uuid::now_v7();
        directory.begin_collection(uuid).unwrap();
        assert_eq!(folders(directory.root()).unwrap(), [Folder::New(uuid)]);
        let folder = directory.finish_collection(uuid).unwrap();
        fs::write(folder.join("documents.db"), "x").unwrap();
        assert_eq!(folders(directory.root()).unwrap(), [Folder::Collection(uuid)]);
        assert_eq!(directory.collection_folders().unwrap(), [uuid]);
        directory.remove_dropped(uuid).unwrap();
        directory.abandon_collection(uuid).unwrap();
        assert!(folder.join("documents.db").exists());
        directory.mark_dropped(uuid).unwrap();
        directory.mark_dropped(uuid).unwrap();
        assert_eq!(folders(directory.root()).unwrap(), [Folder::Dropped(uuid)]);
        directory.remove_dropped(uuid).unwrap();
        assert!(folders(directory.root()).unwrap().is_empty());
    }

    #[test]
    fn what_is_set_aside_keeps_its_name_and_replaces_nothing() {
        let root = tempfile::tempdir().unwrap();
        let directory = DataDirectory::open(root.path()).unwrap();
        for expected in ["other", "other.1", "other.2"] {
            let other = root.path().join("collections/other");
            fs::create_dir(&other).unwrap();
            assert_eq!(
                folders(directory.root()).unwrap(),
                [Folder::Foreign(directory.root().join("collections/other"))]
            );
            let place = directory.set_aside(&directory.root().join("collections/other")).unwrap();
            assert_eq!(place, directory.root().join("lost+found").join(expected));
        }
        assert_eq!(set_aside_count(root.path()), 3);
    }

    #[test]
    fn where_lost_and_found_can_not_be_used_another_folder_is() {
        let root = tempfile::tempdir().unwrap();
        let directory = DataDirectory::open(root.path()).unwrap();
        let lost = root.path().join("lost+found");
        fs::write(&lost, "not ours").unwrap();
        let other = directory.root().join("collections/other");
        fs::create_dir(&other).unwrap();
        let place = directory.set_aside(&other).unwrap();
        assert_eq!(place, directory.root().join("set-aside/other"));
        assert_eq!(set_aside_folders(root.path()), [(root.path().join("set-aside"), 1)]);
        assert_eq!(fs::read(&lost).unwrap(), b"not ours");
    }
}
