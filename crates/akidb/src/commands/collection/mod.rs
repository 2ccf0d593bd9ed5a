//! `akidb collection`

mod copy;
mod create;
mod delete;
mod fields;
mod index;
mod list;
mod reembed;
mod rename;
mod show;
mod update;

use clap::Subcommand;

use crate::{failure::Result, printer::Printer, settings::ConfigurationArgs};

pub(super) const COLLECTIONS: [&str; 2] = ["v1", "collections"];

#[derive(Debug, Subcommand)]
pub(crate) enum CollectionCommand {
    /// Create a collection
    Create(create::CreateArgs),
    /// List all collections
    List(list::ListArgs),
    /// Show one collection: settings, counts, index
    Show(show::ShowArgs),
    /// Change the description or the index of a collection
    Update(update::UpdateArgs),
    /// Give a collection another name
    Rename(rename::RenameArgs),
    /// Copy a collection
    Copy(copy::CopyArgs),
    /// Embed the texts of a collection with another model
    Reembed(reembed::ReembedArgs),
    /// Drop the vectors that a collection had before another model took over
    DropPrevious(reembed::DropPreviousArgs),
    /// Add a vector field to a collection
    AddField(fields::AddFieldArgs),
    /// Drop a vector field with all vectors and texts in it; documents stay
    DropField(fields::DropFieldArgs),
    /// Delete a collection and all that is in it
    Delete(delete::DeleteArgs),
}

pub(crate) async fn run(
    command: CollectionCommand,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    match command {
        CollectionCommand::Create(args) => create::run(args, configuration, printer).await,
        CollectionCommand::List(args) => list::run(args, configuration, printer).await,
        CollectionCommand::Show(args) => show::run(args, configuration, printer).await,
        CollectionCommand::Update(args) => update::run(args, configuration, printer).await,
        CollectionCommand::Rename(args) => rename::run(args, configuration, printer).await,
        CollectionCommand::Copy(args) => copy::run(args, configuration, printer).await,
        CollectionCommand::Reembed(args) => reembed::run(args, configuration, printer).await,
        CollectionCommand::DropPrevious(args) => {
            reembed::drop_previous(args, configuration, printer).await
        }
        CollectionCommand::AddField(args) => fields::add(args, configuration, printer).await,
        CollectionCommand::DropField(args) => fields::remove(args, configuration, printer).await,
        CollectionCommand::Delete(args) => delete::run(args, configuration, printer).await,
    }
}
