//! `cargo xtask test`: installs what the tests need and runs all of them.

use std::ffi::OsString;

use anyhow::Result;

use crate::{
    build, model,
    process::{self, cargo, program},
    python,
    tools::NEXTEST,
};

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Passed on to `cargo nextest run`: names of tests, `--profile ci`, `-p akidb-core`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    nextest: Vec<OsString>,
}

/// Documentation tests first, so that the last line is the summary of the others. A failure of
/// the first does not hide the second.
pub(crate) fn run(options: &Options) -> Result<()> {
    model::fetch()?;
    let python = python::with_clients()?;
    let nextest = NEXTEST.ensure()?;
    let akidb = build::tests_and_node()?;
    let models_dir = model::install(&akidb)?;
    let documentation = process::run(cargo().args(["test", "--doc", "--workspace", "--quiet"]));
    process::run(
        program(&nextest)
            .args(["nextest", "run", "--workspace"])
            .args(&options.nextest)
            .env("AKIDB_TEST_MODELS_DIR", &models_dir)
            .env("AKIDB_TEST_PYTHON", &python)
            .env("AKIDB_TEST_MODEL_DIR", models_dir.join(model::NAME)),
    )?;
    documentation
}
