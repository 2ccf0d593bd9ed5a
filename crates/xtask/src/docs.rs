//! `cargo xtask docs`: runs every command block of the documentation against real nodes, and checks
//! every link between its pages.
//!
//! Scope: which pages there are and what is said of them. Out of scope: reading Markdown
//! ([`blocks`]), running one page ([`reader`]), links ([`links`]).
//!
//! The rules for a page: its `sh` and `python` blocks are run in order, the former in one shell, each
//! of the latter as a program of its own, in a folder that looks like the repository, with `akidb` on
//! the search path and a node at localhost:8080 and localhost:9090. Folder and node are the same for
//! all pages, as they are for someone who reads one after the other. A block that is not run has `<!-- not run: REASON -->` on the line before it. A `json` block behind one that is run
//! is its answer, and has to have the same shape.

mod answer;
mod blocks;
mod links;
mod reader;
mod script;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use tokio::runtime;

pub(crate) use self::reader::Tools;
use self::{blocks::Block, reader::Reader};
use crate::{build, model, python, workspace};

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The pages to run, by their paths from the root. All where none is given.
    pages: Vec<PathBuf>,
    /// An `akidb` to run them with, in place of building one.
    #[arg(long, value_name = "PROGRAM")]
    akidb: Option<PathBuf>,
}

/// The command.
pub(crate) fn run(options: &Options) -> Result<()> {
    model::fetch()?;
    let python = python::with_clients()?;
    let akidb = match &options.akidb {
        Some(akidb) => fs::canonicalize(akidb)?,
        None => build::tests_and_node()?,
    };
    let models_dir = model::install(&akidb)?;
    check(&Tools { akidb, models_dir, python }, &options.pages)
}

/// Checks the links of all pages and runs the blocks of these, or of all.
pub(crate) fn check(tools: &Tools, chosen: &[PathBuf]) -> Result<()> {
    let root = workspace::root();
    let broken = links::broken(root, &markdown_files(root)?)?;
    for link in &broken {
        println!("BROKEN LINK  {link}");
    }
    let pages = if chosen.is_empty() { pages_to_run(root)? } else { chosen.to_vec() };
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let failed = runtime.block_on(run_pages(tools, &pages))?;
    let mut faults = Vec::new();
    if !failed.is_empty() {
        faults.push(failed.join(", "));
    }
    if !broken.is_empty() {
        faults.push(format!("{} links are broken", broken.len()));
    }
    if !faults.is_empty() {
        bail!("{}", faults.join("; "));
    }
    Ok(())
}

/// Answers the pages that failed.
async fn run_pages(tools: &Tools, pages: &[PathBuf]) -> Result<Vec<String>> {
    let reader = Reader::start(tools).await?;
    let mut failed = Vec::new();
    for page in pages {
        if let Err(err) = run_page(&reader, page).await {
            println!("FAILED   {}: {err:#}", page.display());
            failed.push(page.display().to_string());
        }
    }
    if let Err(err) = reader.stop().await {
        println!("FAILED   the node: {err:#}");
        failed.push("the node of the pages".to_owned());
    }
    Ok(failed)
}

async fn run_page(reader: &Reader<'_>, page: &Path) -> Result<()> {
    let text = fs::read_to_string(workspace::root().join(page))
        .with_context(|| format!("cannot read {}", page.display()))?;
    let blocks = blocks::of_page(&text)?;
    let commands: Vec<&Block> = blocks.iter().filter(|block| block.is_command()).collect();
    if commands.is_empty() {
        return Ok(());
    }
    let not_run: Vec<_> =
        commands.iter().filter_map(|b| b.not_run.as_ref().map(|why| (b.line, why))).collect();
    let started = Instant::now();
    if not_run.len() < commands.len() {
        reader.read(page, &blocks).await?;
    }
    println!(
        "passed   {}: {} blocks run in {:.1} s, {} not run",
        page.display(),
        commands.len() - not_run.len(),
        started.elapsed().as_secs_f64(),
        not_run.len()
    );
    for (line, why) in not_run {
        println!("         line {line} is not run: {why}");
    }
    Ok(())
}

/// The pages whose blocks are run. Decisions show how things were when they were
/// made, and the reference is made of the code, whose tests hold its examples.
fn pages_to_run(root: &Path) -> Result<Vec<PathBuf>> {
    let is_run = |page: &PathBuf| {
        let is_in = |folder| page.starts_with(folder);
        page == Path::new("README.md")
            || is_in("docs") && !is_in("docs/adr") && !is_in("docs/reference")
    };
    Ok(markdown_files(root)?.into_iter().filter(is_run).collect())
}

/// Every Markdown file, by its path from the root, sorted.
fn markdown_files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let name = entry.file_name();
            let path = folder.join(&name);
            let is_ours = !name.to_string_lossy().starts_with('.') && path != Path::new("target");
            if entry.file_type()?.is_dir() && is_ours {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guides_are_run_and_decisions_are_not() {
        let pages = pages_to_run(workspace::root()).unwrap();
        assert!(pages.contains(&PathBuf::from("README.md")));
        assert!(pages.contains(&PathBuf::from("docs/guides/quick-start.md")));
        assert!(!pages.iter().any(|page| page.starts_with("docs/adr")));
    }
}
