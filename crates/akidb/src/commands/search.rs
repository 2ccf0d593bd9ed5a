//! `akidb search`

use akidb_client::{Client, Request, RequestError};
use akidb_core::read_json;
use clap::{ArgGroup, Args, ValueEnum};
use serde::Serialize;
use serde_json::Value;

use crate::{
    commands::{document, nearest, show},
    connection::{NodeArgs, Opening, with_node},
    failure::Result,
    printer::{self, OutputFormat, Printer},
    settings::ConfigurationArgs,
    waiting::waiting,
};

#[derive(Args, Debug)]
#[command(group(ArgGroup::new("query").required(true).args(["text", "vector", "id"])))]
#[command(override_usage = "akidb search [OPTIONS] <COLLECTION> <TEXT|--vector <JSON>|--id <ID>>")]
#[command(after_help = "Examples:
  $ akidb search films 'a ship meets an iceberg' --limit 3
  $ akidb search films 'space' --filter '{\"year\":{\"$gte\":2000}}' --output json
  $ akidb search films --id 42 --include metadata
  $ akidb search films 'space' --ef 200 --explain
  $ akidb search books 'the sea' --field title
  $ akidb search faces --vector '[0.1, 0.2, 0.3]'")]
pub(crate) struct SearchArgs {
    /// The collection
    collection: String,
    #[command(flatten)]
    request: SearchRequest,
    #[command(flatten)]
    node: NodeArgs,
}

/// The body of the request.
#[derive(Args, Debug, Serialize)]
struct SearchRequest {
    /// Find what means the same as this text
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Find what is near to this vector, a JSON array
    #[arg(long, value_name = "JSON", value_parser = vector, allow_hyphen_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    vector: Option<Value>,
    /// The vector field to search; the unnamed one if not given
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// Find what is near to this document; 42 is the id "42", where a document has it, else the integer
    #[arg(long, allow_hyphen_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// Only documents whose metadata match, such as {"year":{"$gte":2000}}
    #[arg(long, value_name = "JSON", value_parser = object)]
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<Value>,
    /// Hits to show; 10 if not given
    #[arg(long, value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    /// Hits to skip
    #[arg(long, value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    /// Only hits with at least this score
    #[arg(long, value_name = "SCORE", allow_hyphen_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    min_score: Option<f64>,
    /// Parts of the documents to show; text and metadata if not given
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PARTS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    include: Option<Vec<Part>>,
    #[command(flatten)]
    #[serde(skip_serializing_if = "Params::is_absent")]
    params: Params,
    /// Show how the hits were found: what was compared, and how long it took
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    explain: bool,
}

/// How to search.
#[derive(Args, Debug, Serialize)]
struct Params {
    /// Candidates that a walk of the index keeps: more find more of the true neighbors, and take
    /// longer
    #[arg(long, value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    ef: Option<u64>,
    /// Compare every vector that the filter lets through
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    exact: bool,
}

impl Params {
    fn is_absent(&self) -> bool {
        self.ef.is_none() && !self.exact
    }
}

#[derive(Clone, Copy, Debug, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
enum Part {
    Text,
    Metadata,
    Vector,
}

pub(crate) async fn run(
    args: SearchArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let opening = match args.request.text {
        Some(_) => Opening::EXISTING.with_model(),
        None => Opening::EXISTING,
    };
    let reply = with_node(&args.node, configuration, opening, async |client| {
        let answer = waiting("searching", search(client, &args.collection, &args.request)).await;
        nearest::explain(client, &args.collection, answer).await
    })
    .await?;
    printer.answer(&reply, || hits_table(&reply["hits"]))?;
    if reply["degraded"] == true {
        printer.warning("the index is being built again, searches take longer until then");
    }
    warn_of_damage(&reply, printer);
    show::warn_of_unknown_fields(&reply, printer);
    match (reply.get("plan"), printer.output()) {
        (Some(plan), OutputFormat::Table) => printer.line(show::properties(plan)),
        _ => Ok(()),
    }
}

/// What the table does not show.
fn warn_of_damage(reply: &Value, printer: Printer) {
    let damaged = reply["damaged"].as_array().map(Vec::as_slice).unwrap_or_default();
    for document in damaged {
        let id = show::cell(document.get("id").unwrap_or(&document["seq"]));
        printer.warning(format_args!("the document {id} is damaged and not shown"));
    }
    if let Some(count) = reply["unsearchable"].as_u64() {
        printer.warning(format_args!(
            "{count} documents can not be found as their vectors are damaged; `akidb verify` lists \
             them"
        ));
    }
}

async fn search(
    client: &Client,
    collection: &str,
    request: &SearchRequest,
) -> Result<Value, RequestError> {
    let mut body = serde_json::json!(request);
    if let Some(id) = request.id.as_deref() {
        body["id"] = document::known_id(client, collection, id).await?;
    }
    client.send(Request::post(&["v1", "collections", collection, "search"]).json(&body)).await
}

fn hits_table(hits: &Value) -> comfy_table::Table {
    let hits = hits.as_array().map(Vec::as_slice).unwrap_or_default();
    let has =
        |part: &&str| hits.iter().any(|hit| hit.get(*part).is_some_and(|value| !value.is_null()));
    // A person looks for the passage, not for all of a text that was cut into some.
    let text = if has(&"passage") { "passage" } else { "text" };
    let parts: Vec<&str> =
        [text, "metadata", "vector", "passages"].into_iter().filter(has).collect();
    let mut table = printer::table(["score", "id"].into_iter().chain(parts.iter().copied()));
    for hit in hits {
        let score = hit["score"].as_f64().map_or_else(String::new, |score| format!("{score:.4}"));
        let parts = parts.iter().map(|part| show::cell(shown(hit, part)));
        table.add_row([score, show::cell(&hit["id"])].into_iter().chain(parts));
    }
    table
}

/// A part of a hit; of a passage its text, and the whole text where there is no passage.
fn shown<'h>(hit: &'h Value, part: &str) -> &'h Value {
    match (part, &hit[part]) {
        ("passage", Value::Null) => &hit["text"],
        ("passage", passage) => &passage["text"],
        (_, value) => value,
    }
}

fn vector(given: &str) -> Result<Value, String> {
    match serde_json::from_str(given) {
        Ok(Value::Array(values)) if values.iter().all(Value::is_number) => Ok(Value::Array(values)),
        _ => Err("expected a JSON array of numbers, such as [0.1, -2, 3e-4]".to_owned()),
    }
}

/// A filter. A key that stands twice is refused here: what is sent could not say it any more.
pub(super) fn object(given: &str) -> Result<Value, String> {
    match read_json(given) {
        Ok(object @ Value::Object(_)) => Ok(object),
        Ok(_) => Err("expected a JSON object, such as {\"year\":{\"$gte\":2000}}".to_owned()),
        Err(fault) => Err(format!("expected a JSON object: {fault}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn filters_lose_nothing() {
        assert_eq!(object(r#"{"a":{"$gt":1}}"#).unwrap(), json!({"a": {"$gt": 1}}));
        let twice = object(r#"{"a":1,"a":2}"#).unwrap_err();
        assert!(twice.contains("a: stands twice"), "{twice}");
        let beyond = object(r#"{"a":18446744073709551616}"#).unwrap_err();
        assert!(beyond.contains("a: is an integer beyond 64 bits"), "{beyond}");
        assert!(object("[1]").unwrap_err().contains("expected a JSON object, such as"));
    }

    #[test]
    fn vectors_are_arrays_of_numbers() {
        assert_eq!(vector("[1, -0.5]").unwrap(), json!([1, -0.5]));
        assert!(vector("[1, \"a\"]").is_err());
        assert!(vector("1, 2").is_err());
    }

    #[test]
    fn the_table_shows_only_the_parts_that_came() {
        let hits = json!([{"id": 1, "score": 0.51234, "text": "a"}, {"id": "b", "score": 0.1}]);
        let table = hits_table(&hits).to_string();
        assert!(table.contains("0.5123") && table.contains("text"), "{table}");
        assert!(!table.contains("metadata"), "{table}");
    }

    #[test]
    fn the_table_shows_the_passage_of_a_text_that_was_cut() {
        let passage = json!({"start": 4, "end": 9, "text": "found"});
        let cut = json!({"id": 1, "score": 0.5, "text": "the found text", "passage": passage});
        let hits = json!([cut, {"id": 2, "score": 0.25, "text": "a whole text"}]);
        let table = hits_table(&hits).to_string();
        assert!(table.contains("passage") && table.contains(" found "), "{table}");
        assert!(table.contains("a whole text") && !table.contains("the found"), "{table}");
    }
}
