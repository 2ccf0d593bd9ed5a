//! `akidb collection reembed` and `drop-previous`

use akidb_client::Request;
use clap::Args;
use serde::Serialize;
use serde_json::Value;

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
  $ akidb collection reembed films --model bge-small-en-v1.5
  $ akidb collection reembed films --field title --model all-minilm-l6-v2:f32 --detach

The collection is written and searched meanwhile. When all texts are embedded, the new vectors take the
place of those of before in one step. Those are kept: reembed with their model goes back to them,
drop-previous removes them.")]
pub(crate) struct ReembedArgs {
    /// The collection
    name: String,
    #[command(flatten)]
    body: ReembedBody,
    /// Return when it has begun; `akidb task show` says how it goes on
    #[arg(long, conflicts_with = "data_dir")]
    detach: bool,
    #[command(flatten)]
    node: NodeArgs,
}

/// The body of the request.
#[derive(Args, Debug, Serialize)]
struct ReembedBody {
    /// The model: NAME, or NAME:PRECISION
    #[arg(long, value_name = "NAME")]
    model: String,
    /// The vector field; the unnamed one if not given
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

#[derive(Args, Debug)]
#[command(after_help = "Example:
  $ akidb collection drop-previous films

There is no way back: the vectors that the field had before are removed from the disk.")]
pub(crate) struct DropPreviousArgs {
    /// The collection
    name: String,
    #[command(flatten)]
    body: DropPreviousBody,
    #[command(flatten)]
    node: NodeArgs,
}

/// The body of the request.
#[derive(Args, Debug, Serialize)]
struct DropPreviousBody {
    /// The vector field; the unnamed one if not given
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

pub(super) async fn run(
    args: ReembedArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let [version, collections] = COLLECTIONS;
    let opening = Opening::EXISTING.with_model();
    let task = with_node(&args.node, configuration, opening, async |client| {
        let request = Request::post(&[version, collections, &args.name, "reembed"]);
        let answer = waiting("beginning", client.send(request.json(&args.body))).await;
        let task = nearest::explain(client, &args.name, answer).await?;
        if args.detach {
            Ok(task)
        } else {
            ended(client, &task, "embedding the texts", "the texts were not embedded").await
        }
    })
    .await?;
    printer.answer(&task, || show::properties(&task))
}

pub(super) async fn drop_previous(
    args: DropPreviousArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let [version, collections] = COLLECTIONS;
    let reply: Value = with_node(&args.node, configuration, Opening::EXISTING, async |client| {
        let request = Request::post(&[version, collections, &args.name, "drop-previous"]);
        let answer = waiting("dropping the vectors", client.send(request.json(&args.body))).await;
        nearest::explain(client, &args.name, answer).await
    })
    .await?;
    printer.answer(&reply, || show::properties(&reply))
}
