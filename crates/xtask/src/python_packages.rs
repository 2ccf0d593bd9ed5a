//! The packages of `python/` that speak to a node: their tests against a real one, their style and
//! their types.
//!
//! Out of scope: the module of the MLX worker, which has an environment of its own ([`mlx`]).
//!
//! [`mlx`]: crate::mlx

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{
    process::{self, program},
    python, workspace,
};

const REQUIREMENTS: &str = "crates/xtask/python_packages.requirements.txt";
const PACKAGES: [&str; 2] = ["python/akidb_client", "python/langchain_akidb"];

/// What a package is held against besides its tests, as modules of Python.
const LINTERS: [&[&str]; 3] =
    [&["ruff", "check", "--quiet"], &["ruff", "format", "--check", "--quiet"], &["mypy"]];

/// A Python with all that the packages need.
pub(crate) struct PythonPackages {
    python: PathBuf,
}

impl PythonPackages {
    /// Finds or makes it.
    pub(crate) fn set_up() -> Result<Self> {
        let python = python::with_requirements("python-packages", REQUIREMENTS, &["--no-deps"])?;
        Ok(Self { python })
    }

    /// Runs the tests of each against nodes of this program with the models of this folder.
    pub(crate) fn test(&self, akidb: &Path, models_dir: &Path) -> Result<()> {
        self.in_each(&["pytest", "--quiet"], |command| {
            command.env("AKIDB_BINARY", akidb).env("AKIDB_TEST_MODELS_DIR", models_dir);
        })
    }

    /// Checks style and types.
    pub(crate) fn lint(&self) -> Result<()> {
        LINTERS.iter().try_for_each(|linter| self.in_each(linter, |_| {}))
    }

    fn in_each(&self, module: &[&str], adjust: impl Fn(&mut Command)) -> Result<()> {
        PACKAGES.iter().try_for_each(|package| {
            let mut command = program(&self.python);
            command.arg("-m").args(module).current_dir(workspace::root().join(package));
            // A key of the user's own node is not for those of the tests.
            command.env_remove("AKIDB_API_KEY");
            adjust(&mut command);
            process::run(&mut command)
        })
    }
}
