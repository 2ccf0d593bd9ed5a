//! Commands of `akidb` in files that deploy it, parsed by the program itself.

use std::path::Path;

use anyhow::{Result, ensure};

use super::files::Deployment;
use crate::process::program;

/// Fails where the program would not understand a command or a setting.
pub(super) fn check(akidb: &Path, deployment: &Deployment) -> Result<()> {
    for command in &deployment.commands {
        // What stands before --help is parsed, and nothing is started.
        let output = program(akidb).args(command).arg("--help").output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`akidb {}`: {said}", command.join(" "));
    }
    if deployment.environment.is_empty() {
        return Ok(());
    }
    let settings = deployment.environment.iter().map(|(name, value)| (name, value));
    let output = program(akidb).args(["config", "show"]).envs(settings).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
