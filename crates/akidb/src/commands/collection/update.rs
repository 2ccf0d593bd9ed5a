//! `akidb collection update`

use clap::{ArgGroup, Args};
use serde::Serialize;

use super::{COLLECTIONS, index::IndexSettings};
use crate::{
    commands::show,
    connection::{NodeArgs, Opening, with_node},
    failure::Result,
    printer::Printer,
    settings::ConfigurationArgs,
};

#[derive(Args, Debug)]
#[command(group(ArgGroup::new("change").required(true).multiple(true).args(
    ["description", "engine", "m", "ef_construction", "ef", "quantization"]
)))]
#[command(after_help = "Examples:
  $ akidb collection update films --description 'films up to 2024'
  $ akidb collection update films --engine hnsw --ef 200

What is not given stays as it is. An index that has to be built again is built in the background,
while searches go on.")]
pub(crate) struct UpdateArgs {
    /// The collection
    name: String,
    #[command(flatten)]
    changes: Changes,
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
        Ok(client.patch(&[version, collections, &args.name], &args.changes).await?)
    })
    .await?;
    printer.answer(&collection, || show::properties(&collection))
}
