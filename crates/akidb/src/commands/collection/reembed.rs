//! `akidb collection reembed` and `drop-previous`

use std::time::Duration;

use akidb_client::{Client, Request};
use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::COLLECTIONS;
use crate::{
    commands::{nearest, show},
    connection::{NodeArgs, Opening, with_node},
    failure::{ExitStatus, Failure, Result},
    printer::Printer,
    settings::ConfigurationArgs,
    waiting::{Step, following, waiting},
};

/// How often the node is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(200);

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
        if args.detach { Ok(task) } else { ended(client, &task).await }
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

/// The task when it is over.
async fn ended(client: &Client, task: &Value) -> Result<Value> {
    let id = task["id"].as_str().unwrap_or_default();
    following("embedding the texts", ASK_EVERY, async || {
        let task: Value = client.send(Request::get(&["v1", "tasks", id])).await?;
        match task["state"].as_str() {
            Some("succeeded") => Ok(Step::Done(task)),
            Some("pending" | "running") => {
                Ok(Step::Part(task["progress"].as_f64().unwrap_or_default()))
            }
            _ => {
                let reason = task["error"]["message"].as_str().unwrap_or("it was cancelled");
                let message = format!("the texts were not embedded: {reason}");
                Err(Failure::new(ExitStatus::FAILURE, message))
            }
        }
    })
    .await
}
