//! `akidb collection update`

use std::time::Duration;

use akidb_client::{Client, Request};
use clap::{ArgGroup, Args};
use serde::Serialize;
use serde_json::Value;

use super::{COLLECTIONS, index::IndexSettings};
use crate::{
    commands::{nearest, show},
    connection::{NodeArgs, Opening, with_node},
    failure::Result,
    printer::Printer,
    settings::ConfigurationArgs,
    waiting::{Step, following, waiting},
};

/// How often the node is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(200);

#[derive(Args, Debug)]
#[command(group(ArgGroup::new("change").required(true).multiple(true).args(
    ["description", "engine", "m", "ef_construction", "ef", "quantization"]
)))]
#[command(after_help = "Examples:
  $ akidb collection update films --description 'films up to 2024'
  $ akidb collection update films --engine hnsw --m 32 --wait

What is not given stays as it is. An index that has to be built again is built in the background,
while searches go on.")]
pub(crate) struct UpdateArgs {
    /// The collection
    name: String,
    #[command(flatten)]
    changes: Changes,
    /// Return when searches use the changed index, and show how much of it is built
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    node: NodeArgs,
}

/// The body of the request.
#[derive(Args, Debug, Serialize)]
struct Changes {
    /// A line for people; an empty one removes it
    #[arg(long, value_name = "TEXT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[command(flatten)]
    #[serde(skip_serializing_if = "IndexSettings::is_absent")]
    index: IndexSettings,
}

pub(super) async fn run(
    args: UpdateArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let [version, collections] = COLLECTIONS;
    let collection = with_node(&args.node, configuration, Opening::EXISTING, async |client| {
        let request = Request::patch(&[version, collections, &args.name]).json(&args.changes);
        let answer = waiting("changing the collection", client.send(request)).await;
        let changed = nearest::explain(client, &args.name, answer).await?;
        if args.wait { built(client, &args.name).await } else { Ok(changed) }
    })
    .await?;
    printer.answer(&collection, || show::properties(&collection))
}

/// The collection when its index is what its settings ask for.
async fn built(client: &Client, name: &str) -> Result<Value> {
    let [version, collections] = COLLECTIONS;
    let path = [version, collections, name];
    following("building the index", ASK_EVERY, async || {
        let collection: Value = client.send(Request::get(&path)).await?;
        let index = &collection["index"];
        if index["state"] == "ready" {
            return Ok(Step::Done(collection));
        }
        Ok(Step::Part(index["progress"].as_f64().unwrap_or_default()))
    })
    .await
}
