//! `cargo xtask test`: installs what the tests need, runs all of them whatever fails, and ends with
//! one line of what did.
//!
//! Scope: which parts there are and what each is given. Out of scope: the last line ([`report`]),
//! which tests a run of nextest says have failed ([`results`]).

mod report;
mod results;

use std::{env, ffi::OsString, path::PathBuf, process::Command};

use anyhow::{Result, bail};

use self::{
    report::{PartResult, Report},
    results::Results,
};
use crate::{
    build, docs,
    mlx::Mlx,
    model, packages,
    process::{self, cargo, program},
    python,
    python_packages::PythonPackages,
    tools::NEXTEST,
    torture, workspace,
};

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Passed on to `cargo nextest run`: names of tests, `--profile ci`, `-p akidb-core`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    nextest: Vec<OsString>,
}

/// The tests whose texts the real model embeds, once more by MLX, which takes all cores for each.
const BY_MLX: [&str; 4] = [
    "--test-threads",
    "1",
    "-E",
    "binary(it) & package(akidb) & test(/^(meaning|real_model|openai)::/)",
];

/// The command.
pub(crate) fn run(options: &Options) -> Result<()> {
    model::fetch()?;
    let mut report = Report::default();
    let setup = Setup {
        python: python::with_clients()?,
        packages: PythonPackages::set_up()?,
        mlx: Mlx::set_up()?,
        nextest: NEXTEST.ensure()?,
        prometheus: report.fetched("Prometheus", packages::prometheus("prometheus")),
        chromium: report.fetched("Chromium", packages::chromium()),
        akidb: build::tests_and_node()?,
        models_dir: workspace::models_dir()?,
    };
    model::install(&setup.akidb)?;
    if options.is_plain() {
        report.add("documentation tests", documentation());
        report.add("module of MLX", setup.module());
        report.add("packages of Python", setup.packages());
        report.add("pages", setup.pages());
        report.add("texts by MLX", setup.texts_by_mlx(&options.nextest));
    }
    report.add("tests", setup.nextest(&options.nextest, |_| {}));
    if options.is_plain() {
        report.add("torture", setup.torture());
    }
    report.end()
}

fn documentation() -> Result<PartResult> {
    process::run(cargo().args(["test", "--doc", "--workspace", "--quiet", "--no-fail-fast"]))?;
    Ok(PartResult::Passed)
}

/// What is installed and built before the first test.
struct Setup {
    python: PathBuf,
    packages: PythonPackages,
    mlx: Mlx,
    nextest: PathBuf,
    prometheus: Option<PathBuf>,
    /// A browser, and the folders of its libraries.
    chromium: Option<(PathBuf, Vec<PathBuf>)>,
    akidb: PathBuf,
    models_dir: PathBuf,
}

impl Setup {
    fn model_dir(&self) -> PathBuf {
        self.models_dir.join(model::NAME)
    }

    fn module(&self) -> Result<PartResult> {
        self.mlx.test_module(&self.model_dir())?;
        Ok(PartResult::Passed)
    }

    fn packages(&self) -> Result<PartResult> {
        self.packages.test(&self.akidb, &self.models_dir)?;
        Ok(PartResult::Passed)
    }

    fn pages(&self) -> Result<PartResult> {
        let (akidb, models_dir) = (self.akidb.clone(), self.models_dir.clone());
        docs::check(&docs::Tools { akidb, models_dir, python: self.python.clone() }, &[])?;
        Ok(PartResult::Passed)
    }

    /// Last, so that no other test shares the machine with it.
    fn torture(&self) -> Result<PartResult> {
        torture::quick(&self.akidb)?;
        Ok(PartResult::Passed)
    }

    fn texts_by_mlx(&self, args: &[OsString]) -> Result<PartResult> {
        if !self.mlx.is_fast() {
            return Ok(PartResult::Skipped("they take too long without OpenBLAS, see above"));
        }
        self.nextest(args, |command| {
            command.args(BY_MLX).env("AKIDB_TEST_BACKEND", "mlx");
        })
    }

    /// All tests that the arguments ask for. A failure names each that failed.
    fn nextest(&self, args: &[OsString], adjust: impl FnOnce(&mut Command)) -> Result<PartResult> {
        let profile = args.get(1).filter(|_| names_profile(args));
        let results = Results::of_profile(profile.and_then(|name| name.to_str()))?;
        let mut command = process::with_python(program(&self.nextest));
        command
            .args(["nextest", "run", "--workspace"])
            .args(args)
            .env("AKIDB_TEST_MODELS_DIR", &self.models_dir)
            .env("AKIDB_TEST_MODEL_DIR", self.model_dir())
            .env("AKIDB_TEST_PYTHON", &self.python)
            .env("AKIDB_TEST_MLX_PYTHON", &self.mlx.python)
            .envs(self.mlx.openblas.iter().map(|path| ("AKIDB_TEST_OPENBLAS", path)))
            .envs(self.prometheus.iter().map(|path| ("AKIDB_TEST_PROMETHEUS", path)));
        if let Some((program, libraries)) = &self.chromium {
            command.env("AKIDB_TEST_CHROMIUM", program);
            command.env("AKIDB_TEST_CHROMIUM_LIBRARIES", env::join_paths(libraries)?);
        }
        adjust(&mut command);
        let ran = process::run(&mut command);
        match (ran, results.failed()) {
            (Ok(()), _) => Ok(PartResult::Passed),
            (Err(err), names) if names.is_empty() => Err(err),
            (Err(_), names) => bail!("{}", report::list(&names)),
        }
    }
}

impl Options {
    /// Whether all tests are asked for, whatever the profile.
    fn is_plain(&self) -> bool {
        self.nextest.is_empty() || (self.nextest.len() == 2 && names_profile(&self.nextest))
    }
}

fn names_profile(args: &[OsString]) -> bool {
    args.first().is_some_and(|word| word == "--profile")
}
