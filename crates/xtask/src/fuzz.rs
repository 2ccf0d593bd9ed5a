//! `cargo xtask fuzz`: builds the fuzz targets with coverage and runs each for some time.
//!
//! The targets are those of cargo-fuzz, which needs a nightly compiler for its sanitizer. Coverage
//! alone is had from the stable one, and in safe Rust a finding is a panic, an overflow, a hang, or
//! too much memory.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    process::{self, cargo, program},
    workspace,
};

const MANIFEST: &str = "crates/akidb-fuzz/fuzz/Cargo.toml";
const CORPORA: &str = "crates/akidb-fuzz/corpus";

/// What makes the compiler count how often each edge is taken, where libFuzzer looks for it.
const FLAGS: &str = "-Cpasses=sancov-module \
                     -Cllvm-args=-sanitizer-coverage-level=4 \
                     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
                     -Cllvm-args=-sanitizer-coverage-pc-table \
                     -Cllvm-args=-sanitizer-coverage-trace-compares \
                     --cfg fuzzing -Ccodegen-units=1";

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The targets, all where none is named.
    targets: Vec<String>,
    /// How long each runs.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
}

/// The command.
pub(crate) fn run(options: &Options) -> Result<()> {
    let known = targets()?;
    let asked = if options.targets.is_empty() { &known } else { &options.targets };
    if let Some(unknown) = asked.iter().find(|name| !known.contains(name)) {
        bail!("no target is named {unknown}; there are {}", known.join(", "));
    }
    let folder = workspace::target_dir()?.join("fuzz");
    let programs = build(&folder)?;
    let mut failed = Vec::new();
    for name in asked {
        if let Err(err) = fuzz(&programs.join(name), name, options.seconds, &folder) {
            eprintln!("{err:#}");
            failed.push(name.as_str());
        }
    }
    if !failed.is_empty() {
        bail!(
            "found something: {}\nhint: the inputs are in {}; one that is mended goes into {CORPORA}",
            failed.join(", "),
            folder.join("artifacts").display()
        );
    }
    Ok(())
}

/// Every target has a corpus.
fn targets() -> Result<Vec<String>> {
    let entries = fs::read_dir(workspace::root().join(CORPORA)).context("there are no corpora")?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<_> = names.collect();
    names.sort();
    Ok(names)
}

/// Build scripts and macros get none of the flags, as a target is named. Dependencies are of the
/// versions that the node has.
fn build(folder: &Path) -> Result<PathBuf> {
    let host = host()?;
    let manifest = workspace::root().join(MANIFEST);
    fs::copy(workspace::root().join("Cargo.lock"), manifest.with_file_name("Cargo.lock"))?;
    process::run(
        cargo()
            .args(["build", "--release", "--bins", "--manifest-path", MANIFEST])
            .args(["--target", &host, "--target-dir"])
            .arg(folder)
            .env("RUSTFLAGS", FLAGS),
    )?;
    Ok(folder.join(host).join("release"))
}

fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("cannot start rustc")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say for what it compiles")?.to_owned())
}

fn fuzz(fuzzer: &Path, name: &str, seconds: u64, folder: &Path) -> Result<()> {
    let (found, artifacts) =
        (folder.join("corpus").join(name), folder.join("artifacts").join(name));
    fs::create_dir_all(&found)?;
    fs::create_dir_all(&artifacts)?;
    process::run(
        program(fuzzer)
            .args([&found, &workspace::root().join(CORPORA).join(name)])
            .args([format!("-max_total_time={seconds}"), "-timeout=20".to_owned()])
            .args(["-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=0"])
            .arg(format!("-artifact_prefix={}/", artifacts.display())),
    )
}
