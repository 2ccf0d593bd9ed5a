//! Listing, copying and syncing files.
//!
//! Out of scope: archives.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use super::manifest::MANIFEST_FILE;
use crate::error::ModelError;

/// How deep folders in folders are looked at.
const MAX_DEPTH: usize = 8;
/// The most files that a model may have.
pub(super) const MAX_FILES: usize = 10_000;

/// A file of a model.
#[derive(Debug)]
pub(super) struct ListedFile {
    /// Its path in the model's directory, with `/` between folders.
    pub(super) relative: String,
    pub(super) bytes: u64,
}

/// Whether a file of that name can be part of a model; code and pickles cannot.
pub(super) fn can_be_of_a_model(name: &str) -> bool {
    const ENDS: [&str; 5] = [".json", ".safetensors", ".txt", ".md", ".model"];
    let name = name.rsplit('/').next().unwrap_or_default();
    let has_known_end = ENDS.iter().any(|end| name.ends_with(end));
    (has_known_end && name != MANIFEST_FILE) || matches!(name, "LICENSE" | "NOTICE")
}

/// The files below `directory`, sorted by path. Folders that are links are not entered.
pub(super) fn files_below(directory: &Path) -> Result<Vec<ListedFile>, ModelError> {
    let mut files = Vec::new();
    let mut folders = vec![(directory.to_owned(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        let cannot_list = |source| ModelError::Io { action: "list", path: folder.clone(), source };
        for entry in fs::read_dir(&folder).map_err(cannot_list)? {
            let entry = entry.map_err(cannot_list)?;
            let relative = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_type().map_err(cannot_list)?.is_dir() {
                if depth < MAX_DEPTH {
                    folders.push((entry.path(), format!("{relative}/"), depth + 1));
                }
                continue;
            }
            // Follows links to files, which is how the Hugging Face cache keeps a model; whether they
            // lead out of it is checked before anything is copied.
            let metadata = fs::metadata(entry.path()).map_err(|source| ModelError::Io {
                action: "read",
                path: entry.path(),
                source,
            })?;
            if metadata.is_file() {
                files.push(ListedFile { relative, bytes: metadata.len() });
            }
            if files.len() > MAX_FILES {
                let reason = format!("it holds more than {MAX_FILES} files");
                return Err(ModelError::Damaged { file: directory.to_owned(), reason });
            }
        }
    }
    files.sort_by(|one, other| one.relative.cmp(&other.relative));
    Ok(files)
}

/// The folders at or below `directory` that hold `config.json`, `tokenizer.json` and weights.
pub(super) fn models_below(directory: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let files = files_below(directory)?;
    let holds = |folder: &str, wanted: &dyn Fn(&str) -> bool| {
        files.iter().any(|file| {
            let name = file.relative.strip_prefix(folder);
            name.is_some_and(|name| !name.contains('/') && wanted(name))
        })
    };
    let folders = files.iter().filter_map(|file| file.relative.strip_suffix("config.json"));
    Ok(folders
        .filter(|folder| folder.is_empty() || folder.ends_with('/'))
        .filter(|folder| holds(folder, &|name| name == "tokenizer.json"))
        .filter(|folder| holds(folder, &|name| name.ends_with(".safetensors")))
        .map(|folder| directory.join(folder))
        .collect())
}

/// Copies the files of the model in `source` to `target`, which is created.
pub(super) fn copy_model(source: &Path, target: &Path) -> Result<(), ModelError> {
    for file in files_below(source)? {
        if !can_be_of_a_model(&file.relative) {
            continue;
        }
        let to = target.join(&file.relative);
        create_parent(&to)?;
        fs::copy(source.join(&file.relative), &to).map_err(|source| ModelError::Io {
            action: "write",
            path: to,
            source,
        })?;
    }
    Ok(())
}

/// Creates the directory that `file` will be in.
pub(super) fn create_parent(file: &Path) -> Result<(), ModelError> {
    let Some(parent) = file.parent() else {
        return Ok(());
    };
    fs::create_dir_all(parent).map_err(|source| ModelError::Io {
        action: "create",
        path: parent.to_owned(),
        source,
    })
}

/// Makes sure that a directory and everything below it is on disk.
pub(super) fn sync_all(directory: &Path) -> Result<(), ModelError> {
    let files = files_below(directory)?;
    for file in &files {
        sync(&directory.join(&file.relative))?;
    }
    let mut folders: Vec<&Path> =
        files.iter().flat_map(|file| Path::new(&file.relative).ancestors().skip(1)).collect();
    folders.sort_unstable();
    folders.dedup();
    folders.into_iter().try_for_each(|folder| sync_directory(&directory.join(folder)))
}

/// Makes sure that the names in a directory are on disk, where the system can.
pub(super) fn sync_directory(directory: &Path) -> Result<(), ModelError> {
    if cfg!(unix) { sync(directory) } else { Ok(()) }
}

fn sync(path: &Path) -> Result<(), ModelError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|source| ModelError::Io {
        action: "sync",
        path: path.to_owned(),
        source,
    })
}
