//! Builds the node.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ValueEnum;

use crate::{
    process::{self, cargo},
    workspace,
};

/// How much time the compiler spends on the node, by profiles of the root `Cargo.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// As it is shipped.
    Release,
    /// Optimized where it does arithmetic, and quick to build elsewhere.
    Demo,
    /// As the tests run it, with debug assertions.
    Dev,
}

impl Profile {
    /// What cargo calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Demo => "demo",
            Self::Dev => "dev",
        }
    }

    /// Where cargo puts its programs in a target folder.
    const fn folder(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release | Self::Demo => self.name(),
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
    Ok(workspace::target_dir()?.join(profile.folder()).join("akidb"))
}

/// The program of a package in some checkout, with a target folder of its own.
///
/// Only its features are chosen, so that the node is the one that is shipped.
pub(crate) fn package_of(
    checkout: &Path,
    target_dir: &Path,
    profile: Profile,
    name: &str,
) -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["build", "--profile", profile.name(), "--package", name]);
    process::run(build.arg("--target-dir").arg(target_dir).current_dir(checkout))?;
    Ok(target_dir.join(profile.folder()).join(name))
}

/// Every test and binary of the workspace, and with them the `akidb` binary of the tests.
///
/// The whole workspace is built at once, because a build of `akidb` alone would choose other
/// features for shared dependencies and compile those twice.
pub(crate) fn tests_and_node() -> Result<PathBuf> {
    process::run(cargo().args(["build", "--workspace", "--bins", "--tests"]))?;
    Ok(workspace::target_dir()?.join("debug/akidb"))
}
