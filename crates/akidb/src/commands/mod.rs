//! One file per command: its arguments, what it asks, how it shows the answer.

pub(crate) mod config;
pub(crate) mod model;
mod show;

use crate::{
    cli::{Cli, Command},
    failure::Result,
    printer::Printer,
};

/// Runs the command that was asked for.
pub(crate) async fn run(cli: Cli, printer: Printer) -> Result {
    let configuration = &cli.global.configuration;
    match cli.command {
        Command::Model(command) => model::run(command, configuration, printer),
        Command::Config(command) => config::run(command, configuration, printer),
    }
}
