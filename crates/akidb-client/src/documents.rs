//! Documents: as they are sent, and as the node answers them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Id;

/// A document to store: with a text, a vector, or both.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct NewDocument {
    /// The node makes one where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// Embedded where no vector is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The caller's own vector, as many numbers as the collection's dimension.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vector: Option<Vec<f32>>,
    /// Texts of named vector fields, by the field's name. Embedded where there is no vector for it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub texts: BTreeMap<String, String>,
    /// The caller's own vectors of named vector fields, by the field's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vectors: BTreeMap<String, Vec<f32>>,
    /// A JSON object that filters can ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    /// The `seq` of the version that it must replace; another one is `condition_failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub if_seq: Option<u64>,
    /// From when on it is there no more: a date such as `2030-01-31T23:59:59Z`, or `never`; where absent, `ttl_seconds` of the
    /// collection after this write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

impl NewDocument {
    /// A text.
    pub fn text(id: impl Into<Id>, text: impl Into<String>) -> Self {
        Self { id: Some(id.into()), text: Some(text.into()), ..Self::default() }
    }

    /// A vector.
    pub fn vector(id: impl Into<Id>, vector: Vec<f32>) -> Self {
        Self { id: Some(id.into()), vector: Some(vector), ..Self::default() }
    }

    /// The same with metadata, a JSON object.
    #[must_use]
    pub fn metadata(self, metadata: Value) -> Self {
        Self { metadata: Some(metadata), ..self }
    }
}

/// What a write of documents did.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Upserted {
    /// One result a document, in the order of the request.
    pub results: Vec<UpsertResult>,
    /// From admission to reply.
    pub took_ms: f64,
}

/// What a write did with one document.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct UpsertResult {
    /// Its id.
    pub id: Id,
    /// Whether it is new.
    pub status: Status,
    /// The number of this version of the document, for `if_seq`.
    pub seq: u64,
    /// Tokens that were read of the text, where it was embedded.
    pub tokens: Option<u32>,
    /// Whether the text was longer than the model's window, where it was embedded.
    pub truncated: Option<bool>,
    /// Tokens that stand for something the model does not know.
    pub unknown_tokens: Option<u32>,
    /// How many passages the text was cut into, where it was.
    pub passages: Option<u32>,
}

/// Whether a written document is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is.
    Created,
    /// It replaced one.
    Updated,
}

/// A part of documents that an answer carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The text.
    Text,
    /// The metadata.
    Metadata,
    /// The vector, or those of the passages.
    Vector,
    /// Of a search alone: the best passages of each hit.
    Passages,
}

impl Part {
    /// Its name.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Metadata => "metadata",
            Self::Vector => "vector",
            Self::Passages => "passages",
        }
    }
}

/// Which documents to read, a page at a time.
#[derive(Clone, Debug, Default, Serialize)]
pub struct GetDocuments {
    /// A filter on the metadata; all documents where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Value>,
    /// Documents a page; 100 where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// The `next_cursor` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// The parts to answer; text and metadata where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include: Option<Vec<Part>>,
    /// The order; that of their creation where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_by: Option<OrderBy>,
}

/// An order by the values of a field. Documents without one come last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OrderBy {
    /// A key of the metadata, or a path of keys with dots.
    pub field: String,
    /// From which end on.
    pub direction: Direction,
}

/// From which end on documents come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub enum Direction {
    /// From the least value on.
    #[default]
    #[serde(rename = "asc")]
    Ascending,
    /// From the greatest value on.
    #[serde(rename = "desc")]
    Descending,
}

impl OrderBy {
    /// From the least value of a field on.
    pub fn ascending(field: impl Into<String>) -> Self {
        Self { field: field.into(), direction: Direction::Ascending }
    }

    /// From the greatest value of a field on.
    pub fn descending(field: impl Into<String>) -> Self {
        Self { field: field.into(), direction: Direction::Descending }
    }
}

/// A stored document. Parts that were not asked for are absent.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Document {
    /// Its id.
    pub id: Id,
    /// Its text, where it has one.
    pub text: Option<String>,
    /// Its metadata.
    pub metadata: Option<Map<String, Value>>,
    /// From when on it is there no more, beside the metadata; absent where it stays until it is deleted.
    pub expires_at: Option<String>,
    /// Its vector.
    pub vector: Option<Vec<f32>>,
    /// In place of `vector` where the text was cut into passages: these, in their order.
    #[serde(default)]
    pub passages: Vec<Passage>,
    /// The number of this version of the document.
    pub seq: u64,
    /// Its texts in named vector fields, by the field's name.
    #[serde(default)]
    pub texts: BTreeMap<String, String>,
    /// Its vectors in named vector fields, by the field's name.
    #[serde(default)]
    pub vectors: BTreeMap<String, Vec<f32>>,
    /// In place of one of `vectors` where the text in that field was cut into passages.
    #[serde(default)]
    pub field_passages: BTreeMap<String, Vec<Passage>>,
}

/// A passage of a document's text. Characters are Unicode code points.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Passage {
    /// Its first character in the document's text.
    pub start: usize,
    /// The character after its last one.
    pub end: usize,
    /// Its vector.
    pub vector: Vec<f32>,
}

/// Documents that were read.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Documents {
    /// In the order of the ids that were given, or of their creation.
    pub documents: Vec<Document>,
    /// Documents that are stored and damaged, and therefore not served.
    #[serde(default)]
    pub damaged: Vec<Damaged>,
    /// Where the next page starts; absent after the last one.
    pub next_cursor: Option<String>,
    /// Fields of the filter that no document has.
    #[serde(default)]
    pub unknown_fields: Vec<String>,
}

/// A stored document that is damaged. At least one of both is known.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Damaged {
    /// Its id.
    pub id: Option<Id>,
    /// The number of the version that is damaged.
    pub seq: Option<u64>,
}

/// A change of one document; what is absent stays as it is.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Patch {
    /// Another text, embedded where no vector is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Another vector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vector: Option<Vec<f32>>,
    /// A merge patch (RFC 7396): `null` removes a key, objects merge, all else replaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    /// The `seq` that the document must have; another one is `condition_failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub if_seq: Option<u64>,
    /// From when on it is there no more: a date such as `2030-01-31T23:59:59Z`, or `never`; as before where
    /// absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// How many documents a change by a filter has changed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Updated {
    /// Documents changed.
    pub updated: u64,
    /// Fields of the filter that no document has.
    #[serde(default)]
    pub unknown_fields: Vec<String>,
}

/// How many documents were deleted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Deleted {
    /// Documents deleted.
    pub deleted: u64,
    /// Fields of the filter that no document had.
    #[serde(default)]
    pub unknown_fields: Vec<String>,
}
