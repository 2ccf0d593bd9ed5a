//! The documents of every test: all that a document holds follows from its id and its version, so
//! that any mixture of two versions is seen at once.

use serde_json::{Value, json};

use crate::node::MODEL_DIMENSION;

/// Dimension of vectors that the client gives.
const OWN_DIMENSION: usize = 4;

/// The fields of [`Form::Fields`].
const TITLE: &str = "title";
pub(crate) const OWN: &str = "own";

/// What the documents of a collection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// Vectors of the client's own.
    Vectors,
    /// Texts, each with one vector.
    Texts,
    /// Texts that are cut into passages.
    Passages,
    /// A text in one named field and a vector of the client's own in another.
    Fields,
}

impl Form {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Vectors, Self::Texts, Self::Passages, Self::Fields];

    /// The body that creates a collection of this form.
    pub(crate) fn creation(self, name: &str, description: u64) -> Value {
        let description = describe(description);
        match self {
            Self::Vectors => json!({
                "name": name, "dimension": OWN_DIMENSION, "metric": "l2",
                "description": description, "index": {"m": 4, "ef_construction": 32},
            }),
            Self::Texts => json!({"name": name, "description": description}),
            Self::Passages => json!({
                "name": name, "metric": "dot", "chunking": {"tokens": 12},
                "description": description,
            }),
            Self::Fields => json!({
                "name": name, "description": description, "fields": {
                    TITLE: {},
                    OWN: {
                        "dimension": OWN_DIMENSION, "metric": "l2",
                        "index": {"m": 4, "ef_construction": 32},
                    },
                },
            }),
        }
    }

    /// The body that gives a collection of this form another description and another `ef`.
    pub(crate) fn settings(self, description: u64, ef: u64) -> Value {
        let (description, index) = (describe(description), json!({"ef": ef}));
        match self {
            Self::Fields => json!({"description": description, "fields": {OWN: {"index": index}}}),
            _ => json!({"description": description, "index": index}),
        }
    }

    /// Searches, each of which finds every document.
    pub(crate) fn searches(self) -> Vec<Value> {
        let vector = |dimension| vec![1.0; dimension];
        match self {
            Self::Vectors => vec![json!({"vector": vector(OWN_DIMENSION)})],
            Self::Texts | Self::Passages => vec![json!({"vector": vector(MODEL_DIMENSION)})],
            Self::Fields => vec![
                json!({"field": OWN, "vector": vector(OWN_DIMENSION)}),
                json!({"field": TITLE, "vector": vector(MODEL_DIMENSION)}),
            ],
        }
    }
}

/// A word that the text of every document has.
pub(crate) const WORD: &str = "document";

impl Form {
    /// Whether documents have a text that is found by its words.
    pub(crate) const fn has_words(self) -> bool {
        !matches!(self, Self::Fields)
    }
}

/// The description of a collection that carries a number.
pub(crate) fn describe(number: u64) -> String {
    format!("description {number}")
}

/// The number that a description carries.
pub(crate) fn described(description: &str) -> Option<u64> {
    description.strip_prefix("description ")?.parse().ok()
}

/// One version of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Version {
    /// Given at each upsert.
    pub(crate) number: u64,
    /// Given at each patch of the metadata, 0 before the first.
    pub(crate) patch: u64,
}

/// An id as it goes over the wire: every third one is a string.
pub(crate) fn wire_id(id: u64) -> Value {
    if id.is_multiple_of(3) { json!(format!("d{id}")) } else { json!(id) }
}

/// The number of an id of the wire.
pub(crate) fn number_of(id: &Value) -> Option<u64> {
    let id = id.as_u64().or_else(|| id.as_str()?.strip_prefix('d')?.parse().ok())?;
    Some(id)
}

/// A document to write.
pub(crate) fn document(form: Form, id: u64, number: u64) -> Value {
    let mut document = json!({
        "id": wire_id(id),
        "metadata": metadata(id, Version { number, patch: 0 }),
    });
    if let Some(moment) = expires_at(id, number) {
        document["expires_at"] = json!(moment);
    }
    let text = text(form, id, number);
    if form == Form::Fields {
        document["texts"] = json!({TITLE: text});
        document["vectors"] = json!({OWN: vector(id, number)});
        return document;
    }
    document["text"] = json!(text);
    if form == Form::Vectors {
        document["vector"] = json!(vector(id, number));
    }
    document
}

fn vector(id: u64, number: u64) -> Vec<f64> {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let components = [id as f64, (number % 1_000) as f64, (id % 7) as f64, 1.0];
    components.to_vec()
}

/// When a document expires, as it is written: one is gone at once, others in a far future.
fn expires_at(id: u64, number: u64) -> Option<&'static str> {
    match (id % 5, number % 23) {
        (_, 11) => Some("2001-01-01T00:00:00Z"),
        (2, _) => Some("2999-12-31T23:59:59.999Z"),
        _ => None,
    }
}

/// Whether a version of a document has expired when it is written.
pub(crate) fn is_gone(number: u64) -> bool {
    number % 23 == 11
}

/// From a few bytes to several pages of the database.
fn text(form: Form, id: u64, number: u64) -> String {
    let sentence = format!("Document {id} is here in version {number} and says no more.");
    let sentences = match form {
        Form::Passages => 1 + number % 5,
        _ if number % 61 == 7 => 400,
        _ => 1 + number % 3,
    };
    vec![sentence; usize::try_from(sentences).unwrap_or(1)].join(" ")
}

fn metadata(id: u64, version: Version) -> Value {
    let Version { number, patch } = version;
    let mut metadata = json!({
        "version": number,
        "group": id % 7,
        "even": number % 2 == 0,
        "tag": format!("t{}", number % 5),
        "list": [id % 3, 10 + number % 4],
        "when": date(number),
    });
    if patch > 0 {
        metadata["patched"] = json!(patch);
    }
    metadata
}

fn date(number: u64) -> String {
    format!("2024-01-{:02}T00:00:00Z", 1 + number % 28)
}

/// Whether a filter lets a version of a document through.
type Matches = fn(u64, Version) -> bool;

/// Seven filters and what they mean, so that the count by each can be told without the node.
pub(crate) const FILTERS: [(&str, Matches); 7] = [
    (r#"{"group": 3}"#, |id, _| id % 7 == 3),
    (r#"{"even": true, "group": {"$ne": 1}}"#, |id, version| {
        version.number % 2 == 0 && id % 7 != 1
    }),
    (r#"{"version": {"$gte": 50}}"#, |_, version| version.number >= 50),
    (r#"{"$or": [{"tag": {"$in": ["t1", "t4"]}}, {"list": 12}]}"#, |_, version| {
        matches!(version.number % 5, 1 | 4) || version.number % 4 == 2
    }),
    (r#"{"when": {"$lt": "2024-01-10T00:00:00Z"}, "list": 2}"#, |id, version| {
        version.number % 28 < 9 && id % 3 == 2
    }),
    (r#"{"patched": {"$exists": true}}"#, |_, version| version.patch > 0),
    (r#"{"$expires_at": {"$gt": "2999-01-01"}}"#, |id, version| {
        expires_at(id, version.number).is_some_and(|moment| moment.starts_with("2999"))
    }),
];

/// Reads a document of the wire; an error where its parts do not belong together.
pub(crate) fn read(form: Form, found: &Value) -> Result<(u64, Version), String> {
    let broken = |what: &str| format!("{what} of {}", short(found));
    let id = number_of(&found["id"]).ok_or_else(|| broken("an unknown id"))?;
    let number = |name: &str| found["metadata"][name].as_u64();
    let version = Version {
        number: number("version").ok_or_else(|| broken("no version"))?,
        patch: number("patched").unwrap_or(0),
    };
    if found["metadata"] != metadata(id, version) {
        return Err(broken("other metadata"));
    }
    if found["expires_at"].as_str() != expires_at(id, version.number) {
        return Err(broken("another moment of expiry"));
    }
    let written = text(form, id, version.number);
    let expected_text = if form == Form::Fields { None } else { Some(written.as_str()) };
    if let Some(found_text) = found.get("text")
        && found_text.as_str() != expected_text
    {
        return Err(broken("another text"));
    }
    if let Some(found_vector) = found.get("vector")
        && form == Form::Vectors
        && numbers(found_vector) != vector(id, version.number)
    {
        return Err(broken("another vector"));
    }
    if let Some(texts) = found.get("texts")
        && *texts != json!({TITLE: written})
    {
        return Err(broken("other texts"));
    }
    if let Some(vectors) = found.get("vectors") {
        let is_own = numbers(&vectors[OWN]) == vector(id, version.number);
        if !is_own || vectors[TITLE].as_array().map(Vec::len) != Some(MODEL_DIMENSION) {
            return Err(broken("other vectors"));
        }
    }
    if let Some(passages) = found.get("passages").and_then(Value::as_array) {
        check_passages(passages, &written).map_err(broken)?;
    }
    Ok((id, version))
}

fn numbers(values: &Value) -> Vec<f64> {
    values.as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
}

/// The passages of a text in ASCII, without overlap, have all of it but blanks between them.
fn check_passages(passages: &[Value], text: &str) -> Result<(), &'static str> {
    let mut end = 0;
    for passage in passages {
        let place = |name: &str| passage[name].as_u64().and_then(|at| usize::try_from(at).ok());
        let (Some(start), Some(stop)) = (place("start"), place("end")) else {
            return Err("a passage without a place");
        };
        let gap = text.get(end..start).ok_or("passages out of order")?;
        if !gap.trim().is_empty() || stop <= start {
            return Err("a gap between passages");
        }
        if passage["vector"].as_array().map(Vec::len) != Some(MODEL_DIMENSION) {
            return Err("a passage without its vector");
        }
        end = stop;
    }
    match text.get(end..).map(str::trim) {
        Some("") => Ok(()),
        _ => Err("passages that end early"),
    }
}

/// The start of a value, for messages.
pub(crate) fn short(value: &Value) -> String {
    value.to_string().chars().take(300).collect()
}
