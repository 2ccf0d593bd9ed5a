//! `akidb collection add-field` and `drop-field`

use akidb_client::Request;
use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::{COLLECTIONS, create::Chunking, index::IndexSettings};
use crate::{
    commands::{nearest, show},
    connection::{NodeArgs, Opening, with_node},
    failure::Result,
    printer::Printer,
    settings::ConfigurationArgs,
    waiting::waiting,
};

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  $ akidb collection add-field films title
  $ akidb collection add-field films own --dimension 128 --metric dot

Documents that are there have no vector in it. A field of the name that is there must have these
settings.")]
pub(crate) struct AddFieldArgs {
    /// The collection
    collection: String,
    /// The field, 1 to 64 of A-Z a-z 0-9 _ -
    field: String,
    #[command(flatten)]
    settings: FieldSettings,
    #[command(flatten)]
    node: NodeArgs,
}

/// The body of the request.
#[derive(Args, Debug, Serialize)]
struct FieldSettings {
    /// The model that embeds its texts; the node's own without it and --dimension
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// The length of its vectors, for a field that you give vectors to
    #[arg(long, value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    dimension: Option<u64>,
    /// How vectors are compared: cosine, dot or l2; cosine if not given
    #[arg(long, value_name = "METRIC")]
    #[serde(skip_serializing_if = "Option::is_none")]
    metric: Option<String>,
    #[command(flatten)]
    #[serde(skip_serializing_if = "Chunking::is_absent")]
    chunking: Chunking,
    #[command(flatten)]
    #[serde(skip_serializing_if = "IndexSettings::is_absent")]
    index: IndexSettings,
}

#[derive(Args, Debug)]
#[command(after_help = "Example:
  $ akidb collection drop-field films own

There is no way back: its vectors and texts are removed from the disk.")]
pub(crate) struct DropFieldArgs {
    /// The collection
    collection: String,
    /// The field
    field: String,
    #[command(flatten)]
    node: NodeArgs,
}

pub(super) async fn add(
    args: AddFieldArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let opening = match args.settings.dimension.is_some() && args.settings.model.is_none() {
        true => Opening::EXISTING,
        false => Opening::EXISTING.with_model(),
    };
    let [version, collections] = COLLECTIONS;
    let path = [version, collections, &args.collection, "fields", &args.field];
    let collection: Value = with_node(&args.node, configuration, opening, async |client| {
        let request = Request::put(&path).json(&args.settings);
        let answer = waiting("adding the field", client.send(request)).await;
        nearest::explain(client, &args.collection, answer).await
    })
    .await?;
    printer.answer(&collection, || show::properties(&collection))
}

pub(super) async fn remove(
    args: DropFieldArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let [version, collections] = COLLECTIONS;
    let path = [version, collections, &args.collection, "fields", &args.field];
    let reply: Value = with_node(&args.node, configuration, Opening::EXISTING, async |client| {
        let answer = waiting("dropping the field", client.send(Request::delete(&path))).await;
        nearest::explain(client, &args.collection, answer).await
    })
    .await?;
    printer.answer(&reply, || show::properties(&reply))
}
