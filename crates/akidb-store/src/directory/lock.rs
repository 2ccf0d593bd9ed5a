//! The lock of a data directory: one process has it open.
//!
//! Two things are locked. The directory itself can not be removed while files are in it, so that
//! whoever removes `LOCK` under a running node lets nobody in. The file tells who holds the lock, and
//! keeps out the first version, which locked the file alone.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use crate::StoreError;

/// The name of the file.
const FILE_NAME: &str = "LOCK";

/// Held until this is dropped, or the process dies.
#[derive(Debug)]
pub(super) struct Lock {
    _directory: Option<File>,
    _file: File,
}

impl Lock {
    pub(super) fn take(root: &Path) -> Result<Self, StoreError> {
        let directory = File::open(root).map_err(StoreError::io("opening", root))?;
        let directory = match directory.try_lock() {
            Ok(()) => Some(directory),
            Err(TryLockError::WouldBlock) => return Err(locked(root)),
            Err(TryLockError::Error(error)) if is_unsupported(&error) => {
                tracing::warn!(root = %root.display(), %error, "only the file LOCK is locked");
                None
            }
            Err(TryLockError::Error(error)) => return Err(StoreError::io("locking", root)(error)),
        };
        let path = root.join(FILE_NAME);
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(StoreError::io("opening", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(locked(root)),
            Err(TryLockError::Error(error)) => return Err(StoreError::io("locking", &path)(error)),
        }
        let write_holder = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        match write_holder {
            // It is held all the same, and what is there can be served and deleted.
            Err(error) if crate::space::is_for_want_of_space(&error) => {
                tracing::warn!(%error, "the lock does not name its holder");
            }
            outcome => outcome.map_err(StoreError::io("writing", &path))?,
        }
        Ok(Self { _directory: directory, _file: file })
    }
}

/// Whether a process has the directory open. Nothing is made or changed.
pub(super) fn is_held(root: &Path) -> bool {
    let held = |path: &Path| {
        let file = File::open(path);
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    };
    held(root) || held(&root.join(FILE_NAME))
}

fn locked(root: &Path) -> StoreError {
    let mut holder = String::new();
    let read = File::open(root.join(FILE_NAME)).and_then(|mut it| it.read_to_string(&mut holder));
    let holder = read.is_ok().then(|| holder.trim().to_owned()).filter(|it| !it.is_empty());
    StoreError::Locked { path: root.to_owned(), holder }
}

/// Some file systems of networks lock no directories.
fn is_unsupported(error: &io::Error) -> bool {
    let errors = [rustix::io::Errno::BADF, rustix::io::Errno::NOLCK, rustix::io::Errno::INVAL];
    error.kind() == io::ErrorKind::Unsupported
        || errors.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
