//! `akidb collection copy`

use akidb_client::Request;
use clap::Args;
use serde_json::json;

use super::COLLECTIONS;
use crate::{
    commands::{nearest, show, task::ended},
    connection::{NodeArgs, Opening, with_node},
    failure::Result,
    printer::Printer,
    settings::ConfigurationArgs,
    waiting::waiting,
};

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  $ akidb collection copy films films-copy
  $ akidb collection copy films films-copy --detach

The copy is as the collection is at one moment, while writes go on. It is there when it is whole.")]
pub(crate) struct CopyArgs {
    /// The collection
    name: String,
    /// The name of the copy, 1 to 64 of A-Z a-z 0-9 _ -
    to: String,
    /// Return when it has begun; `akidb task show` says how it goes on
    #[arg(long, conflicts_with = "data_dir")]
    detach: bool,
    #[command(flatten)]
    node: NodeArgs,
}

pub(super) async fn run(
    args: CopyArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let [version, collections] = COLLECTIONS;
    let task = with_node(&args.node, configuration, Opening::EXISTING, async |client| {
        let request = Request::post(&[version, collections, &args.name, "copy"]);
        let request = request.json(&json!({"to": args.to}));
        let answer = waiting("beginning the copy", client.send(request)).await;
        let task = nearest::explain(client, &args.name, answer).await?;
        if args.detach {
            Ok(task)
        } else {
            ended(client, &task, "copying the collection", "the copy was not made").await
        }
    })
    .await?;
    printer.answer(&task, || show::properties(&task))
}
