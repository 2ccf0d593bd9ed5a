//! `akidb model load`

use std::time::Duration;

use akidb_client::Request;
use clap::Args;
use serde_json::Value;

use super::MODELS;
use crate::{
    commands::show,
    connection::RunningNodeArgs,
    failure::{ExitStatus, Failure, Result},
    printer::Printer,
    waiting::waiting,
};

/// How often the node is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(50);

#[derive(Args, Debug)]
#[command(after_help = "Example:
  $ akidb model load bge-small-en-v1.5

Ends when the model is ready. The node's configuration must list it: embedding.loadable_models.")]
pub(crate) struct LoadArgs {
    /// The model
    name: String,
    #[command(flatten)]
    node: RunningNodeArgs,
}

pub(super) async fn run(args: LoadArgs, printer: Printer) -> Result {
    let client = args.node.client()?;
    let [version, admin, models] = MODELS;
    let path = [version, admin, models, &args.name];
    let load = Request::post(&[&path[..], &["load"]].concat());
    let mut model: Value = client.send(load).await?;
    waiting("loading the model", async {
        while model["state"] == "loading" {
            tokio::time::sleep(ASK_EVERY).await;
            model = client.send(Request::get(&path)).await?;
        }
        Ok::<_, Failure>(())
    })
    .await?;
    if model["state"] != "ready" {
        let reason = model["failure"].as_str().unwrap_or("it was unloaded meanwhile");
        let message = format!("the model {} is not ready: {reason}", args.name);
        return Err(Failure::new(ExitStatus::FAILURE, message)
            .hint_if_none("`akidb doctor` on the node's machine looks at its models"));
    }
    printer.answer(&model, || show::properties(&model))
}
