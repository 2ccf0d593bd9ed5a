//! `akidb collection rename`

use akidb_client::Request;
use clap::Args;
use serde_json::json;

use super::COLLECTIONS;
use crate::{
    commands::{nearest, show},
    connection::{NodeArgs, Opening, with_node},
    failure::Result,
    printer::Printer,
    settings::ConfigurationArgs,
    waiting::waiting,
};

#[derive(Args, Debug)]
#[command(after_help = "Example:
  $ akidb collection rename films films-2024

Whoever reads or writes it meanwhile goes on. The old name is free then.")]
pub(crate) struct RenameArgs {
    /// The collection
    name: String,
    /// Its new name, 1 to 64 of A-Z a-z 0-9 _ -
    new_name: String,
    #[command(flatten)]
    node: NodeArgs,
}

pub(super) async fn run(
    args: RenameArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let [version, collections] = COLLECTIONS;
    let collection = with_node(&args.node, configuration, Opening::EXISTING, async |client| {
        let request = Request::patch(&[version, collections, &args.name]);
        let request = request.json(&json!({"name": args.new_name}));
        let answer = waiting("renaming the collection", client.send(request)).await;
        nearest::explain(client, &args.name, answer).await
    })
    .await?;
    printer.answer(&collection, || show::properties(&collection))
}
