//! `akidb document`: documents read, changed, counted and deleted, one by its id or many by a filter.

use akidb_core::read_json;
use clap::{ArgGroup, Args, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{nearest, search::object, show};
use crate::{
    client::{Client, RequestError},
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
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Args, Debug)]
#[command(group(ArgGroup::new("which").required(true).args(["id", "filter", "all"])))]
#[command(group(ArgGroup::new("change").required(true).multiple(true).args(["text", "metadata"])))]
#[command(after_help = "Examples:
  $ akidb document update films 42 --metadata '{\"seen\":true,\"draft\":null}'
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

/// What the node is asked.
struct Request<'a> {
    method: Method,
    collection: &'a str,
    /// Behind the collection.
    route: &'a [&'a str],
    /// The document, where it is one.
    id: Option<&'a str>,
    if_seq: Option<u64>,
    body: Option<Value>,
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
    let by_filter = args.filter.as_ref().map(|filter| {
        body([
            ("filter", Some(filter.clone())),
            ("limit", args.limit.map(Value::from)),
            ("cursor", args.cursor.as_deref().map(Value::from)),
        ])
    });
    let request = Request {
        method: if by_filter.is_some() { Method::POST } else { Method::GET },
        collection: &args.collection,
        route: if by_filter.is_some() { &["documents", "get"] } else { &["document"] },
        id: args.id.as_deref(),
        if_seq: None,
        body: by_filter,
    };
    let reply = ask(&request, &args.node, configuration, Opening::EXISTING).await?;
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
    let request = Request {
        method: Method::PATCH,
        collection: &args.collection,
        route: if args.id.is_some() { &["document"] } else { &["documents"] },
        id: args.id.as_deref(),
        if_seq: args.if_seq,
        body: Some(body([
            ("filter", args.filter.clone()),
            ("all", args.all.then_some(json!(true))),
            ("text", args.text.as_deref().map(Value::from)),
            ("metadata", args.metadata.clone()),
        ])),
    };
    let opening = match args.text {
        Some(_) => Opening::EXISTING.with_model(),
        None => Opening::EXISTING,
    };
    answer(&request, &args.node, configuration, (opening, printer)).await
}

async fn delete(args: &DeleteArgs, configuration: &ConfigurationArgs, printer: Printer) -> Result {
    let many = body([("filter", args.filter.clone()), ("all", args.all.then_some(json!(true)))]);
    let is_one = args.id.is_some();
    let request = Request {
        method: if is_one { Method::DELETE } else { Method::POST },
        collection: &args.collection,
        route: if is_one { &["document"] } else { &["documents", "delete"] },
        id: args.id.as_deref(),
        if_seq: args.if_seq,
        body: (!is_one).then_some(many),
    };
    answer(&request, &args.node, configuration, (Opening::EXISTING, printer)).await
}

async fn count(args: &CountArgs, configuration: &ConfigurationArgs, printer: Printer) -> Result {
    let request = Request {
        method: Method::POST,
        collection: &args.collection,
        route: &["documents", "count"],
        id: None,
        if_seq: None,
        body: Some(body([("filter", args.filter.clone())])),
    };
    answer(&request, &args.node, configuration, (Opening::EXISTING, printer)).await
}

/// Shows a reply that is an object of few fields.
async fn answer(
    request: &Request<'_>,
    node: &NodeArgs,
    configuration: &ConfigurationArgs,
    (opening, printer): (Opening, Printer),
) -> Result {
    let reply = ask(request, node, configuration, opening).await?;
    printer.answer(&reply, || show::properties(&reply))?;
    show::warn_of_unknown_fields(&reply, printer);
    Ok(())
}

async fn ask(
    request: &Request<'_>,
    node: &NodeArgs,
    configuration: &ConfigurationArgs,
    opening: Opening,
) -> Result<Value> {
    with_node(node, configuration, opening, async |client| {
        let answer = waiting("asking the node", send(client, request)).await;
        nearest::explain(client, request.collection, answer).await
    })
    .await
}

async fn send(client: &Client, request: &Request<'_>) -> Result<Value, RequestError> {
    let path = ["v1", "collections", request.collection];
    let path: Vec<&str> = path.into_iter().chain(request.route.iter().copied()).collect();
    let query: Vec<_> = request.id.map(|id| ("id", id)).into_iter().collect();
    let body = request.body.as_ref();
    client.one(request.method.clone(), &path, &query, body, request.if_seq).await
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
            let path = ["v1", "collections", collection, "document"];
            let query = [("id", given), ("include", "")];
            let document = client.one(Method::GET, &path, &query, None, None).await?;
            Ok(document["id"].clone())
        }
        _ => Ok(Value::String(given.to_owned())),
    }
}
