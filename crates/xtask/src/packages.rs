//! Packages of Debian that the tests need, unpacked under the target folder.
//!
//! They are not installed: that needs root, and the package of Prometheus would also start a
//! server. The lists of packages are the project's own for the same reason.

use std::{
    env::consts::ARCH,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::{
    process::{self, program, succeeds},
    tools, workspace,
};

/// Tried again after these, in seconds: a mirror that is being updated serves the old and the new.
const PAUSES_S: [u64; 3] = [5, 15, 30];

/// Packages that are unpacked together.
struct Packages {
    /// The folder of `target/tools` that they are unpacked in.
    folder: &'static str,
    names: &'static [&'static str],
    /// Whether what they need and the machine does not have is unpacked too.
    with_dependencies: bool,
}

/// `promtool` holds `/metrics`, the alerts and the configuration against Prometheus' rules, and a
/// `prometheus` scrapes the nodes of a test.
const PROMETHEUS: Packages =
    Packages { folder: "prometheus", names: &["prometheus"], with_dependencies: false };

/// MLX on processors is fast enough for the tests only with it.
const OPENBLAS: Packages = Packages {
    folder: "openblas",
    names: &["libopenblas0-pthread", "libgfortran5"],
    with_dependencies: false,
};

/// What pages can do to a node is tried in a real browser.
const CHROMIUM: Packages =
    Packages { folder: "chromium", names: &["chromium"], with_dependencies: true };

/// The names under which a browser of the kind is installed.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// A program of Prometheus: `prometheus` or `promtool`. None where it is not installed on a machine
/// that has no packages of Debian.
///
/// # Errors
/// Its package cannot be fetched.
pub(crate) fn prometheus(name: &str) -> Result<Option<PathBuf>> {
    if let Some(path) = tools::find(name)? {
        return Ok(Some(path));
    }
    PROMETHEUS.file(&Path::new("usr/bin").join(name))
}

/// The library of OpenBLAS. None where it is not installed on a machine that has no packages of
/// Debian.
///
/// # Errors
/// Its packages cannot be fetched.
pub(crate) fn openblas() -> Result<Option<PathBuf>> {
    let library = format!("usr/lib/{ARCH}-linux-gnu/openblas-pthread/libopenblas.so.0");
    let installed = Path::new("/").join(&library);
    if installed.is_file() {
        return Ok(Some(installed));
    }
    OPENBLAS.file(Path::new(&library))
}

/// A browser: its program, and the folders of the libraries that it needs and the machine does not
/// have. None where it is not installed on a machine that has no packages of Debian.
///
/// # Errors
/// Its packages cannot be fetched.
pub(crate) fn chromium() -> Result<Option<(PathBuf, Vec<PathBuf>)>> {
    for name in BROWSERS {
        if let Some(path) = tools::find(name)? {
            return Ok(Some((path, Vec::new())));
        }
    }
    let Some(program) = CHROMIUM.file(Path::new("usr/lib/chromium/chromium"))? else {
        return Ok(None);
    };
    let root = workspace::tools_dir()?.join(CHROMIUM.folder);
    let libraries = root.join(format!("usr/lib/{ARCH}-linux-gnu"));
    // One library keeps its own in a folder below.
    let folders = vec![libraries.clone(), libraries.join("pulseaudio")];
    Ok(Some((program, folders)))
}

impl Packages {
    /// A file of them, by its path from the root of a machine. None without apt-get.
    fn file(&self, path: &Path) -> Result<Option<PathBuf>> {
        let folder = workspace::tools_dir()?.join(self.folder);
        let file = folder.join(path);
        if file.is_file() {
            return Ok(Some(file));
        }
        if !succeeds(program("apt-get").arg("--version")) {
            return Ok(None);
        }
        let names = self.names.join(" ");
        eprintln!("{names} is not installed; unpacking it into {}, once", folder.display());
        self.fetch_patiently(&folder)
            .with_context(|| format!("cannot fetch the packages {names}; or install them"))?;
        if !file.is_file() {
            bail!("the packages {names} contain no {}", path.display());
        }
        Ok(Some(file))
    }

    fn fetch_patiently(&self, folder: &Path) -> Result<()> {
        let mut pauses = PAUSES_S.iter();
        loop {
            match (self.fetch(folder), pauses.next()) {
                (Err(err), Some(pause_s)) => {
                    eprintln!("{err:#}; trying again in {pause_s} s");
                    thread::sleep(Duration::from_secs(*pause_s));
                }
                (outcome, _) => return outcome,
            }
        }
    }

    /// The packages, and what apt-get would install with them.
    fn all_names(&self, apt: &Apt) -> Result<Vec<String>> {
        if !self.with_dependencies {
            return Ok(self.names.iter().map(|name| (*name).to_owned()).collect());
        }
        let simulated = ["install", "--simulate", "--no-install-recommends"];
        let output = apt.command().args(simulated).args(self.names).output()?;
        let names = installed_by(&String::from_utf8_lossy(&output.stdout));
        if names.is_empty() {
            bail!("apt-get knows no {}", self.names.join(" "));
        }
        Ok(names)
    }

    /// Appears as a whole or not at all.
    fn fetch(&self, folder: &Path) -> Result<()> {
        let partial = folder.with_extension("partial");
        empty(&partial)?;
        let apt = Apt::new()?;
        process::run(apt.command().args(["update", "-qq"]))?;
        let names = self.all_names(&apt)?;
        process::run(apt.command().args(["download", "-qq"]).args(names).current_dir(&partial))?;
        for entry in fs::read_dir(&partial)? {
            let package = entry?.path();
            if package.extension().is_some_and(|end| end == "deb") {
                process::run(program("dpkg-deb").arg("--extract").args([&package, &partial]))?;
                fs::remove_file(package)?;
            }
        }
        remove(folder)?;
        fs::rename(&partial, folder).with_context(|| format!("cannot make {}", folder.display()))
    }
}

/// The packages of a simulated installation: `Inst NAME (VERSION ..)`.
fn installed_by(simulation: &str) -> Vec<String> {
    let lines = simulation.lines().filter_map(|line| line.strip_prefix("Inst "));
    lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// apt-get with lists of its own, so that no root is needed and the machine's stay as they are.
struct Apt {
    state: PathBuf,
}

impl Apt {
    fn new() -> Result<Self> {
        let state = workspace::tools_dir()?.join("apt");
        for folder in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(state.join(folder))?;
        }
        Ok(Self { state })
    }

    fn command(&self) -> Command {
        let mut command = program("apt-get");
        for (key, folder) in
            [("Dir::State", "."), ("Dir::State::Lists", "lists"), ("Dir::Cache", "cache")]
        {
            command.arg("-o").arg(format!("{key}={}", self.state.join(folder).display()));
        }
        // Otherwise root downloads as a user who may not write here.
        command.args(["-o", "APT::Sandbox::User="]);
        command
    }
}

fn empty(folder: &Path) -> Result<()> {
    remove(folder)?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(err) if err.kind() != ErrorKind::NotFound => {
            Err(err).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulation_names_what_it_would_install() {
        let said = "Reading package lists...\nInst liba (1.2-3 Debian:12 [amd64])\n\
                    Inst chromium (156 Debian:12 [amd64])\nConf liba (1.2-3 Debian:12 [amd64])\n";
        assert_eq!(installed_by(said), ["liba", "chromium"]);
    }
}
