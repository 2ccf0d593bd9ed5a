//! `akidb backup prune`

use akidb_client::Request;
use clap::Args;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::BACKUPS;
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
  $ akidb backup prune --keep 7

Backups that can not be used are not counted, and stay.")]
pub(crate) struct PruneArgs {
    /// How many stay, the newest
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    keep: u32,
    #[command(flatten)]
    node: NodeArgs,
}

pub(super) async fn run(
    args: PruneArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let [version, admin, backups] = BACKUPS;
    let deleted = with_node(&args.node, configuration, Opening::EXISTING, async |client| {
        let listed: Value = waiting("asking the node", client.send(Request::get(&BACKUPS))).await?;
        let sound = listed["backups"].as_array().into_iter().flatten();
        let sound = sound.filter(|backup| backup["fault"].is_null()).cloned();
        let old: Vec<Value> = sound.skip(args.keep as usize).collect();
        for backup in &old {
            let id = backup["id"].as_str().unwrap_or_default();
            let request = Request::delete(&[version, admin, backups, id]);
            waiting("deleting a backup", client.send::<IgnoredAny>(request)).await?;
        }
        Ok(old)
    })
    .await?;
    let answer = json!({ "deleted": deleted });
    printer.answer(&answer, || {
        show::rows(&answer["deleted"], &["id", "created_unix_ms", "bytes", "version"])
    })
}
