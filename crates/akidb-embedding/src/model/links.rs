//! Links in a model's directory, which may not lead out of it.
//!
//! A model comes from somebody else. A link in it that was followed anywhere would show, copy and
//! hash whatever file of this machine it names. Out of scope: archives, in which links are refused
//! altogether.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::error::ModelError;

/// How deep folders in folders are looked at.
const MAX_DEPTH: usize = 8;

/// Checks that no link in the model's directory leads out of it.
///
/// The cache of the Hugging Face hub keeps a model as `snapshots/REVISION/` with links to files in
/// `blobs/` beside `snapshots/`, whose names are hashes; these may be led to.
pub(crate) fn check_links(directory: &Path) -> Result<(), ModelError> {
    let root = canonical(directory)?;
    let blobs = blobs_of(&root);
    let is_inside = |target: &Path| {
        target.starts_with(&root) || blobs.as_ref().is_some_and(|blobs| target.starts_with(blobs))
    };
    let mut folders = vec![(root.clone(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let cannot_list = |source| ModelError::Io { action: "list", path: folder.clone(), source };
        for entry in fs::read_dir(&folder).map_err(cannot_list)? {
            let entry = entry.map_err(cannot_list)?;
            let kind = entry.file_type().map_err(cannot_list)?;
            if kind.is_dir() && depth < MAX_DEPTH {
                folders.push((entry.path(), depth + 1));
            }
            if kind.is_symlink() {
                let link = entry.path();
                let target = canonical(&link)?;
                if !is_inside(&target) {
                    return Err(ModelError::LinkLeadsOut { link, target });
                }
            }
        }
    }
    Ok(())
}

/// Where the hub's cache keeps the files of a snapshot, if the directory is one.
fn blobs_of(root: &Path) -> Option<PathBuf> {
    let snapshots = root.parent().filter(|parent| parent.ends_with("snapshots"))?;
    Some(snapshots.parent()?.join("blobs"))
}

fn canonical(path: &Path) -> Result<PathBuf, ModelError> {
    fs::canonicalize(path).map_err(|source| ModelError::Io {
        action: "follow",
        path: path.to_owned(),
        source,
    })
}
