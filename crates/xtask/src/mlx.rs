//! MLX for the tests and the demo: its Python, the module that runs models, a fast matrix product.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::{
    packages,
    process::{self, program},
    python, workspace,
};

const REQUIREMENTS: &str = "crates/xtask/mlx.requirements.txt";
const MODULE: &str = "python/akidb_mlx";

/// What a node needs to run models with MLX, besides the worker.
pub(crate) struct Mlx {
    /// The Python that has the module, of the version that the worker is linked with.
    pub(crate) python: PathBuf,
    /// OpenBLAS, without which MLX is slow on processors. None on a machine that has it not and has
    /// no packages of Debian.
    pub(crate) openblas: Option<PathBuf>,
}

impl Mlx {
    /// Finds or makes it.
    pub(crate) fn set_up() -> Result<Self> {
        let Some(linked) = python::to_link_with() else {
            bail!(
                "no Python has a library to link with, which akidb-mlx-worker needs\n\
                 hint: install it (Debian: apt-get install libpython3-dev), or name a Python that \
                 has one in PYO3_PYTHON"
            );
        };
        let python = python::virtual_environment(linked, "mlx")?;
        install(&python)?;
        Ok(Self { python, openblas: packages::openblas()? })
    }

    /// Whether it multiplies matrices as fast as the machine can.
    pub(crate) const fn is_fast(&self) -> bool {
        cfg!(not(target_os = "linux")) || self.openblas.is_some()
    }

    /// What a program that loads MLX is told, as variables.
    pub(crate) fn variables(&self) -> Vec<(&'static str, OsString)> {
        let Some(openblas) = &self.openblas else { return Vec::new() };
        // What it needs itself is beside its folder, where it was only unpacked.
        let libraries = openblas.ancestors().nth(2).unwrap_or(openblas);
        vec![("AKIDB_OPENBLAS", openblas.into()), ("LD_LIBRARY_PATH", libraries.into())]
    }

    /// Runs the tests of the Python module, which take the model from `model_dir`.
    pub(crate) fn test_module(&self, model_dir: &Path) -> Result<()> {
        process::run(
            program(&self.python)
                .args(["-m", "pytest", "--quiet"])
                .current_dir(workspace::root().join(MODULE))
                .env("AKIDB_TEST_MODEL_DIR", model_dir)
                .envs(self.variables()),
        )
    }
}

fn install(python: &Path) -> Result<()> {
    let installed = workspace::target_dir()?.join("mlx/installed.txt");
    let read = |path: &Path| fs::read(workspace::root().join(path));
    let project = Path::new(MODULE).join("pyproject.toml");
    let wanted = [read(Path::new(REQUIREMENTS))?, read(&project)?].concat();
    if fs::read(&installed).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    let pip = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet"];
    let hint = "cannot fetch MLX\nhint: pip needs its package index; see its message above";
    process::run(program(python).args(pip).args(["--requirement", REQUIREMENTS])).context(hint)?;
    // As it stands in the sources, so that a change of them needs no new installation.
    let module = ["--no-deps", "--editable", MODULE];
    process::run(program(python).args(pip).args(module)).context(hint)?;
    Ok(fs::write(installed, wanted)?)
}
