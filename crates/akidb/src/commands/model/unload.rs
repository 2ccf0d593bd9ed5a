//! `akidb model unload`

use akidb_client::Request;
use clap::Args;
use serde_json::Value;

use super::MODELS;
use crate::{commands::show, connection::RunningNodeArgs, failure::Result, printer::Printer};

#[derive(Args, Debug)]
#[command(after_help = "Example:
  $ akidb model unload bge-small-en-v1.5

The texts that wait for it are embedded first. A model that collections use stays, unless --force
is given: then their texts are refused until it is loaded again.")]
pub(crate) struct UnloadArgs {
    /// The model
    name: String,
    /// Unload it although collections use it
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    node: RunningNodeArgs,
}

pub(super) async fn run(args: UnloadArgs, printer: Printer) -> Result {
    let [version, admin, models] = MODELS;
    let request = Request::post(&[version, admin, models, &args.name, "unload"]);
    let request = if args.force { request.query("force", "true") } else { request };
    let model: Value = args.node.client()?.send(request).await?;
    printer.answer(&model, || show::properties(&model))
}
