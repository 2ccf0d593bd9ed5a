//! Documents in and out.

use std::time::Duration;

use akidb_core::{DamagedDocument, Direction, Document, DocumentId, Seq, WriteMode};
use serde_json::{Map, Value};

use crate::GivenId;

/// A document to store.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewDocument {
    /// Made by the service where absent.
    pub id: Option<GivenId>,
    /// Embedded where no vector is given.
    pub text: Option<String>,
    /// The user's own vector.
    pub vector: Option<Vec<f32>>,
    /// Texts of named fields, by the field's name. Embedded where there is no vector for the field.
    pub texts: Vec<(String, String)>,
    /// The user's own vectors of named fields, by the field's name.
    pub vectors: Vec<(String, Vec<f32>)>,
    /// A JSON object, empty where absent.
    pub metadata: Option<Map<String, Value>>,
    /// The version that it must replace.
    pub if_seq: Option<u64>,
    /// From when on it is there no more: a date, or `never`. Where absent, after the time that documents of the
    /// collection live.
    pub expires_at: Option<String>,
}

/// Asks to insert or replace documents, all or none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Upsert {
    /// The documents, without a repeated id.
    pub documents: Vec<NewDocument>,
    /// Makes the ids that the service chooses the same for every retry of the same documents.
    pub idempotency_key: Option<String>,
    /// Whether it may insert, replace, or both.
    pub mode: WriteMode,
}

/// What an upsert did.
#[derive(Clone, Debug, PartialEq)]
pub struct UpsertReply {
    /// One result a document, in the order of the request.
    pub results: Vec<UpsertResult>,
    /// From admission to reply.
    pub took: Duration,
}

/// What an upsert did with one document.
#[derive(Clone, Debug, PartialEq)]
pub struct UpsertResult {
    /// The id, as given or as made.
    pub id: DocumentId,
    /// Whether the document is new.
    pub status: UpsertStatus,
    /// Its version.
    pub seq: Seq,
    /// Tokens that were read of the texts that were embedded, of all fields and passages together.
    pub tokens: Option<u32>,
    /// Whether a text was longer than its model's window, where one was embedded.
    pub truncated: Option<bool>,
    /// Tokens of these texts that stand for something their model does not know. Absent where none was
    /// embedded, or before these were counted.
    pub unknown_tokens: Option<u32>,
    /// How many passages these texts were cut into, where fields cut them.
    pub passages: Option<u32>,
}

/// Whether a written document is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpsertStatus {
    /// No document had this id.
    Created,
    /// The document with this id was replaced.
    Updated,
}

impl UpsertStatus {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
        }
    }
}

/// Asks to change one document. What is absent stays as it is; something is given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PatchDocument {
    /// Another text, embedded where the collection has a model and no vector is given.
    pub text: Option<String>,
    /// Another vector.
    pub vector: Option<Vec<f32>>,
    /// Other texts in named fields, by the field's name, embedded where there is no vector for the
    /// field.
    pub texts: Vec<(String, String)>,
    /// Other vectors in named fields, by the field's name.
    pub vectors: Vec<(String, Vec<f32>)>,
    /// Named fields in which it has nothing any more.
    pub emptied_fields: Vec<String>,
    /// A merge patch (RFC 7396) of the metadata.
    pub metadata: Option<Map<String, Value>>,
    /// The version that it must be of.
    pub if_seq: Option<u64>,
    /// From when on it is there no more: a date, or `never`; as before where absent.
    pub expires_at: Option<String>,
}

/// Asks to change the metadata of documents. Exactly one of `filter` and `all` is given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpdateDocuments {
    /// A filter as JSON. One that lets everything through needs `all` beside it.
    pub filter: Option<Value>,
    /// All documents.
    pub all: bool,
    /// A merge patch (RFC 7396).
    pub metadata: Map<String, Value>,
}

/// What an update did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateReply {
    /// How many documents were changed; those that are so already do not count.
    pub updated: u64,
    /// Fields of the filter that no document had.
    pub unknown_fields: Vec<String>,
}

/// Asks for documents, by ids or by a filter. Exactly one is given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GetDocuments {
    /// Ids.
    pub ids: Option<Vec<GivenId>>,
    /// A filter as JSON.
    pub filter: Option<Value>,
    /// With a filter: documents a page, `result_window` where absent.
    pub limit: Option<u64>,
    /// With a filter: the `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// With a filter: the order, that of their creation where absent.
    pub order_by: Option<GivenOrder>,
    /// The parts to return.
    pub include: Include,
}

/// Asks for an order by the values of a field. Documents without one come last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GivenOrder {
    /// A key of the metadata, or a path of keys with dots.
    pub field: String,
    /// From which end on, ascending where absent.
    pub direction: Option<Direction>,
}

/// Asks to delete documents, by ids, by a filter, or all of them. Exactly one is given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteDocuments {
    /// Ids.
    pub ids: Option<Vec<GivenId>>,
    /// A filter as JSON. One that lets everything through needs `all` beside it.
    pub filter: Option<Value>,
    /// All documents.
    pub all: bool,
}

/// What a deletion did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteReply {
    /// How many documents are gone.
    pub deleted: u64,
    /// Fields of the filter that no document had.
    pub unknown_fields: Vec<String>,
}

/// How many documents there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CountReply {
    /// Documents that match, or all.
    pub count: u64,
    /// Fields of the filter that no document has.
    pub unknown_fields: Vec<String>,
}

/// Which parts of a document a reply carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Include {
    /// The text.
    pub text: bool,
    /// The metadata.
    pub metadata: bool,
    /// The vector.
    pub vector: bool,
}

impl Default for Include {
    /// Text and metadata.
    fn default() -> Self {
        Self { text: true, metadata: true, vector: false }
    }
}

/// Asks for the documents of a selection in pages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scroll {
    /// A filter as JSON; all documents where absent.
    pub filter: Option<Value>,
    /// Documents a page, 100 where absent.
    pub limit: Option<u64>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// The order, that of their creation where absent.
    pub order_by: Option<GivenOrder>,
    /// The parts to return.
    pub include: Include,
}

/// One page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScrollReply {
    /// The documents, in the order that was asked for.
    pub documents: Vec<Document>,
    /// Documents that have their place on this page and can not be served. Which filter they match
    /// is not known.
    pub damaged: Vec<DamagedDocument>,
    /// Where the next page starts; absent after the last one.
    pub next_cursor: Option<String>,
    /// Fields of the filter that no document has.
    pub unknown_fields: Vec<String>,
}
