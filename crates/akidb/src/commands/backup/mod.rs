//! `akidb backup`

mod create;
mod delete;
mod files;
mod list;
mod prune;
mod restore;
mod verify;

use clap::Subcommand;

use crate::{failure::Result, printer::Printer, settings::ConfigurationArgs};

const BACKUPS: [&str; 3] = ["v1", "admin", "backups"];

#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Write a backup of all collections as of one moment, while writes go on
    Create(create::CreateArgs),
    /// List the backups
    List(list::ListArgs),
    /// Read all of a backup, and compare it with its hashes
    Verify(verify::VerifyArgs),
    /// Make a data directory have what a backup has
    Restore(restore::RestoreArgs),
    /// Delete a backup
    Delete(delete::DeleteArgs),
    /// Delete all backups but the newest
    Prune(prune::PruneArgs),
}

pub(crate) async fn run(
    command: BackupCommand,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    match command {
        BackupCommand::Create(args) => create::run(args, configuration, printer).await,
        BackupCommand::List(args) => list::run(args, configuration, printer).await,
        BackupCommand::Verify(args) => verify::run(args, configuration, printer).await,
        BackupCommand::Restore(args) => restore::run(args, configuration, printer).await,
        BackupCommand::Delete(args) => delete::run(args, configuration, printer).await,
        BackupCommand::Prune(args) => prune::run(args, configuration, printer).await,
    }
}
