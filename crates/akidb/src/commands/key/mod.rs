//! `akidb key`

mod create;
mod list;
mod revoke;
mod rotate;

use clap::Subcommand;

use crate::{failure::Result, printer::Printer, settings::ConfigurationArgs};

const KEYS: [&str; 3] = ["v1", "admin", "keys"];

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key; its secret is shown this once
    Create(create::CreateArgs),
    /// List the keys, without their secrets
    List(list::ListArgs),
    /// Revoke a key: the next request with it is refused
    Revoke(revoke::RevokeArgs),
    /// Give a key another secret, which is shown this once
    Rotate(rotate::RotateArgs),
}

pub(crate) async fn run(
    command: KeyCommand,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    match command {
        KeyCommand::Create(args) => create::run(args, configuration, printer).await,
        KeyCommand::List(args) => list::run(args, configuration, printer).await,
        KeyCommand::Revoke(args) => revoke::run(args, configuration, printer).await,
        KeyCommand::Rotate(args) => rotate::run(args, configuration, printer).await,
    }
}
