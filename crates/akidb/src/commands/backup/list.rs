//! `akidb backup list`

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
  $ akidb backup list --output json")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    node: NodeArgs,
}

pub(super) async fn run(
    args: ListArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let reply: Value = with_node(&args.node, configuration, Opening::EXISTING, async |client| {
        Ok(waiting("asking the node", client.send(Request::get(&BACKUPS))).await?)
    })
    .await?;
    printer.answer(&reply, || {
        show::rows(&reply["backups"], &["id", "created_unix_ms", "bytes", "version", "fault"])
    })
}
