//! The tools that know the form of the files, in a virtual environment under the target folder.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Verdict;
use crate::{
    process::{self, program, succeeds},
    python, workspace,
};

const REQUIREMENTS: &str = "crates/xtask/linters.requirements.txt";

/// Prints YAML, with all its documents, or a property list as one JSON array.
const AS_JSON: &str = "\
import json, plistlib, sys
path = sys.argv[1]
if path.endswith('.plist'):
    documents = [plistlib.load(open(path, 'rb'))]
else:
    import yaml
    documents = list(yaml.safe_load_all(open(path)))
json.dump(documents, sys.stdout)
";

pub(super) struct Linters {
    python: PathBuf,
}

impl Linters {
    pub(super) fn install() -> Result<Self> {
        let python = python::with_requirements("linters", REQUIREMENTS, &[])
            .context("the tools that check the files of docker/ cannot be installed")?;
        Ok(Self { python })
    }

    fn run<'a>(&self, name: &str, args: impl IntoIterator<Item = &'a str>) -> Result<()> {
        process::run(program(self.python.with_file_name(name)).args(args))
    }

    pub(super) fn dockerfile(&self, file: &str) -> Result<()> {
        self.run("hadolint", ["--failure-threshold", "info", file])
    }

    pub(super) fn compose(&self, file: &str) -> Result<()> {
        self.run("check-jsonschema", ["--builtin-schema", "vendor.compose-spec", file])
    }

    pub(super) fn kubernetes(&self, file: &str) -> Result<()> {
        self.run("kubernetes-validate", ["--strict", "--quiet", file])
    }

    /// The documents of a YAML file or of a property list.
    pub(super) fn documents(&self, file: &str) -> Result<Vec<Value>> {
        let output = program(&self.python).args(["-c", AS_JSON, file]).output()?;
        if !output.status.success() {
            bail!("{file} cannot be read: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Lets systemd read the unit in a folder that looks like a machine with the archive installed.
    pub(super) fn systemd(&self, unit: &str, installation: &Path) -> Result<Verdict> {
        if !succeeds(program("systemd-analyze").arg("--version")) {
            return Ok(Verdict::Skipped(
                "all but the systemd unit passed: systemd-analyze is not installed",
            ));
        }
        let machine = tempfile::tempdir()?;
        let machine = machine.path();
        for folder in ["opt/akidb/bin", "etc/systemd/system"] {
            fs::create_dir_all(machine.join(folder))?;
        }
        let name = Path::new(unit).file_name().unwrap_or(OsStr::new(unit));
        fs::copy(workspace::root().join(unit), machine.join("etc/systemd/system").join(name))?;
        fs::copy(installation.join("bin/akidb"), machine.join("opt/akidb/bin/akidb"))?;
        let output = program("systemd-analyze")
            .args(["verify", "--recursive-errors=no", "--man=no", "--root"])
            .arg(machine)
            .arg(name)
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        // It succeeds also where it has ignored a line that it does not know.
        let about_it = said.lines().filter(|line| line.contains(&*name.to_string_lossy()));
        let faults: Vec<_> = about_it.collect();
        if !output.status.success() || !faults.is_empty() {
            bail!("systemd-analyze: {said}");
        }
        Ok(Verdict::Passed)
    }
}
