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
#[command(group(ArgGroup::new("query").required(true).multiple(true).args(["text", "vector", "id"])))]
#[command(override_usage = "akidb search [OPTIONS] <COLLECTION> <TEXT|--vector <JSON>|--id <ID>>")]
#[command(after_help = "Examples:
  $ akidb search films 'a ship meets an iceberg' --limit 3
  $ akidb search films 'space' --filter '{\"year\":{\"$gte\":2000}}' --output json
  $ akidb search films 'GPT-4o -beta' --mode keyword
  $ akidb search films 'a ship meets \"iceberg A-68\"' --mode hybrid
  $ akidb search films 'space' --mode hybrid --fusion rrf --weights 1,2 --depth 200
  $ akidb search films 'space' --group-by director --group-size 2
  $ akidb search papers 'hull fractures' --passages 3 --passage-context 1
  $ akidb search papers 'hull \"brittle fracture\"' --mode keyword --snippet 2
  $ akidb search films 'space' --order-by year:desc --candidates 50
  $ akidb search films --id 42 --include metadata
  $ akidb search films 'space' --rerank ms-marco-minilm-l6-v2 --rerank-top 100
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
    /// Find what means the same as this text, or has its words
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// What documents are found by; semantic if not given. Of several words each will do; "a phrase", -word
    /// and word* say more
    #[arg(long, value_enum, ignore_case = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<Mode>,
    /// Find what is near to this vector, a JSON array; in a hybrid search beside the text
    #[arg(long, value_name = "JSON", value_parser = vector, allow_hyphen_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    vector: Option<Value>,
    /// The vector field to search; the unnamed one if not given
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// Find what is near to this document; 42 is the id "42", where a document has it, else the integer
    #[arg(long, allow_hyphen_values = true, conflicts_with_all = ["text", "vector"])]
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
    /// Only hits with at least this score; of a hybrid search see --min-semantic and --min-keyword
    #[arg(long, value_name = "SCORE", allow_hyphen_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    min_score: Option<f64>,
    #[command(flatten)]
    #[serde(skip_serializing_if = "MinParts::is_absent")]
    min_parts: MinParts,
    #[command(flatten)]
    #[serde(skip_serializing_if = "Hybrid::is_absent")]
    hybrid: Hybrid,
    #[command(flatten)]
    #[serde(skip_serializing_if = "Rerank::is_absent")]
    rerank: Rerank,
    /// Parts of the documents to show; metadata, and text or passages, if not given
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PARTS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    include: Option<Vec<Part>>,
    /// Show so many of the best passages of each text, in place of the text; 3 if only --include asks for them
    #[arg(long = "passages", value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    passages_per_document: Option<u64>,
    /// Show so many neighbors on either side of each of these passages
    #[arg(long, value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    passage_context: Option<u64>,
    #[command(flatten)]
    #[serde(skip_serializing_if = "Highlight::is_absent")]
    highlight: Highlight,
    #[command(flatten)]
    #[serde(skip_serializing_if = "Group::is_absent", rename = "group_by")]
    group: Group,
    #[command(flatten)]
    #[serde(skip_serializing_if = "Order::is_absent", rename = "order_by")]
    order: Order,
    #[command(flatten)]
    #[serde(skip_serializing_if = "Params::is_absent")]
    params: Params,
    /// Show how the hits were found: what was compared, and how long it took
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    explain: bool,
}

impl SearchRequest {
    /// Whether a model is needed.
    fn is_embedded(&self) -> bool {
        let by_words = self.mode == Some(Mode::Keyword);
        let is_embedded = self.text.is_some() && self.vector.is_none() && !by_words;
        is_embedded || !self.rerank.is_absent()
    }
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

/// The words of the text in the texts of hits.
#[derive(Args, Debug, Serialize)]
struct Highlight {
    /// Tell where the texts have the words, at most this often in each; 100 if not given
    #[arg(long = "highlight", value_name = "NUMBER", num_args = 0..=1, require_equals = true,
        default_missing_value = "100")]
    #[serde(skip_serializing_if = "Option::is_none")]
    ranges: Option<u64>,
    /// Show so many sentences of each text that have the most of the words
    #[arg(long = "snippet", value_name = "SENTENCES")]
    #[serde(skip_serializing_if = "Option::is_none")]
    snippet_sentences: Option<u64>,
}

impl Highlight {
    const fn is_absent(&self) -> bool {
        self.ranges.is_none() && self.snippet_sentences.is_none()
    }
}

/// What puts the best hits in another order.
#[derive(Args, Debug, Serialize)]
struct Rerank {
    /// A re-ranker that puts the best hits in the order in which they answer the text
    #[arg(id = "rerank", long = "rerank", value_name = "MODEL")]
    model: Option<String>,
    /// With --rerank: how many of the best hits it reads; 50 if not given
    #[arg(id = "rerank_top", long = "rerank-top", value_name = "NUMBER", requires = "rerank")]
    #[serde(skip_serializing_if = "Option::is_none")]
    top: Option<u64>,
}

impl Rerank {
    const fn is_absent(&self) -> bool {
        self.model.is_none()
    }
}

/// Hits in groups.
#[derive(Args, Debug, Serialize)]
struct Group {
    /// Show hits in groups of one value of this field; --limit and --offset are ones of groups
    #[arg(long = "group-by", value_name = "FIELD", conflicts_with = "order_field")]
    #[serde(rename = "field", skip_serializing_if = "Option::is_none")]
    group_field: Option<String>,
    /// Hits of each group; 3 if not given
    #[arg(long, value_name = "NUMBER", requires = "group_field")]
    #[serde(rename = "size", skip_serializing_if = "Option::is_none")]
    group_size: Option<u64>,
}

impl Group {
    fn is_absent(&self) -> bool {
        self.group_field.is_none()
    }
}

/// Hits in the order of a field.
#[derive(Args, Debug, Serialize)]
struct Order {
    /// Show the best hits in the order of this field, with :desc behind it from the greatest value on
    #[arg(long = "order-by", value_name = "FIELD", value_parser = field_order)]
    #[serde(flatten)]
    order_field: Option<FieldOrder>,
    /// How many of the best hits are ordered; 100 if not given
    #[arg(long, value_name = "NUMBER", requires = "order_field")]
    #[serde(skip_serializing_if = "Option::is_none")]
    candidates: Option<u64>,
}

impl Order {
    fn is_absent(&self) -> bool {
        self.order_field.is_none()
    }
}

/// A field, and from which end on.
#[derive(Clone, Debug, Serialize)]
struct FieldOrder {
    field: String,
    direction: &'static str,
}

#[expect(clippy::unnecessary_wraps, reason = "as a parser of an argument is")]
fn field_order(given: &str) -> Result<FieldOrder, std::convert::Infallible> {
    let (field, direction) = document::field_order(given);
    Ok(FieldOrder { field: field.to_owned(), direction })
}

/// What documents are found by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
enum Mode {
    /// How near they are in meaning, or to a vector
    Semantic,
    /// The words that they have
    Keyword,
    /// Both
    Hybrid,
}

/// How one score is made of two.
#[derive(Clone, Copy, Debug, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
enum Fusion {
    /// By how sharply each score tells documents apart
    Adaptive,
    /// By ranks: reciprocal rank fusion
    Rrf,
    /// By the scores, each brought to 0 to 1
    Weighted,
}

/// The lowest scores of a hit of a hybrid search.
#[derive(Args, Debug, Serialize)]
struct MinParts {
    /// Of a hybrid search: only hits that are at least so near
    #[arg(long = "min-semantic", value_name = "SCORE", allow_hyphen_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    semantic: Option<f64>,
    /// Of a hybrid search: only hits with at least this BM25
    #[arg(long = "min-keyword", value_name = "SCORE", allow_hyphen_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    keyword: Option<f64>,
}

impl MinParts {
    fn is_absent(&self) -> bool {
        self.semantic.is_none() && self.keyword.is_none()
    }
}

/// How a hybrid search is done.
#[derive(Args, Debug, Serialize)]
struct Hybrid {
    /// Of a hybrid search: how one score is made of two; adaptive if not given
    #[arg(long, value_enum, ignore_case = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    fusion: Option<Fusion>,
    /// Of rrf: how little the first ranks stand out; 60 if not given
    #[arg(long, value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    k: Option<f64>,
    /// Of rrf and weighted: what each score counts, such as 1,2; both the same if not given
    #[arg(long, value_name = "SEMANTIC,KEYWORD", value_parser = weights, allow_hyphen_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    weights: Option<Weights>,
    /// Of a hybrid search: how many of the best by each score get both; 100 if not given
    #[arg(long, value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    depth: Option<u64>,
}

impl Hybrid {
    fn is_absent(&self) -> bool {
        self.fusion.is_none() && self.k.is_none() && self.weights.is_none() && self.depth.is_none()
    }
}

/// What each score counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Weights {
    semantic: f64,
    keyword: f64,
}

#[derive(Clone, Copy, Debug, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
enum Part {
    Text,
    Metadata,
    Vector,
    Passages,
}

pub(crate) async fn run(
    args: SearchArgs,
    configuration: &ConfigurationArgs,
    printer: Printer,
) -> Result {
    let opening =
        if args.request.is_embedded() { Opening::EXISTING.with_model() } else { Opening::EXISTING };
    let reply = with_node(&args.node, configuration, opening, async |client| {
        let answer = waiting("searching", search(client, &args.collection, &args.request)).await;
        nearest::explain(client, &args.collection, answer).await
    })
    .await?;
    printer.answer(&reply, || match reply.get("groups") {
        Some(groups) => hits_table(&in_groups(groups)),
        None => hits_table(&reply["hits"]),
    })?;
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

/// The hits of all groups, each with the value of its group.
fn in_groups(groups: &Value) -> Value {
    let mut hits = Vec::new();
    for group in groups.as_array().into_iter().flatten() {
        for hit in group["hits"].as_array().into_iter().flatten() {
            let mut hit = hit.clone();
            // A text, so that it is shown where a group has no value.
            hit["group"] = Value::String(show::cell(&group["value"]));
            hits.push(hit);
        }
    }
    Value::Array(hits)
}

fn hits_table(hits: &Value) -> comfy_table::Table {
    let hits = hits.as_array().map(Vec::as_slice).unwrap_or_default();
    let has =
        |part: &&str| hits.iter().any(|hit| hit.get(*part).is_some_and(|value| !value.is_null()));
    // A person looks for the passage, not for all of a text that was cut into some.
    let text = if has(&"passage") { "passage" } else { "text" };
    let parts = [text, "best_passages", "highlights", "metadata", "vector", "passages"];
    let parts: Vec<&str> = parts.into_iter().filter(has).collect();
    let given = |at: &&str| hits.iter().any(|hit| hit.pointer(at).is_some());
    let scores = ["/score", "/parts/semantic", "/parts/keyword", "/parts/rerank"];
    let scores: Vec<&str> = scores.into_iter().filter(|at| *at == "/score" || given(at)).collect();
    let names = scores.iter().map(|score| score.rsplit('/').next().unwrap_or_default());
    let group: &[&str] = if has(&"group") { &["group"] } else { &[] };
    let names = group.iter().copied().chain(names);
    let mut table = printer::table(names.chain(["id"]).chain(parts.iter().copied()));
    for hit in hits {
        let scores = scores.iter().map(|at| rounded(hit.pointer(at)));
        let parts = parts.iter().map(|part| match *part {
            "best_passages" => passages(&hit["best_passages"]),
            "highlights" => words(hit),
            part => show::cell(shown(hit, part)),
        });
        let scores = group.iter().map(|part| show::cell(&hit[*part])).chain(scores);
        table.add_row(scores.chain([show::cell(&hit["id"])]).chain(parts));
    }
    table
}

/// Passages one below the other, each with its neighbors where these are shown.
fn passages(passages: &Value) -> String {
    let texts = passages.as_array().into_iter().flatten().map(|passage| {
        let shown = passage.get("context").unwrap_or(passage);
        format!("{} {}", rounded(passage.get("score")), show::cell(&shown["text"]))
    });
    texts.collect::<Vec<_>>().join("\n")
}

/// The sentences that have the words, or where these stand in the text.
fn words(hit: &Value) -> String {
    let highlights = &hit["highlights"];
    if let Some(snippet) = highlights.get("snippet") {
        return show::cell(&snippet["text"]);
    }
    let ranges = highlights["ranges"].as_array().into_iter().flatten();
    let ranges = ranges.map(|range| format!("{}-{}", range["start"], range["end"]));
    ranges.collect::<Vec<_>>().join(" ")
}

/// A score, which a document without a vector has not of both kinds.
fn rounded(score: Option<&Value>) -> String {
    score.and_then(Value::as_f64).map_or_else(|| "-".to_owned(), |score| format!("{score:.4}"))
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

fn weights(given: &str) -> Result<Weights, String> {
    let both = given.split_once(',').map(|(semantic, keyword)| (semantic.parse(), keyword.parse()));
    match both {
        Some((Ok(semantic), Ok(keyword))) => Ok(Weights { semantic, keyword }),
        _ => Err("expected two numbers, of meaning and of words, such as 1,2".to_owned()),
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
    fn weights_are_two_numbers() {
        assert_eq!(weights("1,2.5").unwrap(), Weights { semantic: 1.0, keyword: 2.5 });
        assert!(weights("1").is_err() && weights("1,a").is_err() && weights("1,2,3").is_err());
    }

    #[test]
    fn the_table_shows_what_a_score_was_made_of() {
        let both = json!({"id": 1, "score": 0.9, "parts": {"semantic": 0.25, "keyword": 8.5}});
        let table = hits_table(&json!([both, {"id": 2, "score": 0.8, "parts": {"keyword": 3}}]))
            .to_string();
        for shown in ["semantic", "keyword", "0.9000", "0.2500", "8.5000", " - ", "3.0000"] {
            assert!(table.contains(shown), "{shown}: {table}");
        }
        let one = hits_table(&json!([{"id": 1, "score": 0.9}])).to_string();
        assert!(!one.contains("semantic"), "{one}");
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
