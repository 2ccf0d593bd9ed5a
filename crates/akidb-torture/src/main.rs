//! Breaks a node from outside, in every way that a seed can name, and compares what it says with
//! an oracle that has seen each request and each reply.
//!
//! Scope: the oracle, the faults and the sets of them. Out of scope: anything of the node's own
//! code; it is driven as a client drives it, and its disk as a disk would fail.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command of the terminal: results on stdout, errors on stderr"
)]

mod agree;
mod case;
mod client;
mod disk;
mod document;
mod files;
mod history;
mod judge;
mod node;
mod oracle;
mod parts;
mod results;
mod runner;
mod scene;
mod shared;
mod shim;
mod workload;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Result, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{case::Part, node::Launch, results::Results, runner::RunRequest};

/// Breaks a node from outside and compares what it says with an oracle.
#[derive(Parser)]
#[command(name = "akidb-torture")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a set of cases; those that held before are left out.
    Run(RunArgs),
    /// Run one case again.
    Case(CaseArgs),
    /// Show the totals of what was run.
    Summary {
        /// Where the results are kept.
        #[arg(long)]
        results: PathBuf,
    },
    /// List the parts.
    Parts,
}

/// What every run needs.
#[derive(Args)]
struct Common {
    /// The binary of the node, built with debug assertions.
    #[arg(long)]
    akidb: PathBuf,
    /// Where results are kept, one folder a state of the code.
    #[arg(long)]
    results: PathBuf,
    /// Everything follows from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Args)]
struct RunArgs {
    #[command(flatten)]
    common: Common,
    /// How much.
    #[arg(long, value_enum, default_value_t = Set::Quick)]
    set: Set,
    /// Only these parts.
    #[arg(long = "part", value_name = "PART")]
    parts: Vec<String>,
    /// This share of the cases, such as 2/4.
    #[arg(long, value_parser = parse_shard, default_value = "1/1")]
    shard: Shard,
    /// Cases at a time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Run those again that held before.
    #[arg(long)]
    again: bool,
    /// Begin no case after so many minutes.
    #[arg(long)]
    minutes: Option<u64>,
}

#[derive(Args)]
struct CaseArgs {
    /// The part.
    part: String,
    /// The number of the case.
    number: u64,
    #[command(flatten)]
    common: Common,
}

/// How much to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Set {
    /// What runs with the tests.
    Quick,
    /// What runs before a release.
    Full,
}

/// One of several shares of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shard {
    index: u64,
    of: u64,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Run(args) => runner::run(&plan(args)?),
        Command::Case(CaseArgs { part, number, common }) => {
            let cases = vec![(find(&part)?, number)];
            runner::run(&RunRequest { cases, again: true, ..empty_plan(common, 1)? })
        }
        Command::Summary { results } => {
            let summary = Results::open(&results)?.summary();
            print!("{}", summary.text());
            match summary.findings.len() {
                0 => Ok(()),
                number => bail!("{number} cases did not hold"),
            }
        }
        Command::Parts => {
            for Part { name, about, quick, full, .. } in parts::ALL {
                println!("{name:12} {quick:4} quick, {full:5} full: {about}");
            }
            Ok(())
        }
    }
}

fn plan(args: RunArgs) -> Result<RunRequest> {
    let RunArgs { common, set, parts, shard, jobs, again, minutes } = args;
    let parts: Vec<&Part> = match parts.is_empty() {
        true => parts::ALL.iter().collect(),
        false => parts.iter().map(|name| find(name)).collect::<Result<_>>()?,
    };
    let mut cases = Vec::new();
    for part in parts {
        let number = if set == Set::Quick { part.quick } else { part.full };
        cases.extend(
            (0..number).filter(|case| case % shard.of == shard.index).map(|case| (part, case)),
        );
    }
    let budget = minutes.map(|minutes| Duration::from_secs(minutes * 60));
    Ok(RunRequest { cases, again, budget, ..empty_plan(common, jobs)? })
}

fn empty_plan(common: Common, jobs: usize) -> Result<RunRequest> {
    let Common { akidb, results, seed } = common;
    Ok(RunRequest {
        cases: Vec::new(),
        seed,
        jobs,
        again: false,
        budget: None,
        launch: Launch { akidb: akidb.canonicalize()?, variables: Vec::new() },
        folder: results,
    })
}

fn find(name: &str) -> Result<&'static Part> {
    let names: Vec<_> = parts::ALL.iter().map(|part| part.name).collect();
    match parts::ALL.iter().find(|part| part.name == name) {
        Some(part) => Ok(part),
        None => bail!("no part is named {name:?}, there are {}", names.join(", ")),
    }
}

fn parse_shard(text: &str) -> Result<Shard, String> {
    let read = || {
        let (index, of) = text.split_once('/')?;
        Some((index.parse::<u64>().ok()?, of.parse::<u64>().ok()?))
    };
    match read() {
        Some((index, of)) if (1..=of).contains(&index) => Ok(Shard { index: index - 1, of }),
        _ => Err("a shard is such as 2/4: the second of four".to_owned()),
    }
}
