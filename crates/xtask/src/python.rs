//! Python of the machine, and virtual environments of it under the target folder.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use anyhow::{Context, Result, bail};

use crate::{
    process::{self, program, succeeds},
    workspace,
};

const CLIENTS: &str = "crates/xtask/clients.requirements.txt";

/// Prints the path of the program that really runs, and ends well where a library to link with is
/// there.
const HAS_LIBRARY: &str = "\
import os, sys, sysconfig
get = sysconfig.get_config_var
names = ['libpython%d.%d.%s' % (*sys.version_info[:2], end) for end in ('so', 'dylib', 'a')]
paths = [os.path.join(get('LIBDIR') or '', name) for name in names]
print(sys.executable)
sys.exit(0 if get('PYTHONFRAMEWORK') or any(map(os.path.exists, paths)) else 1)
";

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
    with_requirements("clients", CLIENTS, &["--no-deps"])
}

/// A Python in the virtual environment `name` that has what a file of requirements lists.
pub(crate) fn with_requirements(name: &str, requirements: &str, flags: &[&str]) -> Result<PathBuf> {
    let python = of_the_machine("tests and checks are partly written in it")?;
    let python = virtual_environment(&python, name)?;
    let installed = workspace::target_dir()?.join(name).join("installed.txt");
    let wanted = fs::read(workspace::root().join(requirements))?;
    if fs::read(&installed).is_ok_and(|found| found == wanted) {
        return Ok(python);
    }
    process::run(
        program(&python)
            .args(["-m", "pip", "--disable-pip-version-check", "install", "--quiet"])
            .args(["--only-binary", ":all:", "--requirement", requirements])
            .args(flags),
    )
    .with_context(|| {
        format!("cannot fetch the {name}\nhint: pip needs its package index; see its message above")
    })?;
    fs::write(installed, wanted)?;
    Ok(python)
}

/// A Python that a program can be linked with, for the worker that hosts it.
pub(crate) fn to_link_with() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let find = || {
        let given = env::var_os("PYO3_PYTHON").map(PathBuf::from);
        let names = ["python3", "python", "/usr/bin/python3"].map(PathBuf::from);
        given.into_iter().chain(names).find_map(|python| {
            let output = program(&python).args(["-c", HAS_LIBRARY]).output().ok()?;
            let path = String::from_utf8(output.stdout).ok()?;
            output.status.success().then(|| PathBuf::from(path.trim()))
        })
    };
    FOUND.get_or_init(find).as_deref()
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
pub(crate) fn virtual_environment(python: &Path, name: &str) -> Result<PathBuf> {
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
