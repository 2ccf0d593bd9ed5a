//! `akidb task show`

use akidb_client::Request;
use clap::Args;
use serde_json::Value;

use super::TASKS;
use crate::{
    commands::show,
    connection::{NodeArgs, Opening, with_node},
    failure::Result,
    printer::Printer,
    settings::ConfigurationArgs,
    waiting::waiting,
};

#[derive(Args, Debug)]
#[command(after_help = "Example:
  $ akidb task show 01a22a8c-0c33-7335-b376-17d5be95297f")]
pub(crate) struct ShowArgs {
    /// The task
    id: String,
    #[command(flatten)]
    node: NodeArgs,
}

pub(super) async fn run(
    args: ShowArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let [version, tasks] = TASKS;
    let reply: Value = with_node(&args.node, configuration, Opening::EXISTING, async |client| {
        Ok(waiting("asking the node", client.send(Request::get(&[version, tasks, &args.id])))
            .await?)
    })
    .await?;
    printer.answer(&reply, || show::properties(&reply))
}
