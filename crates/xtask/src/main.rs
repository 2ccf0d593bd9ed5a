//! What people and CI run in this repository besides cargo itself.
//!
//! Scope: set-up, the demo, the test run, the checks before a merge, the comparison of two commits,
//! the generated files. Out of scope: anything that the node needs, or that needs the node's own
//! crates.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command of the terminal: results on stdout, progress on stderr"
)]

mod bench;
mod build;
mod check;
mod demo;
mod dist;
mod docs;
mod fuzz;
mod generate;
mod mlx;
mod model;
mod node;
mod packages;
mod process;
mod python;
mod python_packages;
mod smoke;
mod test_run;
mod tools;
mod torture;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

/// Set-up, demo, tests and generated files of AkiDB.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    /// Fetch the default model, start a node, insert documents and search them by meaning.
    Demo(demo::Options),
    /// Install what the tests need and run all of them.
    Test(test_run::Options),
    /// Break nodes in every way there is: the quick set, or one part or case of any.
    Torture(torture::Options),
    /// The full torture set. It goes on where an earlier run of the same commit stopped.
    Full(torture::FullOptions),
    /// Measure this working tree against an earlier commit.
    #[command(subcommand)]
    Bench(bench::Command),
    /// Run the fuzz targets, each for some time.
    Fuzz(fuzz::Options),
    /// Check formatting, lints, generated files, dependencies and the metrics of a real node.
    Check(check::Options),
    /// Run every command block of the documentation and check its links.
    Docs(docs::Options),
    /// Write the generated pages of the documentation.
    Generate(generate::Options),
    /// Try a running node from outside: REST, gRPC, metrics and the latency of 20 embeds.
    Smoke(smoke::Options),
    /// Make an archive that runs on a machine without a network, and prove that it does.
    Dist(dist::Options),
}

fn main() -> ExitCode {
    let task = Task::parse();
    // A pipeline tells a slower commit from one that could not be measured.
    let failure = if matches!(task, Task::Bench(_)) { bench::NOT_MEASURED } else { 1 };
    match run(task) {
        Ok(exit_code) => exit_code,
        Err(err) => {
            eprintln!("\nerror: {err}");
            for cause in err.chain().skip(1) {
                eprintln!("because: {cause}");
            }
            ExitCode::from(failure)
        }
    }
}

fn run(task: Task) -> anyhow::Result<ExitCode> {
    match task {
        Task::Bench(command) => return bench::run(&command),
        Task::Demo(options) => demo::run(&options),
        Task::Test(options) => test_run::run(&options),
        Task::Torture(options) => torture::run(&options),
        Task::Full(options) => torture::full(&options),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Check(options) => check::run(&options),
        Task::Docs(options) => docs::run(&options),
        Task::Generate(options) => generate::run(&options),
        Task::Smoke(options) => smoke::run(&options),
        Task::Dist(options) => dist::run(&options),
    }?;
    Ok(ExitCode::SUCCESS)
}
