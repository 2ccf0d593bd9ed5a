//! `akidb task`

mod cancel;
mod follow;
mod list;
mod show;

use clap::Subcommand;

use crate::{failure::Result, printer::Printer, settings::ConfigurationArgs};

pub(super) use follow::ended;

pub(super) const TASKS: [&str; 2] = ["v1", "tasks"];

#[derive(Debug, Subcommand)]
pub(crate) enum TaskCommand {
    /// List what goes on and what has ended
    List(list::ListArgs),
    /// Show one task
    Show(show::ShowArgs),
    /// Cancel a task, and remove what it has made
    Cancel(cancel::CancelArgs),
}

pub(crate) async fn run(
    command: TaskCommand,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    match command {
        TaskCommand::List(args) => list::run(args, configuration, printer).await,
        TaskCommand::Show(args) => show::run(args, configuration, printer).await,
        TaskCommand::Cancel(args) => cancel::run(args, configuration, printer).await,
    }
}
