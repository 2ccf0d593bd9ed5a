//! `cargo xtask dist`: an archive that runs on a machine of the same kind without a network.
//!
//! Scope: what is in the archive and where. Out of scope: the licences of others ([`licences`]),
//! packing ([`pack`]), and the proof that it runs ([`proof`]).

mod licences;
mod pack;
mod proof;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::{
    build::{self, Profile},
    model,
    process::{self, program},
    python, workspace,
};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const PYTHON_MODULE: &str = "python/akidb_mlx";

/// What goes in.
#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Leave out the worker of the MLX backend, which runs only with a Python of the version that
    /// this machine builds it with
    #[arg(long)]
    without_worker: bool,
    /// Pack a build without optimization, to try this command itself; it is slow to run
    #[arg(long)]
    debug: bool,
    /// Start the unpacked archive in this folder; the process has no network
    #[arg(long, hide = true, value_name = "DIR")]
    prove: Option<PathBuf>,
}

impl Options {
    /// What a check packs: quick to build where the tests are built.
    pub(crate) fn quick() -> Self {
        Self { debug: true, ..Self::default() }
    }
}

/// The command.
pub(crate) fn run(options: &Options) -> Result<()> {
    if let Some(folder) = &options.prove {
        return proof::without_network(folder);
    }
    let (_, archive) = make(options)?;
    println!("\n{}", archive.display());
    Ok(())
}

/// Makes the archive and starts what is in it; answers the folder that was packed and the archive.
pub(crate) fn make(options: &Options) -> Result<(PathBuf, PathBuf)> {
    let folder = lay_out(options)?;
    let archive = pack::pack(&folder, if options.debug { "-1" } else { "-9" })?;
    proof::prove(&archive)?;
    Ok((folder, archive))
}

/// Makes the folder that is packed; answers it.
fn lay_out(options: &Options) -> Result<PathBuf> {
    model::fetch()?;
    let has_worker = !options.without_worker && python::to_link_with().is_some();
    if !has_worker && !options.without_worker {
        eprintln!(
            "no Python has a library to link with, the worker of the MLX backend is left out"
        );
    }
    let akidb = match (options.debug, has_worker) {
        (true, _) => build::tests_and_node()?,
        (false, true) => build::node_and_worker(Profile::Release)?,
        (false, false) => build::node(Profile::Release)?,
    };
    let models_dir = model::install(&akidb)?;
    let target = target()?;
    let dist = workspace::target_dir()?.join("dist");
    let folder = dist.join(format!("akidb-{VERSION}-{target}"));
    if dist.exists() {
        fs::remove_dir_all(&dist).with_context(|| format!("cannot empty {}", dist.display()))?;
    }

    copy_program(&akidb, &folder.join("bin/akidb"))?;
    let model = folder.join("share/akidb/models").join(model::NAME);
    copy(&models_dir.join(model::NAME), &model)?;
    if has_worker {
        let worker = "akidb-mlx-worker";
        copy_program(&akidb.with_file_name(worker), &folder.join("libexec/akidb").join(worker))?;
        let module = folder.join("share/akidb").join(PYTHON_MODULE);
        copy(&workspace::root().join(PYTHON_MODULE), &module)?;
    }
    copy(&workspace::root().join("config"), &folder.join("config"))?;
    let guide = folder.join("share/doc/akidb/deployment.md");
    copy(&workspace::root().join("docs/guides/deployment.md"), &guide)?;
    copy(&workspace::root().join("LICENSE"), &folder.join("LICENSE"))?;
    let licences = licences::page(&target, has_worker)?;
    fs::write(folder.join("THIRD-PARTY-LICENSES.txt"), licences)?;
    fs::write(folder.join("BUILD.txt"), build_page(&target, has_worker)?)?;
    made_by_itself(&folder)?;
    pack::write_checksums(&folder)?;
    Ok(folder)
}

/// What the program says of itself: man pages, and what shells complete with.
fn made_by_itself(folder: &Path) -> Result<()> {
    let akidb = folder.join("bin/akidb");
    process::run(program(&akidb).arg("man").arg(folder.join("share/man/man1")))?;
    for (shell, path) in [
        ("bash", "share/bash-completion/completions/akidb"),
        ("zsh", "share/zsh/site-functions/_akidb"),
        ("fish", "share/fish/vendor_completions.d/akidb.fish"),
    ] {
        let script = output(&akidb, &["completions", shell])?;
        let path = folder.join(path);
        make_parent(&path)?;
        fs::write(path, script)?;
    }
    Ok(())
}

/// What it was made from and with, for who has to tell two archives apart.
fn build_page(target: &str, has_worker: bool) -> Result<String> {
    let rustc = output(Path::new("rustc"), &["--version"])?;
    // A folder without its history, as a container is built from, has none.
    let commit = output(Path::new("git"), &["rev-parse", "HEAD"]).unwrap_or_default();
    let commit = if commit.trim().is_empty() { "unknown" } else { commit.trim() };
    let python = match python::to_link_with() {
        Some(python) if has_worker => output(python, &["--version"])?,
        _ => "none, akidb-mlx-worker is left out".to_owned(),
    };
    Ok(format!(
        "akidb {VERSION}\ntarget {target}\ncommit {commit}\nbuilt with {}\nworker for {}\n",
        rustc.trim(),
        python.trim()
    ))
}

/// The kind of machine that cargo builds for here, such as `x86_64-unknown-linux-gnu`.
fn target() -> Result<String> {
    let version = output(Path::new("rustc"), &["-vV"])?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say for which machine it builds")?.to_owned())
}

fn output(name: &Path, args: &[&str]) -> Result<String> {
    let output = program(name).args(args).output();
    let output = output.with_context(|| format!("cannot start {}", name.display()))?;
    if !output.status.success() {
        bail!("`{} {}` failed: {}", name.display(), args.join(" "), output.status);
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// A program without what only a debugger reads; the names in a backtrace stay.
fn copy_program(from: &Path, to: &Path) -> Result<()> {
    copy(from, to)?;
    let flag = if cfg!(target_os = "macos") { "-S" } else { "--strip-debug" };
    process::run(program("strip").arg(flag).arg(to))
}

/// A file, or a folder without what tools leave in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    const LEFT_BY_TOOLS: [&str; 4] = [".pytest_cache", "__pycache__", "build", "tests"];
    if !from.is_dir() {
        make_parent(to)?;
        let copied = fs::copy(from, to);
        copied.with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
        return Ok(());
    }
    for entry in fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))? {
        let name = entry?.file_name();
        let text = name.to_string_lossy();
        if !LEFT_BY_TOOLS.contains(&&*text) && !text.ends_with(".egg-info") {
            copy(&from.join(&name), &to.join(&name))?;
        }
    }
    Ok(())
}

fn make_parent(path: &Path) -> Result<()> {
    let parent = path.parent().context("a file without a folder")?;
    fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))
}
