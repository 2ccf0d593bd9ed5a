//! `cargo xtask torture` and `cargo xtask full`: builds a node and `akidb-torture`, and runs a set.
//!
//! Out of scope: the sets themselves, which are the crate's.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};

use crate::{
    process::{self, cargo, program},
    workspace,
};

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Passed on to `akidb-torture`: `run --part kills`, `case damage 17`, `summary`, `parts`. The
    /// quick set where absent.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

/// How to run the full set.
#[derive(clap::Args)]
pub(crate) struct FullOptions {
    /// This share of the cases, such as 2/4, for machines that share the work.
    #[arg(long, default_value = "1/1")]
    shard: String,
    /// Everything follows from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Cases at a time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Begin no case after so many minutes; the next run goes on.
    #[arg(long)]
    minutes: Option<u64>,
    /// Only these parts.
    #[arg(long = "part")]
    parts: Vec<String>,
}

/// `cargo xtask torture`
pub(crate) fn run(options: &Options) -> Result<()> {
    let akidb = build()?;
    match options.words.first().and_then(|word| word.to_str()) {
        None => quick(&akidb),
        Some("parts") => process::run(torture(&akidb)?.args(&options.words)),
        Some("summary") => {
            process::run(torture(&akidb)?.args(&options.words).arg("--results").arg(results()?))
        }
        Some(_) => process::run(with_places(torture(&akidb)?.args(&options.words), &akidb)?),
    }
}

/// The quick set, over a binary of the tests.
pub(crate) fn quick(akidb: &Path) -> Result<()> {
    process::run(with_places(torture(akidb)?.args(["run", "--set", "quick", "--again"]), akidb)?)
}

/// `cargo xtask full`
pub(crate) fn full(options: &FullOptions) -> Result<()> {
    let akidb = build()?;
    let mut command = torture(&akidb)?;
    command.args(["run", "--set", "full", "--shard", &options.shard]);
    command.args(["--seed", &options.seed.to_string(), "--jobs", &options.jobs.to_string()]);
    command.args(options.minutes.iter().flat_map(|it| ["--minutes".to_owned(), it.to_string()]));
    command.args(is_changed()?.then_some("--again"));
    command.args(options.parts.iter().flat_map(|part| ["--part", part]));
    process::run(with_places(&mut command, &akidb)?)
}

/// With debug assertions: only such a node takes small thresholds and planted faults.
fn build() -> Result<PathBuf> {
    let packages = ["--package", "akidb", "--package", "akidb-torture"];
    process::run(cargo().arg("build").args(packages))?;
    Ok(workspace::target_dir()?.join("debug/akidb"))
}

/// The program beside the node.
fn torture(akidb: &Path) -> Result<Command> {
    let path = akidb.with_file_name("akidb-torture");
    if !path.is_file() {
        bail!("{} is not built\nhint: cargo build --package akidb-torture", path.display());
    }
    Ok(program(path))
}

fn with_places<'a>(command: &'a mut Command, akidb: &Path) -> Result<&'a mut Command> {
    Ok(command.arg("--akidb").arg(akidb).arg("--results").arg(results()?))
}

/// One folder a commit, as totals count over runs of one state of the code.
fn results() -> Result<PathBuf> {
    let name = git(&["rev-parse", "--short=12", "HEAD"])?;
    let name = if name.is_empty() { "unknown".to_owned() } else { name };
    let changed = if is_changed()? { "-changed" } else { "" };
    Ok(workspace::target_dir()?.join("torture").join(name + changed))
}

/// What held for another state of the code says nothing of this one.
fn is_changed() -> Result<bool> {
    Ok(!git(&["status", "--porcelain"])?.is_empty())
}

fn git(args: &[&str]) -> Result<String> {
    let output = program("git").args(args).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
