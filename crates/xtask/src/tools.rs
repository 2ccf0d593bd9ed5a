//! Cargo subcommands that the tests and the checks need.

use std::{env, path::PathBuf};

use anyhow::Result;

use crate::{
    process::{self, cargo},
    workspace,
};

/// A cargo subcommand, pinned so that a check does not change its mind overnight.
pub(crate) struct CargoTool {
    /// The crate and the binary.
    pub(crate) name: &'static str,
    /// The version that is installed where none is found.
    pub(crate) version: &'static str,
}

/// The test runner.
pub(crate) const NEXTEST: CargoTool = CargoTool { name: "cargo-nextest", version: "0.9.151" };

/// Licences, bans and sources of dependencies.
pub(crate) const DENY: CargoTool = CargoTool { name: "cargo-deny", version: "0.20.2" };

impl CargoTool {
    /// Its path. Where the machine has none, it is built into the target folder first.
    ///
    /// Built without optimization: that halves the build, and both tools spend their time in
    /// other programs.
    pub(crate) fn ensure(&self) -> Result<PathBuf> {
        if let Some(path) = find(self.name)? {
            return Ok(path);
        }
        let tools_dir = workspace::tools_dir()?;
        eprintln!(
            "{} is not installed; building it into {} takes some minutes, once",
            self.name,
            tools_dir.display()
        );
        process::run(
            cargo()
                .args(["install", "--quiet", "--locked", "--debug"])
                .args([self.name, "--version", self.version, "--root"])
                .arg(&tools_dir)
                .env("CARGO_PROFILE_DEV_DEBUG", "0"),
        )?;
        Ok(tools_dir.join("bin").join(self.name))
    }
}

/// A program of this repository's tools or on the search path.
pub(crate) fn find(name: &str) -> Result<Option<PathBuf>> {
    let own = workspace::tools_dir()?.join("bin");
    let search_path = env::var_os("PATH").unwrap_or_default();
    Ok([own]
        .into_iter()
        .chain(env::split_paths(&search_path))
        .map(|dir| dir.join(name))
        .find(|path| path.is_file()))
}
