//! `akidb document`: documents read, changed, counted and deleted, one by its id or many by a filter.

use akidb_client::{Client, Request, RequestError};
use akidb_core::read_json;
use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Map, Value, json};

use super::{nearest, search::object, show};
use crate::{
    connection::{NodeArgs, Opening, with_node},
    failure::Result,
    printer::Printer,
    settings::ConfigurationArgs,
    waiting::waiting,
};

#[derive(Debug, Subcommand)]
pub(crate) enum DocumentCommand {
    /// Show a document, or those that match a filter
    Get(GetArgs),
    /// Change a document, or the metadata of those that match a filter
    Update(UpdateArgs),
    /// Delete a document, those that match a filter, or all
    Delete(DeleteArgs),
    /// Count documents
    Count(CountArgs),
}

#[derive(Args, Debug)]
#[command(group(ArgGroup::new("which").required(true).args(["id", "filter"])))]
#[command(after_help = "Examples:
  $ akidb document get films 42
  $ akidb document get films --filter '{\"year\":{\"$gte\":2000}}' --limit 100 --output json
  $ akidb document get films --filter '{}' --order-by year:desc --limit 10

42 is the id \"42\", where a document has it, else the integer.")]
pub(crate) struct GetArgs {
    /// The collection
    collection: String,
    /// The document's id
    #[arg(allow_hyphen_values = true)]
    id: Option<String>,
    /// Documents whose metadata match
    #[arg(long, value_name = "JSON", value_parser = object)]
    filter: Option<Value>,
    /// With a filter: documents a page
    #[arg(long, value_name = "NUMBER", requires = "filter")]
    limit: Option<u64>,
    /// With a filter: the next_cursor of the page before
    #[arg(long, requires = "filter")]
    cursor: Option<String>,
    /// With a filter: the field by which documents are ordered, with :desc behind it from the greatest
    /// value on; that of their creation if not given
    #[arg(long, value_name = "FIELD", requires = "filter")]
    order_by: Option<String>,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Args, Debug)]
#[command(group(ArgGroup::new("which").required(true).args(["id", "filter", "all"])))]
#[command(group(ArgGroup::new("change").required(true).multiple(true).args(
    ["text", "metadata", "expires_at"]
)))]
#[command(after_help = "Examples:
  $ akidb document update films 42 --metadata '{\"seen\":true,\"draft\":null}'
  $ akidb document update films 42 --expires-at 2030-01-31
  $ akidb document update films 42 --text 'a ship meets an iceberg' --if-seq 7
  $ akidb document update films --filter '{\"year\":{\"$lt\":1950}}' --metadata '{\"era\":\"classic\"}'

What is not given stays as it is. A text is embedded again.")]
pub(crate) struct UpdateArgs {
    /// The collection
    collection: String,
    /// The document's id
    #[arg(allow_hyphen_values = true)]
    id: Option<String>,
    /// Documents whose metadata match
    #[arg(long, value_name = "JSON", value_parser = object)]
    filter: Option<Value>,
    /// All documents
    #[arg(long)]
    all: bool,
    /// Another text
    #[arg(long, requires = "id")]
    text: Option<String>,
    /// A merge patch of the metadata: null removes a key, objects merge, all else replaces
    #[arg(long, value_name = "JSON", value_parser = object)]
    metadata: Option<Value>,
    /// From when on it is there no more: a date such as 2030-01-31T23:59:59Z, or never
    #[arg(long, value_name = "DATE", requires = "id")]
    expires_at: Option<String>,
    /// Only where the document has this seq
    #[arg(long, value_name = "SEQ", requires = "id")]
    if_seq: Option<u64>,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Args, Debug)]
#[command(group(ArgGroup::new("which").required(true).args(["id", "filter", "all"])))]
#[command(after_help = "Examples:
  $ akidb document delete films 42 --if-seq 7
  $ akidb document delete films --filter '{\"year\":{\"$lt\":1950}}'")]
pub(crate) struct DeleteArgs {
    /// The collection
    collection: String,
    /// The document's id
    #[arg(allow_hyphen_values = true)]
    id: Option<String>,
    /// Documents whose metadata match
    #[arg(long, value_name = "JSON", value_parser = object)]
    filter: Option<Value>,
    /// All documents
    #[arg(long)]
    all: bool,
    /// Only where the document has this seq
    #[arg(long, value_name = "SEQ", requires = "id")]
    if_seq: Option<u64>,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Args, Debug)]
#[command(after_help = "Example:
  $ akidb document count films --filter '{\"year\":{\"$gte\":2000}}'")]
pub(crate) struct CountArgs {
    /// The collection
    collection: String,
    /// Documents whose metadata match; all if not given
    #[arg(long, value_name = "JSON", value_parser = object)]
    filter: Option<Value>,
    #[command(flatten)]
    node: NodeArgs,
}

pub(crate) async fn run(
    command: DocumentCommand,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    match command {
        DocumentCommand::Get(args) => get(&args, configuration, printer).await,
        DocumentCommand::Update(args) => update(&args, configuration, printer).await,
        DocumentCommand::Delete(args) => delete(&args, configuration, printer).await,
        DocumentCommand::Count(args) => count(&args, configuration, printer).await,
    }
}

async fn get(args: &GetArgs, configuration: &ConfigurationArgs, printer: Printer) -> Result {
    let many = body([
        ("filter", args.filter.clone()),
        ("limit", args.limit.map(Value::from)),
        ("cursor", args.cursor.as_deref().map(Value::from)),
        (
            "order_by",
            args.order_by.as_deref().map(|given| {
                let (field, direction) = field_order(given);
                json!({"field": field, "direction": direction})
            }),
        ),
    ]);
    let request = match &args.id {
        Some(id) => Request::get(&one(&args.collection)).query("id", id),
        None => Request::post(&path(&args.collection, &["documents", "get"])).json(&many),
    };
    let node = (&args.node, configuration, Opening::EXISTING);
    let reply = ask(&args.collection, request, node).await?;
    match reply.get("documents") {
        Some(documents) => {
            printer.answer(&reply, || show::rows(documents, &["id", "seq", "text", "metadata"]))?;
            if let Some(cursor) = reply["next_cursor"].as_str() {
                printer.note(format_args!("there are more: --cursor {cursor}"));
            }
        }
        None => printer.answer(&reply, || show::properties(&reply))?,
    }
    show::warn_of_unknown_fields(&reply, printer);
    Ok(())
}

async fn update(args: &UpdateArgs, configuration: &ConfigurationArgs, printer: Printer) -> Result {
    let change = body([
        ("filter", args.filter.clone()),
        ("all", args.all.then_some(json!(true))),
        ("text", args.text.as_deref().map(Value::from)),
        ("metadata", args.metadata.clone()),
        ("expires_at", args.expires_at.as_deref().map(Value::from)),
    ]);
    let request = match &args.id {
        Some(id) => Request::patch(&one(&args.collection)).query("id", id),
        None => Request::patch(&path(&args.collection, &["documents"])),
    };
    let request = args.if_seq.into_iter().fold(request.json(&change), Request::if_seq);
    let opening = match args.text {
        Some(_) => Opening::EXISTING.with_model(),
        None => Opening::EXISTING,
    };
    answer(&args.collection, request, (&args.node, configuration, opening), printer).await
}

async fn delete(args: &DeleteArgs, configuration: &ConfigurationArgs, printer: Printer) -> Result {
    let many = body([("filter", args.filter.clone()), ("all", args.all.then_some(json!(true)))]);
    let request = match &args.id {
        Some(id) => Request::delete(&one(&args.collection)).query("id", id),
        None => Request::post(&path(&args.collection, &["documents", "delete"])).json(&many),
    };
    let request = args.if_seq.into_iter().fold(request, Request::if_seq);
    let node = (&args.node, configuration, Opening::EXISTING);
    answer(&args.collection, request, node, printer).await
}

async fn count(args: &CountArgs, configuration: &ConfigurationArgs, printer: Printer) -> Result {
    let request = Request::post(&path(&args.collection, &["documents", "count"]))
        .json(&body([("filter", args.filter.clone())]));
    let node = (&args.node, configuration, Opening::EXISTING);
    answer(&args.collection, request, node, printer).await
}

/// An order as it is typed: a field, and `:desc` or `:asc` behind it.
pub(super) fn field_order(given: &str) -> (&str, &'static str) {
    match given.rsplit_once(':') {
        Some((field, "asc")) => (field, "asc"),
        Some((field, "desc")) => (field, "desc"),
        _ => (given, "asc"),
    }
}

/// The node that is asked, and what is needed of it.
type Asked<'a> = (&'a NodeArgs, &'a ConfigurationArgs, Opening);

/// Shows a reply that is an object of few fields.
async fn answer(collection: &str, request: Request, node: Asked<'_>, printer: Printer) -> Result {
    let reply = ask(collection, request, node).await?;
    printer.answer(&reply, || show::properties(&reply))?;
    show::warn_of_unknown_fields(&reply, printer);
    Ok(())
}

async fn ask(
    collection: &str,
    request: Request,
    (node, configuration, opening): Asked<'_>,
) -> Result<Value> {
    with_node(node, configuration, opening, async |client| {
        let answer = waiting("asking the node", client.send(request)).await;
        nearest::explain(client, collection, answer).await
    })
    .await
}

fn path<'a>(collection: &'a str, route: &[&'a str]) -> Vec<&'a str> {
    [&["v1", "collections", collection], route].concat()
}

/// The path of a document whose id stands in the query.
fn one(collection: &str) -> Vec<&str> {
    path(collection, &["document"])
}

/// An object without the members that are absent.
fn body<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let members = members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(members.collect::<Map<_, _>>())
}

/// A document's id of the command line, as the node knows it: where a word could be an integer, the
/// node says which of both there is.
pub(super) async fn known_id(
    client: &Client,
    collection: &str,
    given: &str,
) -> Result<Value, RequestError> {
    match read_json(given) {
        Ok(Value::String(text)) => Ok(Value::String(text)),
        Ok(Value::Number(number)) if number.is_i64() => {
            let request = Request::get(&one(collection)).query("id", given).query("include", "");
            let document: Value = client.send(request).await?;
            Ok(document["id"].clone())
        }
        _ => Ok(Value::String(given.to_owned())),
    }
}
