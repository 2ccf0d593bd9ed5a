//! The AkiDB node and its admin commands.
//!
//! Scope: the command line, the configuration, starting and stopping a node, the client of a
//! running one. Out of scope: rules, limits and status codes, which are the service's.

mod cli;
mod commands;
mod connection;
mod failure;
mod node;
mod node_failure;
mod printer;
mod settings;
mod telemetry;
mod waiting;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    cli::Cli,
    failure::{ExitStatus, Failure, Result},
    printer::Printer,
};

fn main() -> ExitCode {
    let exit = match Cli::try_parse() {
        Ok(cli) => run(cli),
        Err(error) => explain(&error),
    };
    ExitCode::from(exit.0)
}

fn run(cli: Cli) -> ExitStatus {
    let printer = Printer::new(cli.global.output);
    let outcome = start_runtime().and_then(|runtime| {
        let outcome = runtime.block_on(commands::run(cli, printer));
        // What still runs was given its time, or was told to stop at once by a second signal.
        runtime.shutdown_background();
        outcome
    });
    match outcome {
        Ok(()) => ExitStatus::OK,
        Err(failure) => {
            printer.note(&failure);
            failure.exit
        }
    }
}

fn start_runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("cannot start the threads of the runtime", &error))
}

/// Help and version are answers; everything else that clap says is a wrong command line.
fn explain(error: &clap::Error) -> ExitStatus {
    // Nobody is left to be told that the terminal is closed.
    let _ = error.print();
    if error.use_stderr() { ExitStatus::USAGE } else { ExitStatus::OK }
}
