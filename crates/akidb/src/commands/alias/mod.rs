//! `akidb alias`

mod change;
mod list;

use clap::Subcommand;

use crate::{failure::Result, printer::Printer, settings::ConfigurationArgs};

const ALIASES: [&str; 2] = ["v1", "aliases"];

#[derive(Debug, Subcommand)]
pub(crate) enum AliasCommand {
    /// List the aliases, or those of one collection
    List(list::ListArgs),
    /// Create, set and delete aliases, all in one step
    Change(change::ChangeArgs),
}

pub(crate) async fn run(
    command: AliasCommand,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    match command {
        AliasCommand::List(args) => list::run(args, configuration, printer).await,
        AliasCommand::Change(args) => change::run(args, configuration, printer).await,
    }
}
