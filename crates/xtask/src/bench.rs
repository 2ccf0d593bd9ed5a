//! `cargo xtask bench`: what `akidb-bench` measures, of two commits.
//!
//! | module | what it is |
//! |---|---|
//! | `compare` | the command: options, the order of things, the exit status |
//! | `commits` | which commits, their checkouts and their programs |
//! | `measure` | one measurement of one node |
//! | `judge` | ratios of readings, how sure they are, and what follows |
//! | `report` | how that is told, to people and to programs |
//!
//! Out of scope: the measurements themselves, which are commands of `akidb-bench`.

mod commits;
mod compare;
mod judge;
mod measure;
mod report;

use std::process::ExitCode;

use anyhow::Result;

/// The exit status where nothing can be said of a commit, since an error came in between.
pub(crate) const NOT_MEASURED: u8 = 3;

/// What to measure.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Measure this working tree (HEAD) against another commit (BASE), in turns, and judge by how
    /// much slower it is.
    Compare(compare::Options),
}

/// The command.
pub(crate) fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Compare(options) => compare::run(options),
    }
}
