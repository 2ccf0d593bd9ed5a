//! `akidb config`

mod show;

use clap::Subcommand;

use crate::{failure::Result, printer::Printer, settings::ConfigurationArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show every key, its value, and where the value comes from
    Show(show::ShowArgs),
}

pub(crate) fn run(
    command: ConfigCommand,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    match command {
        ConfigCommand::Show(args) => show::run(args, configuration, printer),
    }
}
