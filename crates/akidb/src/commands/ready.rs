//! `akidb ready`

use std::time::{Duration, Instant};

use akidb_client::{Client, RequestError};
use clap::Args;
use serde_json::Value;

use crate::{
    commands::show,
    connection::RunningNodeArgs,
    failure::{ExitStatus, Failure, Result},
    printer::Printer,
    waiting::waiting,
};

/// How often a node that is not ready is asked again.
const ASK_EVERY: Duration = Duration::from_millis(100);

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  $ akidb ready
  $ akidb ready --wait 60 && akidb import films films.jsonl

Ends with exit code 0 when the node can serve, and 1 when it is still loading, stopping, or could not
load its model; each part is shown. Made for health checks where there is no curl.")]
pub(crate) struct ReadyArgs {
    /// Ask for up to so many seconds until the node is ready
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u64,
    #[command(flatten)]
    node: RunningNodeArgs,
}

pub(crate) async fn run(args: ReadyArgs, printer: Printer) -> Result {
    let client = args.node.client()?;
    let patience = Duration::from_secs(args.wait);
    let answer = waiting("waiting for the node to be ready", ask(&client, patience)).await?;
    printer.answer(&answer, || show::rows(&answer["components"], &["name", "ready", "detail"]))?;
    if answer["ready"] == true {
        return Ok(());
    }
    let waits = answer["components"].as_array().into_iter().flatten();
    let waits: Vec<_> = waits
        .filter(|component| component["ready"] != true)
        .filter_map(|component| component["name"].as_str())
        .collect();
    let message = format!("the node is not ready: {}", waits.join(", "));
    Err(Failure::new(ExitStatus::FAILURE, message)
        .hint("the node's log says why; --wait SECONDS waits for it"))
}

/// Asks until the node is ready or patience ends; answers what it said last.
async fn ask(client: &Client, patience: Duration) -> Result<Value, RequestError> {
    let started = Instant::now();
    loop {
        let outcome: Result<Value, _> = client.readiness().await;
        let settled = match &outcome {
            Ok(answer) => answer["ready"] == true,
            Err(error) => !error.retryable(),
        };
        if settled || started.elapsed() >= patience {
            return outcome;
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}
