//! Bringing a model into the store, so that it is there whole or not at all.
//!
//! Out of scope: reading archives.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::{
    ImportMode, archive,
    copy::{copy_model, models_below, sync_all, sync_directory},
    manifest::Manifest,
};
use crate::{
    error::ModelError,
    model::{ModelDirectory, check_links},
};

/// Copies the model in `source` to `models_dir/name`.
///
/// It is put together, opened, hashed and synced in a temporary directory beside its place, which
/// it then takes by a rename.
pub(super) fn import(
    models_dir: &Path,
    source: &Path,
    name: &str,
    mode: ImportMode,
) -> Result<(), ModelError> {
    fs::create_dir_all(models_dir).map_err(io_error("create", models_dir))?;
    let work = tempfile::Builder::new()
        .prefix(".import-")
        .tempdir_in(models_dir)
        .map_err(io_error("create a directory in", models_dir))?;
    let staged = work.path().join("model");
    stage(source, &work, &staged)?;
    ModelDirectory::open(&staged)?.tokenizer()?;
    let manifest = Manifest::of(&staged)?;
    let target = models_dir.join(name);
    if is_identical(&target, &manifest, mode, name)? {
        return Ok(());
    }
    manifest.write(&staged)?;
    sync_all(&staged)?;
    if target.exists() {
        // Removed with the temporary directory, after the new model is in its place.
        rename(&target, &work.path().join("replaced"))?;
    }
    rename(&staged, &target)?;
    sync_directory(models_dir)
}

/// Puts the one model of `source` together in `staged`.
fn stage(source: &Path, work: &TempDir, staged: &Path) -> Result<(), ModelError> {
    let metadata = fs::metadata(source).map_err(io_error("read", source))?;
    let folder = if metadata.is_dir() {
        source.to_owned()
    } else {
        let unpacked = work.path().join("unpacked");
        archive::unpack(source, &unpacked)?;
        unpacked
    };
    let models = models_below(&folder)?;
    match models.as_slice() {
        [model] => {
            check_links(model)?;
            copy_model(model, staged)
        }
        // Says which file is missing or wrong.
        [] if folder == source && source.join("config.json").is_file() => {
            ModelDirectory::open(source).map(|_| ())?;
            Err(ModelError::NotOneModel { source_path: source.to_owned(), found: 0 })
        }
        _ => Err(ModelError::NotOneModel { source_path: source.to_owned(), found: models.len() }),
    }
}

/// Whether the model is in its place already, undamaged; refuses to replace a different one.
fn is_identical(
    target: &Path,
    manifest: &Manifest,
    mode: ImportMode,
    name: &str,
) -> Result<bool, ModelError> {
    if !target.exists() {
        return Ok(false);
    }
    let present = Manifest::read_if_present(target).ok().flatten();
    if present.as_ref() == Some(manifest) {
        // The same model, damaged, is repaired.
        return manifest.verify(target).map(|report| report.is_intact());
    }
    match mode {
        ImportMode::Replace => Ok(false),
        ImportMode::KeepExisting => {
            Err(ModelError::AlreadyExists { name: name.to_owned(), path: target.to_owned() })
        }
    }
}

fn rename(from: &Path, to: &Path) -> Result<(), ModelError> {
    fs::rename(from, to).map_err(io_error("rename to", to))
}

fn io_error(action: &'static str, path: &Path) -> impl Fn(io::Error) -> ModelError {
    let path = PathBuf::from(path);
    move |source| ModelError::Io { action, path: path.clone(), source }
}
