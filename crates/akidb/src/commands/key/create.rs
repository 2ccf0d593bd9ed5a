//! `akidb key create`

use akidb_client::{NewKey, Request, Role};
use clap::{Args, ValueEnum};
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
#[command(after_help = "Examples:
  $ akidb key create operators --role admin
  $ akidb key create 'tenant a' --role write --collection 'tenant-a_*' --ttl-seconds 7776000
  $ akidb key create operators --role admin --data-dir ./films

Each role may do what those before it may: read reads, searches and embeds; write changes documents;
admin makes, changes and drops collections, and without --collection does all that a node does.")]
pub(crate) struct CreateArgs {
    /// What people call it
    name: String,
    /// What it may do
    #[arg(long, value_enum)]
    role: GivenRole,
    /// A collection that it reaches, or how names begin with a * behind; can be given several times.
    /// It reaches every collection where this is not given
    #[arg(long, value_name = "NAME")]
    collection: Vec<String>,
    /// Seconds after which it is not valid any more
    #[arg(long, value_name = "SECONDS")]
    ttl_seconds: Option<u64>,
    /// Requests a minute, in place of what the node allows every key
    #[arg(long, value_name = "COUNT")]
    requests_per_minute: Option<u32>,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum GivenRole {
    Read,
    Write,
    Admin,
}

pub(super) async fn run(
    args: CreateArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let role = match args.role {
        GivenRole::Read => Role::Read,
        GivenRole::Write => Role::Write,
        GivenRole::Admin => Role::Admin,
    };
    let mut new = NewKey::new(&args.name, role);
    if !args.collection.is_empty() {
        new = new.collections(args.collection);
    }
    if let Some(seconds) = args.ttl_seconds {
        new = new.ttl_seconds(seconds);
    }
    if let Some(rate) = args.requests_per_minute {
        new = new.requests_per_minute(rate);
    }
    let request = Request::post(&KEYS).json(&new);
    let opening = Opening::NEW_DIRECTORY;
    let reply: Value = with_node(&args.node, configuration, opening, async |client| {
        Ok(waiting("making the key", client.send(request.clone())).await?)
    })
    .await?;
    printer.answer(&reply, || show::properties(&reply))
}
