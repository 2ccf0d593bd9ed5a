//! One request in the words that both doors share: an operation, a collection, a body.
//!
//! The body is REST's. What REST says elsewhere stands in it too: `id` (the document of the path),
//! `include` (the query) and `idempotency_key` (the header). Three strings mean something:
//! [`NAN`], [`CURSOR`] and [`MADE_ID`].

use std::fmt;

use serde_json::Value;

/// In a vector or a score: a number that is not finite, as far as a wire can say it.
pub(crate) const NAN: &str = "NaN";
/// The `next_cursor` that the door answered last.
pub(crate) const CURSOR: &str = "$cursor";
/// The id that the node behind the door made last.
pub(crate) const MADE_ID: &str = "$made";

/// What both doors can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    CreateCollection,
    PutCollection,
    ListCollections,
    DescribeCollection,
    UpdateCollection,
    ListAliases,
    ChangeAliases,
    CopyCollection,
    Reembed,
    DropPrevious,
    ListTasks,
    GetTask,
    CancelTask,
    CreateBackup,
    ListBackups,
    GetBackup,
    DeleteBackup,
    /// `field` in the body is that of the path.
    PutField,
    DropField,
    DeleteCollection,
    Upsert,
    GetDocument,
    GetDocuments,
    PatchMetadata,
    UpdateDocuments,
    DeleteDocument,
    DeleteDocuments,
    Count,
    Facets,
    Scroll,
    Search,
    SearchBatch,
    Embed,
    Rerank,
}

/// A request before either wire format.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) operation: Operation,
    /// Empty where the operation is not about one.
    pub(crate) collection: String,
    pub(crate) body: Value,
}

impl Request {
    pub(crate) fn new(operation: Operation, collection: &str, body: Value) -> Self {
        Self { operation, collection: collection.to_owned(), body }
    }

    /// The same request with what a door remembers in its places.
    pub(crate) fn filled(&self, memory: &Memory) -> Self {
        let mut filled = self.clone();
        fill(&mut filled.body, memory);
        filled
    }
}

impl fmt::Display for Request {
    /// As much of it as tells it from others.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body: String = self.body.to_string().chars().take(400).collect();
        write!(f, "{:?} {} {body}", self.operation, self.collection)
    }
}

/// What one door answered earlier and its node alone understands.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    cursor: Option<Value>,
    made_id: Option<Value>,
}

impl Memory {
    /// Takes what later requests may ask with.
    pub(crate) fn learn(&mut self, answer: &Value) {
        if let Some(cursor) = answer.get("next_cursor") {
            self.cursor = Some(cursor.clone());
        }
        let results = answer["results"].as_array().into_iter().flatten();
        if let Some(made) = results.map(|result| &result["id"]).rfind(|id| is_made(id)) {
            self.made_id = Some(made.clone());
        }
    }
}

/// Whether an id is one that nodes make.
pub(crate) fn is_made(id: &Value) -> bool {
    made_version(id).is_some()
}

/// The version of the UUID that an id is.
pub(crate) fn made_version(id: &Value) -> Option<usize> {
    Some(uuid::Uuid::try_parse(id.as_str()?).ok()?.get_version_num())
}

fn fill(value: &mut Value, memory: &Memory) {
    match value {
        Value::String(text) if text == CURSOR => *value = memory.cursor.clone().unwrap(),
        Value::String(text) if text == MADE_ID => *value = memory.made_id.clone().unwrap(),
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, memory)),
        Value::Object(members) => members.values_mut().for_each(|member| fill(member, memory)),
        _ => {}
    }
}
