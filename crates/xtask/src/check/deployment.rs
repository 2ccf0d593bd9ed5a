//! Holds what deploys a node (docker/, the units in config/) against the tools that know its form, and
//! against the archive that is made here: every command is parsed by the program itself, every path is
//! there, every key is known, and whoever stops a node waits until it has drained.

mod commands;
mod files;
mod linters;
mod monitoring;

use std::{fs, path::Path};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use self::{files::Deployment, linters::Linters};
use super::Verdict;
use crate::{dist, process::program, workspace};

/// Longer than requests may go on after SIGTERM, for closing the data.
const CLOSING_MS: u64 = 10_000;

pub(super) fn check() -> Result<Verdict> {
    let (folder, _) = dist::make(&dist::Options::quick())?;
    let linters = Linters::install()?;
    linters.dockerfile("docker/Dockerfile")?;
    linters.compose("docker/compose.yaml")?;
    for file in manifests()? {
        linters.kubernetes(&file)?;
    }
    monitoring::check(&linters)?;
    let deployments = files::read_all(&linters)?;
    let akidb = folder.join("bin/akidb");
    let drain_ms = drain_timeout_ms(&akidb)?;
    for deployment in &deployments {
        let named = |fault| format!("{}: {fault}", deployment.file);
        commands::check(&akidb, deployment).with_context(|| named("a command"))?;
        check_paths(&folder, deployment).with_context(|| named("a path"))?;
        if let Some(stop_ms) = deployment.stop_ms {
            let delay_ms = deployment.drain_delay_ms()?;
            ensure!(
                stop_ms >= delay_ms + drain_ms + CLOSING_MS,
                "{}: a node is killed after {stop_ms} ms, server.drain_delay_ms is {delay_ms} and \
                 server.drain_timeout_ms {drain_ms}",
                deployment.file
            );
        }
    }
    linters.systemd("config/systemd/akidb.service", &folder)
}

/// The manifests of Kubernetes.
fn manifests() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(workspace::root().join("docker/k8s"))? {
        names.push(format!("docker/k8s/{}", entry?.file_name().display()));
    }
    names.sort();
    Ok(names)
}

/// Paths of the installation are in the archive, those of the repository in the repository.
fn check_paths(folder: &Path, deployment: &Deployment) -> Result<()> {
    for path in &deployment.installed {
        ensure!(folder.join(path).exists(), "{path} is not in the archive");
    }
    for path in &deployment.sources {
        ensure!(workspace::root().join(path).exists(), "{path} is not in the repository");
    }
    Ok(())
}

fn drain_timeout_ms(akidb: &Path) -> Result<u64> {
    let output = program(akidb).args(["config", "show", "--output", "json"]).output()?;
    let shown: Value = serde_json::from_slice(&output.stdout)?;
    match shown["server.drain_timeout_ms"]["value"].as_u64() {
        Some(drain_ms) => Ok(drain_ms),
        None => bail!("`akidb config show` has no server.drain_timeout_ms"),
    }
}
