//! Who may read the data: its owner, whoever made the files.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use rustix::fs::Mode;

/// What nobody but the owner may do.
const OTHERS: u32 = 0o077;

/// What was found and done below a directory.
#[derive(Debug, Default)]
struct Tightened {
    files: u64,
    /// The first one that could not be changed.
    failed: Option<(PathBuf, io::Error)>,
}

/// Makes every file that this process makes from now on, SQLite's among them, and every file that
/// is in the directory already, one for its owner alone. The mask is that of the whole process.
pub(super) fn make_private(root: &Path) {
    rustix::process::umask(Mode::from_raw_mode(OTHERS));
    let mut tightened = Tightened::default();
    tighten(root, &mut tightened);
    if tightened.files > 0 {
        let files = tightened.files;
        tracing::warn!(root = %root.display(), files, "others could read the data, now the owner alone can");
    }
    if let Some((path, error)) = tightened.failed {
        tracing::warn!(path = %path.display(), %error, "others can read the data, its mode can not be changed");
    }
}

/// Takes the rights of others away from a path and everything below it. Links are not followed.
fn tighten(path: &Path, tightened: &mut Tightened) {
    let mut failed = |error| {
        tightened.failed.get_or_insert_with(|| (path.to_owned(), error));
    };
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        // SQLite removes files beside us.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => return failed(error),
    };
    if metadata.is_symlink() {
        return;
    }
    let mode = metadata.permissions().mode();
    if mode & OTHERS != 0 {
        match fs::set_permissions(path, Permissions::from_mode(mode & !OTHERS)) {
            Ok(()) => tightened.files += 1,
            Err(error) => failed(error),
        }
    }
    if metadata.is_dir() {
        // One that can not be read is somebody else's, such as `lost+found` of a file system.
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            tighten(&entry.path(), tightened);
        }
    }
}
