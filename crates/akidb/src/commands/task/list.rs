//! `akidb task list`

use akidb_client::Request;
use clap::Args;
use serde_json::Value;

use super::TASKS;
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
  $ akidb task list --output json")]
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
        Ok(waiting("asking the node", client.send(Request::get(&TASKS))).await?)
    })
    .await?;
    printer.answer(&reply, || {
        show::rows(
            &reply["tasks"],
            &["id", "kind", "state", "progress", "collection", "to", "model"],
        )
    })
}
