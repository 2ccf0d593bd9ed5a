//! `akidb collection update`

use std::time::Duration;

use akidb_client::{Client, Request};
use clap::{ArgGroup, Args};
use serde_json::{Map, Value, json};

use super::{COLLECTIONS, index::IndexSettings};
use crate::{
    commands::{nearest, show},
    connection::{NodeArgs, Opening, with_node},
    failure::Result,
    printer::Printer,
    settings::ConfigurationArgs,
    waiting::{Step, following, waiting},
};

/// How often the node is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(200);

#[derive(Args, Debug)]
#[command(group(ArgGroup::new("change").required(true).multiple(true).args(
    ["description", "ttl_seconds", "engine", "m", "ef_construction", "ef", "quantization"]
)))]
#[command(group(ArgGroup::new("of_index").multiple(true).args(
    ["engine", "m", "ef_construction", "ef", "quantization"]
)))]
#[command(after_help = "Examples:
  $ akidb collection update films --description 'films up to 2024'
  $ akidb collection update films --engine hnsw --m 32 --wait
  $ akidb collection update books --field title --ef 200
  $ akidb collection update sessions --ttl-seconds 86400

What is not given stays as it is. An index that has to be built again is built in the background,
while searches go on.")]
pub(crate) struct UpdateArgs {
    /// The collection
    name: String,
    #[command(flatten)]
    changes: Changes,
    /// Return when searches use the changed index, and show how much of it is built
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Args, Debug)]
struct Changes {
    /// A line for people; an empty one removes it
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Seconds after its write until a document expires that does not say when, from now on; 0 for never
    #[arg(long, value_name = "NUMBER")]
    ttl_seconds: Option<u64>,
    /// The named vector field whose index is to be another; the unnamed one where absent
    #[arg(long, value_name = "FIELD", requires = "of_index")]
    field: Option<String>,
    #[command(flatten)]
    index: IndexSettings,
}

impl Changes {
    /// The body of the request.
    fn body(&self) -> Value {
        let mut body = Map::new();
        if let Some(description) = &self.description {
            body.insert("description".to_owned(), json!(description));
        }
        if let Some(ttl_seconds) = self.ttl_seconds {
            body.insert("ttl_seconds".to_owned(), json!(ttl_seconds));
        }
        match &self.field {
            _ if self.index.is_absent() => {}
            Some(field) => {
                body.insert("fields".to_owned(), json!({field: {"index": self.index}}));
            }
            None => {
                body.insert("index".to_owned(), json!(self.index));
            }
        }
        Value::Object(body)
    }
}

pub(super) async fn run(
    args: UpdateArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let [version, collections] = COLLECTIONS;
    let collection = with_node(&args.node, configuration, Opening::EXISTING, async |client| {
        let request =
            Request::patch(&[version, collections, &args.name]).json(&args.changes.body());
        let answer = waiting("changing the collection", client.send(request)).await;
        let changed = nearest::explain(client, &args.name, answer).await?;
        let field = args.changes.field.as_deref();
        if args.wait { built(client, &args.name, field).await } else { Ok(changed) }
    })
    .await?;
    printer.answer(&collection, || show::properties(&collection))
}

/// The collection when the index of a field is what its settings ask for.
async fn built(client: &Client, name: &str, field: Option<&str>) -> Result<Value> {
    let [version, collections] = COLLECTIONS;
    let path = [version, collections, name];
    following("building the index", ASK_EVERY, async || {
        let collection: Value = client.send(Request::get(&path)).await?;
        let index = match field {
            Some(field) => &collection["fields"][field]["index"],
            None => &collection["index"],
        };
        if index["state"] == "ready" {
            return Ok(Step::Done(collection));
        }
        Ok(Step::Part(index["progress"].as_f64().unwrap_or_default()))
    })
    .await
}
