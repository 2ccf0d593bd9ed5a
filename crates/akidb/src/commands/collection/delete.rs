//! `akidb collection delete`

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
  $ akidb collection delete films

There is no way back: its documents and vectors are removed from the disk.")]
pub(crate) struct DeleteArgs {
    /// The collection
    name: String,
    #[command(flatten)]
    node: NodeArgs,
}

pub(super) async fn run(
    args: DeleteArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let [version, collections] = COLLECTIONS;
    let reply = with_node(&args.node, configuration, Opening::EXISTING, async |client| {
        let request = Request::delete(&[version, collections, &args.name]);
        let answer = waiting("deleting the collection", client.send(request)).await;
        nearest::explain(client, &args.name, answer).await
    })
    .await?;
    printer.answer(&reply, || show::properties(&reply))
}
