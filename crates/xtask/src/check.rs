//! `cargo xtask check`: everything that must hold before a merge besides the tests.

mod deployment;
mod description;
mod metrics;

use anyhow::{Result, bail};

use crate::{
    generate,
    process::{self, cargo, program},
    python_packages::PythonPackages,
    tools::DENY,
};

/// How a check ended well.
enum Verdict {
    Passed,
    Skipped(&'static str),
}

struct Check {
    name: &'static str,
    run: fn() -> Result<Verdict>,
}

/// All of them run, so that one run tells everything that is wrong.
const CHECKS: &[Check] = &[
    Check { name: "formatting", run: formatting },
    Check { name: "lints", run: lints },
    Check { name: "generated files", run: generated_files },
    Check { name: "packages of Python", run: packages_of_python },
    Check { name: "dependencies", run: dependencies },
    Check { name: "alerts", run: metrics::check_alerts },
    Check { name: "metrics of a node", run: metrics::check },
    Check { name: "openapi.json of a node", run: description::check },
    Check { name: "archive and deployment", run: deployment::check },
];

/// What to check.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only the checks with one of these words in their name.
    words: Vec<String>,
}

/// The command.
pub(crate) fn run(options: &Options) -> Result<()> {
    let words = &options.words;
    let is_asked = |check: &&Check| {
        words.is_empty() || words.iter().any(|word| check.name.contains(word.as_str()))
    };
    let asked: Vec<_> = CHECKS.iter().filter(is_asked).collect();
    if asked.is_empty() {
        let names: Vec<_> = CHECKS.iter().map(|check| check.name).collect();
        bail!("no check is named so; there are {}", names.join(", "));
    }
    let verdicts: Vec<_> = asked.iter().map(|check| (check.name, (check.run)())).collect();
    println!();
    for (name, verdict) in &verdicts {
        match verdict {
            Ok(Verdict::Passed) => println!("passed   {name}"),
            Ok(Verdict::Skipped(reason)) => println!("SKIPPED  {name}: {reason}"),
            Err(err) => println!("FAILED   {name}: {err:#}"),
        }
    }
    let failed = verdicts.iter().filter(|(_, verdict)| verdict.is_err()).count();
    if failed > 0 {
        bail!("{failed} of {} checks failed", asked.len());
    }
    Ok(())
}

fn formatting() -> Result<Verdict> {
    process::run(cargo().args(["fmt", "--all", "--check"]))?;
    Ok(Verdict::Passed)
}

fn lints() -> Result<Verdict> {
    let flags = ["--workspace", "--all-targets", "--", "-D", "warnings"];
    process::run(cargo().arg("clippy").args(flags))?;
    Ok(Verdict::Passed)
}

fn generated_files() -> Result<Verdict> {
    generate::check()?;
    Ok(Verdict::Passed)
}

fn packages_of_python() -> Result<Verdict> {
    PythonPackages::set_up()?.lint()?;
    Ok(Verdict::Passed)
}

fn dependencies() -> Result<Verdict> {
    let deny = DENY.ensure()?;
    process::run(program(deny).args([
        "--log-level",
        "warn",
        "check",
        "bans",
        "licenses",
        "sources",
    ]))?;
    Ok(Verdict::Passed)
}
