//! `akidb model status`

use akidb_client::Request;
use clap::Args;
use serde_json::Value;

use super::MODELS;
use crate::{commands::show, connection::RunningNodeArgs, failure::Result, printer::Printer};

#[derive(Args, Debug)]
#[command(after_help = "Example:
  $ akidb model status")]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    node: RunningNodeArgs,
}

pub(super) async fn run(args: StatusArgs, printer: Printer) -> Result {
    let reply: Value = args.node.client()?.send(Request::get(&MODELS)).await?;
    let fields = ["name", "state", "kind", "is_default", "identity.dimension", "failure"];
    printer.answer(&reply, || show::rows(&reply["models"], &fields))
}
