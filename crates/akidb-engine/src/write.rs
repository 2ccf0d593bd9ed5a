//! Changes of documents, and what became of them.

use std::{ops::Range, sync::Arc};

use akidb_core::{
    Conflict, Document, DocumentId, Error, ErrorCode, Expiry, Limits, Metadata, Seq, WriteMode,
};
use serde_json::{Map, Value};

use crate::EmbeddedText;

/// A document to write.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRow {
    /// Replaces the document that has this id.
    pub id: DocumentId,
    /// The text.
    pub text: Option<String>,
    /// The metadata.
    pub metadata: Metadata,
    /// Its vectors in the unnamed field, absent where it has none there.
    pub vectors: Option<RowVectors>,
    /// What it has in named fields, each once.
    pub fields: Vec<FieldRow>,
    /// The version that it must replace.
    pub if_seq: Option<Seq>,
    /// When it expires; where nothing is said, after the time that documents of the collection live.
    pub expiry: Expiry,
}

/// What a document has in a named field.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldRow {
    /// The number of the field.
    pub field: u32,
    /// The text.
    pub text: Option<String>,
    /// Its vectors.
    pub vectors: RowVectors,
}

/// What an upsert requires, and what becomes of it where a document is not so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpsertRules {
    /// Whether documents may be made, replaced, or both.
    pub mode: WriteMode,
    /// What a conflict stops.
    pub conflicts: ConflictsStop,
}

/// What a document that is not as it is required stops from being written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConflictsStop {
    /// All documents of the write.
    #[default]
    All,
    /// Itself alone.
    Themselves,
}

/// What became of a row that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Whether its id was new.
    pub created: bool,
    /// Its version.
    pub seq: Seq,
}

/// One document, by the ids that it may have, and the version that it must be of.
#[derive(Clone, Debug, PartialEq)]
pub struct OneDocument {
    /// The document is that of the first of these that is the id of one.
    pub ids: Vec<DocumentId>,
    /// The version that it must be of.
    pub if_seq: Option<Seq>,
}

/// A change of one document.
#[derive(Clone, Debug, PartialEq)]
pub struct Patch {
    /// The document.
    pub document: OneDocument,
    /// Another text.
    pub text: Option<String>,
    /// Other vectors in the unnamed field.
    pub vectors: Option<RowVectors>,
    /// What becomes of named fields, by their numbers, each once.
    pub fields: Vec<(u32, FieldPatch)>,
    /// A merge patch (RFC 7396) of the metadata.
    pub merge: Map<String, Value>,
    /// When it expires; as before where nothing is said.
    pub expiry: Expiry,
    /// What the result must keep to.
    pub limits: Arc<Limits>,
}

/// A change of what a document has in one named field.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldPatch {
    /// It has nothing there any more.
    Remove,
    /// It has these vectors there.
    Change {
        /// Another text; the one that it has stays where absent.
        text: Option<String>,
        /// The vectors.
        vectors: RowVectors,
    },
}

/// A change of the metadata of several documents.
#[derive(Clone, Debug, PartialEq)]
pub struct PatchVersions {
    /// Their row versions; those that are gone stay as they are.
    pub versions: Vec<Seq>,
    /// A merge patch (RFC 7396).
    pub merge: Map<String, Value>,
    /// What the result must keep to.
    pub limits: Arc<Limits>,
}

/// Vectors for documents that lack them in a shadow of a field.
#[derive(Clone, Debug, PartialEq)]
pub struct Fill {
    /// The number of the shadow.
    pub shadow: u32,
    /// Row versions, each once, and what their texts there are to the model. Those that are gone, or have
    /// vectors there by now, stay as they are.
    pub rows: Vec<(Seq, KnownText)>,
}

/// One write: applied whole or not at all.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// Inserts or replaces; no id stands twice.
    Upsert(Vec<NewRow>, UpsertRules),
    /// Deletes by id; unknown ids are nothing to do.
    DeleteIds(Vec<DocumentId>),
    /// Deletes one document.
    DeleteOne(OneDocument),
    /// Deletes row versions; those that are gone are nothing to do.
    DeleteVersions(Vec<Seq>),
    /// Changes one document.
    Patch(Patch),
    /// Changes the metadata of several documents.
    PatchVersions(PatchVersions),
    /// Adds vectors in a shadow to documents.
    Fill(Fill),
}

/// What a committed [`Write`] did.
#[derive(Clone, Debug, PartialEq)]
pub enum Applied {
    /// Per row of the upsert, in its order: what became of it, or why it was not written where a
    /// conflict stops a row alone.
    Upserted(Vec<Result<Written, Conflict>>),
    /// How many documents are gone.
    Deleted(u64),
    /// How many documents were changed; those that stay as they are do not count.
    Updated(u64),
    /// How many documents were given vectors in a shadow.
    Filled(u64),
    /// The document as it is now, in the version of before where the patch changed nothing; absent
    /// where no document had the id.
    Patched(Option<Document>),
}

/// The vectors of a document to write.
#[derive(Clone, Debug, PartialEq)]
pub enum RowVectors {
    /// One of the user's own.
    Given(Vec<f32>),
    /// What the node embedded of the text.
    Embedded(KnownText),
}

/// A text that was embedded.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownText {
    /// Its passages in their order, one at least. Vectors are bit for bit as the model gave them.
    pub passages: Vec<PassageVector>,
    /// What embedding said of it.
    pub embedded: EmbeddedText,
}

/// A vector, and what it is of.
#[derive(Clone, Debug, PartialEq)]
pub struct PassageVector {
    /// The bytes of the passage in the text. Absent where the text was not to be cut; several
    /// passages all have theirs.
    pub bytes: Option<Range<usize>>,
    /// The vector, of the collection's dimension.
    pub vector: Vec<f32>,
}

impl NewRow {
    /// How many vectors it has, in all fields.
    #[must_use]
    pub fn vector_count(&self) -> usize {
        let of_fields = self.fields.iter().map(|field| &field.vectors);
        self.vectors.iter().chain(of_fields).map(RowVectors::count).sum()
    }

    /// The numbers that its version takes: one, and one for each further passage of the field that
    /// has the most.
    #[must_use]
    pub fn numbers(&self) -> u64 {
        let unnamed = self.vectors.as_ref().map_or(1, RowVectors::count);
        let most = self.fields.iter().map(|field| field.vectors.count()).fold(unnamed, usize::max);
        most.max(1) as u64
    }
}

impl RowVectors {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::Given(_) => 1,
            Self::Embedded(text) => text.passages.len(),
        }
    }
}

impl Write {
    /// Whether it takes nothing of the disk that the next checkpoint does not give back.
    #[must_use]
    pub const fn frees_space(&self) -> bool {
        matches!(self, Self::DeleteIds(_) | Self::DeleteOne(_) | Self::DeleteVersions(_))
    }
}

/// A document that is not as a write requires it; `prefix` stands before its fields.
#[must_use]
pub fn conflict_at(prefix: &str, conflict: Conflict) -> Error {
    let (code, field) = match conflict {
        Conflict::Exists { .. } => (ErrorCode::DocumentExists, "id"),
        Conflict::Absent => (ErrorCode::DocumentNotFound, "id"),
        Conflict::OtherVersion { .. } => (ErrorCode::ConditionFailed, "if_seq"),
    };
    Error::at(code, format!("{prefix}{field}"), conflict)
}
