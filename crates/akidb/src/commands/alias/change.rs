//! `akidb alias change`

use akidb_client::Request;
use clap::{ArgGroup, Args};
use serde_json::{Value, json};

use super::ALIASES;
use crate::{
    commands::show,
    connection::{NodeArgs, Opening, with_node},
    failure::{Failure, Result},
    printer::Printer,
    settings::ConfigurationArgs,
    waiting::waiting,
};

#[derive(Args, Debug)]
#[command(group(ArgGroup::new("change").required(true).multiple(true).args(
    ["create", "set", "delete"]
)))]
#[command(after_help = "Examples:
  $ akidb alias change --create cinema=films
  $ akidb alias change --set cinema=films-2024
  $ akidb alias change --delete cinema --set news=films-2024

Deletions are made first, then what is created, then what is set. Others see all of it or nothing.")]
pub(crate) struct ChangeArgs {
    /// A new alias and the collection that it names; can be given several times
    #[arg(long, value_name = "ALIAS=COLLECTION")]
    create: Vec<String>,
    /// The same for an alias that may be there and name another collection
    #[arg(long, value_name = "ALIAS=COLLECTION")]
    set: Vec<String>,
    /// An alias that goes; can be given several times
    #[arg(long, value_name = "ALIAS")]
    delete: Vec<String>,
    #[command(flatten)]
    node: NodeArgs,
}

impl ChangeArgs {
    fn actions(&self) -> Result<Vec<Value>> {
        let deleted = self.delete.iter().map(|alias| Ok(json!({"delete": {"alias": alias}})));
        let created = self.create.iter().map(|given| Ok(json!({"create": named(given)?})));
        let set = self.set.iter().map(|given| Ok(json!({"set": named(given)?})));
        deleted.chain(created).chain(set).collect()
    }
}

fn named(given: &str) -> Result<Value> {
    let Some((alias, collection)) = given.split_once('=') else {
        return Err(Failure::usage(format!("{given:?} is not ALIAS=COLLECTION")));
    };
    Ok(json!({"alias": alias, "collection": collection}))
}

pub(super) async fn run(
    args: ChangeArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let request = Request::post(&ALIASES).json(&json!({"actions": args.actions()?}));
    let reply: Value = with_node(&args.node, configuration, Opening::EXISTING, async |client| {
        Ok(waiting("changing the aliases", client.send(request.clone())).await?)
    })
    .await?;
    printer.answer(&reply, || show::rows(&reply["aliases"], &["alias", "collection"]))
}
