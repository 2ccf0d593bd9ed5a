//! `akidb key revoke`

use akidb_client::Request;
use clap::Args;
use serde_json::Value;

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
#[command(after_help = "Example:
  $ akidb key revoke 3f1c2b7a90d4e855")]
pub(crate) struct RevokeArgs {
    /// The id of the key, which stands between the underscores of its secret
    id: String,
    #[command(flatten)]
    node: NodeArgs,
}

pub(super) async fn run(
    args: RevokeArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let [version, admin, keys] = KEYS;
    let reply: Value = with_node(&args.node, configuration, Opening::EXISTING, async |client| {
        let request = Request::post(&[version, admin, keys, &args.id, "revoke"]);
        Ok(waiting("revoking the key", client.send(request)).await?)
    })
    .await?;
    printer.answer(&reply, || show::properties(&reply))
}
