//! `akidb alias list`

use akidb_client::Request;
use clap::Args;
use serde_json::Value;

use super::ALIASES;
use crate::{
    commands::{collection::COLLECTIONS, nearest, show},
    connection::{NodeArgs, Opening, with_node},
    failure::Result,
    printer::Printer,
    settings::ConfigurationArgs,
    waiting::waiting,
};

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  $ akidb alias list
  $ akidb alias list films")]
pub(crate) struct ListArgs {
    /// A collection; all aliases where none is given
    collection: Option<String>,
    #[command(flatten)]
    node: NodeArgs,
}

pub(super) async fn run(
    args: ListArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let reply: Value = with_node(&args.node, configuration, Opening::EXISTING, async |client| {
        let Some(name) = args.collection.as_deref() else {
            return Ok(waiting("asking the node", client.send(Request::get(&ALIASES))).await?);
        };
        let [version, collections] = COLLECTIONS;
        let request = Request::get(&[version, collections, name, "aliases"]);
        let answer = waiting("asking the node", client.send(request)).await;
        nearest::explain(client, name, answer).await
    })
    .await?;
    printer.answer(&reply, || show::rows(&reply["aliases"], &["alias", "collection"]))
}
