//! Builds the node.

use std::path::PathBuf;

use anyhow::Result;

use crate::{
    process::{self, cargo},
    workspace,
};

/// The `akidb` binary as users run it.
pub(crate) fn release_node() -> Result<PathBuf> {
    process::run(cargo().args(["build", "--release", "--package", "akidb"]))?;
    Ok(workspace::target_dir()?.join("release/akidb"))
}

/// The `akidb` binary and the worker beside it that hosts Python.
pub(crate) fn release_node_and_worker() -> Result<PathBuf> {
    let packages = ["--package", "akidb", "--package", "akidb-mlx-worker"];
    process::run(cargo().args(["build", "--release"]).args(packages))?;
    Ok(workspace::target_dir()?.join("release/akidb"))
}

/// Every test and binary of the workspace, and with them the `akidb` binary of the tests.
///
/// The whole workspace is built at once, because a build of `akidb` alone would choose other
/// features for shared dependencies and compile those twice.
pub(crate) fn tests_and_node() -> Result<PathBuf> {
    process::run(cargo().args(["build", "--workspace", "--bins", "--tests"]))?;
    Ok(workspace::target_dir()?.join("debug/akidb"))
}
