//! Builds the node.

use std::path::PathBuf;

use anyhow::Result;

use crate::{
    process::{self, cargo},
    workspace,
};

/// How much time the compiler spends on the node, by profiles of the root `Cargo.toml`.
#[derive(Clone, Copy)]
pub(crate) enum Profile {
    /// As it is shipped.
    Release,
    /// Optimized where it does arithmetic, and quick to build elsewhere.
    Demo,
}

impl Profile {
    const fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Demo => "demo",
        }
    }
}

/// The `akidb` binary.
pub(crate) fn node(profile: Profile) -> Result<PathBuf> {
    packages(profile, &["akidb"])
}

/// The `akidb` binary and the worker beside it that hosts Python.
pub(crate) fn node_and_worker(profile: Profile) -> Result<PathBuf> {
    packages(profile, &["akidb", "akidb-mlx-worker"])
}

fn packages(profile: Profile, names: &[&str]) -> Result<PathBuf> {
    let names = names.iter().flat_map(|name| ["--package", name]);
    process::run(cargo().args(["build", "--profile", profile.name()]).args(names))?;
    Ok(workspace::target_dir()?.join(profile.name()).join("akidb"))
}

/// Every test and binary of the workspace, and with them the `akidb` binary of the tests.
///
/// The whole workspace is built at once, because a build of `akidb` alone would choose other
/// features for shared dependencies and compile those twice.
pub(crate) fn tests_and_node() -> Result<PathBuf> {
    process::run(cargo().args(["build", "--workspace", "--bins", "--tests"]))?;
    Ok(workspace::target_dir()?.join("debug/akidb"))
}
