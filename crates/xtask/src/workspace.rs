//! Where things are: the repository and what is built or fetched under its target folder.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest_dir.ancestors().nth(2).unwrap_or(manifest_dir)
}

/// The target folder, wherever cargo was told to put it: this program runs in it.
pub(crate) fn target_dir() -> Result<PathBuf> {
    let program = env::current_exe().context("cannot find this program's own path")?;
    let target_dir = program.ancestors().nth(2);
    Ok(target_dir.context("this program does not run inside a target folder")?.to_owned())
}

/// The models that `akidb model import` installed for the demo and the tests.
pub(crate) fn models_dir() -> Result<PathBuf> {
    Ok(target_dir()?.join("models"))
}

/// What `cargo install` put there for this repository alone.
pub(crate) fn tools_dir() -> Result<PathBuf> {
    Ok(target_dir()?.join("tools"))
}
