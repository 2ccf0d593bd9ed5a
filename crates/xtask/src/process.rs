//! Runs other programs and says which one failed.

use std::{env, ffi::OsStr, process::Command};

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{SignalKind, signal};

use crate::{python, workspace};

/// The cargo that runs this program, in the root of the repository.
pub(crate) fn cargo() -> Command {
    with_python(program(env::var_os("CARGO").unwrap_or_else(|| "cargo".into())))
}

/// A program that builds, with the Python that the worker is linked with.
pub(crate) fn with_python(mut command: Command) -> Command {
    if let Some(python) = python::to_link_with() {
        // One for all, so that nothing is built twice.
        command.env("PYO3_PYTHON", python);
    }
    command
}

/// A program in the root of the repository.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(workspace::root());
    command
}

/// Runs it with the terminal's own streams.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = describe(command);
    eprintln!("$ {line}");
    let status = command.status().with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed: {status}");
    }
    Ok(())
}

/// Runs it silently and says whether it could be started and succeeded.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// Waits for Ctrl-C or for being asked to end.
pub(crate) async fn interrupted() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// The command as a person would type it: file names for the programs, paths from the root.
fn describe(command: &Command) -> String {
    let root = format!("{}/", workspace::root().display());
    [command.get_program()]
        .into_iter()
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().replace(&root, ""))
        .map(|word| match word.rsplit_once('/') {
            Some((_, "cargo")) => "cargo".to_owned(),
            _ => word,
        })
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_described_as_it_is_typed() {
        let mut command = program("/opt/rust/bin/cargo");
        command.arg("build").arg(workspace::root().join("target"));
        assert_eq!(describe(&command), "cargo build target");
    }

    #[test]
    fn a_missing_program_does_not_succeed() {
        assert!(!succeeds(&mut program("no-such-program-anywhere")));
    }
}
