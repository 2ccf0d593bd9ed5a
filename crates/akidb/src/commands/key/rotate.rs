//! `akidb key rotate`

use akidb_client::Request;
use clap::Args;
use serde_json::{Value, json};

use super::KEYS;
use crate::{
    commands::show,
    connection::{NodeArgs, Opening, with_node},
    failure::Result,
    printer::Printer,
    settings::ConfigurationArgs,
    waiting::waiting,
};

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  $ akidb key rotate 3f1c2b7a90d4e855
  $ akidb key rotate 3f1c2b7a90d4e855 --grace-seconds 3600")]
pub(crate) struct RotateArgs {
    /// The id of the key, which stands between the underscores of its secret
    id: String,
    /// How long the secret of before is taken too, so that clients can be told one after the other
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    grace_seconds: u64,
    #[command(flatten)]
    node: NodeArgs,
}

pub(super) async fn run(
    args: RotateArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let [version, admin, keys] = KEYS;
    let body = json!({"grace_seconds": args.grace_seconds});
    let reply: Value = with_node(&args.node, configuration, Opening::EXISTING, async |client| {
        let request = Request::post(&[version, admin, keys, &args.id, "rotate"]).json(&body);
        Ok(waiting("exchanging the secret", client.send(request)).await?)
    })
    .await?;
    printer.answer(&reply, || show::properties(&reply))
}
