//! Python of the machine, and virtual environments of it under the target folder.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::{
    process::{self, program, succeeds},
    workspace,
};

const CLIENTS: &str = "crates/xtask/clients.requirements.txt";

/// A Python that has pip: the machine's own, or a virtual environment.
pub(crate) fn with_pip() -> Result<PathBuf> {
    let python = of_the_machine("pip fetches the default model")?;
    if has(&python, "pip") {
        return Ok(python);
    }
    virtual_environment(&python, "python")
}

/// A Python with the clients that the tests drive.
pub(crate) fn with_clients() -> Result<PathBuf> {
    let python = of_the_machine("a test drives OpenAI's client")?;
    let python = virtual_environment(&python, "clients")?;
    let installed = workspace::target_dir()?.join("clients/installed.txt");
    let wanted = fs::read(workspace::root().join(CLIENTS))?;
    if fs::read(&installed).is_ok_and(|found| found == wanted) {
        return Ok(python);
    }
    process::run(
        program(&python)
            .args(["-m", "pip", "--disable-pip-version-check", "install", "--quiet"])
            .args(["--no-deps", "--only-binary", ":all:", "--requirement", CLIENTS]),
    )
    .context(
        "cannot fetch the clients\nhint: pip needs its package index; see its message above",
    )?;
    fs::write(installed, wanted)?;
    Ok(python)
}

fn of_the_machine(what_for: &str) -> Result<PathBuf> {
    let names = ["python3", "python"].map(PathBuf::from);
    let found = names.into_iter().find(|python| succeeds(program(python).arg("--version")));
    let Some(python) = found else {
        bail!(
            "no python3 on PATH, and {what_for}\n\
             hint: install Python 3 with pip (Debian: apt-get install python3-pip)"
        );
    };
    Ok(python)
}

fn has(python: &Path, module: &str) -> bool {
    succeeds(program(python).args(["-m", module, "--help"]))
}

/// The Python of the virtual environment `name` under the target folder, made where it is absent.
fn virtual_environment(python: &Path, name: &str) -> Result<PathBuf> {
    let folder = workspace::target_dir()?.join(name);
    let own = folder.join("bin/python");
    if own.is_file() && has(&own, "pip") {
        return Ok(own);
    }
    process::run(program(python).args(["-m", "venv"]).arg(&folder)).context(
        "a virtual environment with pip cannot be made\n\
         hint: install pip and venv (Debian: apt-get install python3-pip python3-venv)",
    )?;
    Ok(own)
}
