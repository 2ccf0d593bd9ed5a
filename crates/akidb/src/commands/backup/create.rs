//! `akidb backup create`

use akidb_client::Request;
use clap::Args;
use serde_json::Value;

use super::BACKUPS;
use crate::{
    commands::{show, task::ended},
    connection::{NodeArgs, Opening, with_node},
    failure::Result,
    printer::Printer,
    settings::ConfigurationArgs,
    waiting::waiting,
};

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  $ akidb backup create
  $ akidb backup create --detach

The backup is of one moment over all collections: what was acknowledged before it is in it. It lies
in the folder `backup.dir` of the node's configuration, and is there when it is whole.")]
pub(crate) struct CreateArgs {
    /// Return when it has begun; `akidb task show` says how it goes on
    #[arg(long, conflicts_with = "data_dir")]
    detach: bool,
    #[command(flatten)]
    node: NodeArgs,
}

pub(super) async fn run(
    args: CreateArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let shown: Value = with_node(&args.node, configuration, Opening::EXISTING, async |client| {
        let task: Value =
            waiting("beginning the backup", client.send(Request::post(&BACKUPS))).await?;
        if args.detach {
            return Ok(task);
        }
        let task = ended(client, &task, "writing the backup", "no backup was made").await?;
        let [version, admin, backups] = BACKUPS;
        let id = task["id"].as_str().unwrap_or_default();
        Ok(client.send(Request::get(&[version, admin, backups, id])).await?)
    })
    .await?;
    printer.answer(&shown, || show::properties(&shown))
}
