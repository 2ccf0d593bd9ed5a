//! `akidb collection copy`

use std::time::Duration;

use akidb_client::{Client, Request};
use clap::Args;
use serde_json::{Value, json};

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
        if args.detach { Ok(task) } else { ended(client, &task).await }
    })
    .await?;
    printer.answer(&task, || show::properties(&task))
}

/// The task when it is over.
async fn ended(client: &Client, task: &Value) -> Result<Value> {
    let id = task["id"].as_str().unwrap_or_default();
    following("copying the collection", ASK_EVERY, async || {
        let task: Value = client.send(Request::get(&["v1", "tasks", id])).await?;
        match task["state"].as_str() {
            Some("succeeded") => Ok(Step::Done(task)),
            Some("pending" | "running") => {
                Ok(Step::Part(task["progress"].as_f64().unwrap_or_default()))
            }
            _ => {
                let reason = task["error"]["message"].as_str().unwrap_or("it was cancelled");
                Err(Failure::new(ExitStatus::FAILURE, format!("the copy was not made: {reason}")))
            }
        }
    })
    .await
}
