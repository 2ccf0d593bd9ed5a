//! `akidb backup delete`

use akidb_client::Request;
use clap::Args;
use serde_json::Value;

use super::BACKUPS;
use crate::{
    commands::show,
    connection::{NodeArgs, Opening, with_node},
    failure::Result,
    printer::Printer,
    settings::ConfigurationArgs,
    waiting::waiting,
};

#[derive(Args, Debug)]
#[command(after_help = "Example:
  $ akidb backup delete 01a22a8c-0c33-7335-b376-17d5be95297f")]
pub(crate) struct DeleteArgs {
    /// The backup
    id: String,
    #[command(flatten)]
    node: NodeArgs,
}

pub(super) async fn run(
    args: DeleteArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let [version, admin, backups] = BACKUPS;
    let reply: Value = with_node(&args.node, configuration, Opening::EXISTING, async |client| {
        let request = Request::delete(&[version, admin, backups, &args.id]);
        Ok(waiting("deleting the backup", client.send(request)).await?)
    })
    .await?;
    printer.answer(&reply, || show::properties(&reply))
}
