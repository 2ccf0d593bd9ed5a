//! `akidb collection show`

use akidb_client::Request;
use clap::Args;

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
  $ akidb collection show films")]
pub(crate) struct ShowArgs {
    /// The collection
    name: String,
    #[command(flatten)]
    node: NodeArgs,
}

pub(super) async fn run(
    args: ShowArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let [version, collections] = COLLECTIONS;
    let collection = with_node(&args.node, configuration, Opening::EXISTING, async |client| {
        let request = Request::get(&[version, collections, &args.name]);
        let answer = waiting("asking the node", client.send(request)).await;
        nearest::explain(client, &args.name, answer).await
    })
    .await?;
    printer.answer(&collection, || show::properties(&collection))
}
