//! `akidb key list`

use akidb_client::Request;
use clap::Args;
use serde_json::Value;

use super::KEYS;
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
  $ akidb key list --output json")]
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
        Ok(waiting("asking the node", client.send(Request::get(&KEYS))).await?)
    })
    .await?;
    printer.answer(&reply, || {
        show::rows(&reply["keys"], &["id", "name", "role", "collections", "state"])
    })
}
