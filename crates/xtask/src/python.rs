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
const MLX: &str = "crates/xtask/mlx.requirements.txt";
const MLX_MODULE: &str = "python/akidb_mlx";

/// Prints the path of the program that really runs, and ends well where a library to link with is
/// there.
const HAS_LIBRARY: &str = "\
import glob, os, sys, sysconfig
directory = sysconfig.get_config_var('LIBDIR') or ''
name = 'libpython%d.%d*' % sys.version_info[:2]
print(sys.executable)
framework = sysconfig.get_config_var('PYTHONFRAMEWORK')
sys.exit(0 if framework or glob.glob(os.path.join(directory, name)) else 1)
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

/// A Python with MLX and the module that runs models with it, of the version that the worker is
/// linked with.
pub(crate) fn with_mlx() -> Result<PathBuf> {
    let Some(linked) = to_link_with() else {
        bail!(
            "no Python has a library to link with, which akidb-mlx-worker needs\n\
             hint: install it (Debian: apt-get install libpython3-dev), or name a Python that has \
             one in PYO3_PYTHON"
        );
    };
    let python = virtual_environment(linked, "mlx")?;
    let installed = workspace::target_dir()?.join("mlx/installed.txt");
    let project = Path::new(MLX_MODULE).join("pyproject.toml");
    let read = |path: &Path| fs::read(workspace::root().join(path));
    let wanted = [read(Path::new(MLX))?, read(&project)?].concat();
    if fs::read(&installed).is_ok_and(|found| found == wanted) {
        return Ok(python);
    }
    let pip = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet"];
    let hint = "cannot fetch MLX\nhint: pip needs its package index; see its message above";
    process::run(program(&python).args(pip).args(["--requirement", MLX])).context(hint)?;
    // As it stands in the sources, so that a change of them needs no new installation.
    let module = ["--no-deps", "--editable", MLX_MODULE];
    process::run(program(&python).args(pip).args(module)).context(hint)?;
    fs::write(installed, wanted)?;
    Ok(python)
}

/// The OpenBLAS that MLX multiplies matrices with on Linux: one that was only unpacked, by its path,
/// or one that is installed, which the module finds by itself.
pub(crate) fn openblas() -> Result<Option<PathBuf>> {
    let unpacked = workspace::tools_dir()?.join("openblas/usr/lib");
    let folders = [unpacked, PathBuf::from("/usr/lib")];
    let machine = format!("{}-linux-gnu/openblas-pthread/libopenblas.so.0", env::consts::ARCH);
    Ok(folders.into_iter().map(|folder| folder.join(&machine)).find(|path| path.is_file()))
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
