//! Documents out: by id, by filter, page by page, and how many.

use std::time::Instant;

use akidb_core::{
    DamagedDocument, Document, Error, ErrorCode, Facet, FacetCounts, Filter, OrderBy, Result, Seq,
    SortKey,
};

/// The documents of a read: the sound ones, and those that are there and can not be served.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// Documents that are as they were written.
    pub documents: Vec<Document>,
    /// The others.
    pub damaged: Vec<DamagedDocument>,
}

impl Rows {
    /// The documents, where none is damaged.
    ///
    /// # Errors
    /// `document_damaged`, which names those that are.
    pub fn sound(self) -> Result<Vec<Document>> {
        if self.damaged.is_empty() {
            return Ok(self.documents);
        }
        let damaged: Vec<String> = self.damaged.iter().map(ToString::to_string).collect();
        let message = format!("stored rows are damaged: {}", damaged.join(", "));
        Err(Error::new(ErrorCode::DocumentDamaged, message))
    }
}

/// The documents that match a filter, as of one commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matching {
    /// Their versions, ascending.
    pub versions: Vec<Seq>,
    /// Fields of the filter that no document has.
    pub unknown_fields: Vec<String>,
}

/// How many documents match a filter, as of one commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many.
    pub count: u64,
    /// Fields of the filter that no document has.
    pub unknown_fields: Vec<String>,
}

/// Asks how many documents have which values.
#[derive(Clone, Debug, PartialEq)]
pub struct FacetQuery {
    /// Of which documents, all where absent.
    pub filter: Option<Filter>,
    /// What is counted, each for itself.
    pub facets: Vec<Facet>,
    /// From when on nobody waits for the answer.
    pub deadline: Instant,
}

/// How many documents have which values, as of one commit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facets {
    /// How many documents match the filter, or there are.
    pub count: u64,
    /// In the order of the facets.
    pub facets: Vec<FacetCounts>,
    /// Fields of the filter and of the facets that no document has.
    pub unknown_fields: Vec<String>,
}

/// Asks for a page of documents, in the order of their creation or in that of a field.
#[derive(Clone, Debug)]
pub struct ScrollRequest<'f> {
    /// Where the page begins, the first one where absent.
    pub position: Option<ScrollPosition>,
    /// How many documents, damaged ones included.
    pub limit: usize,
    /// Which ones, all where absent.
    pub filter: Option<&'f Filter>,
    /// The field by which they are ordered; by their creation where absent. Documents with the same value
    /// are in the order of their creation, and those without one come last.
    pub order: Option<&'f OrderBy>,
    /// Whether they come with their vectors.
    pub with_vector: bool,
}

/// Where a scroll stands, by the numbers that documents keep over their versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScrollPosition {
    /// In the order of a field: the value of the last document that was seen, absent where it has none.
    pub value: Option<SortKey>,
    /// The number of the last document that was seen; of those with the same value none after it was.
    pub after: Seq,
    /// The highest number that there was when the scroll began.
    pub through: Seq,
}

/// A page of documents.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScrollPage {
    /// In the order that was asked for; damaged ones beside the others.
    pub rows: Rows,
    /// Where the next page begins; absent after the last one.
    pub next: Option<ScrollPosition>,
    /// Fields of the filter that no document has.
    pub unknown_fields: Vec<String>,
}

/// Asks for documents of a field by what a shadow of it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InShadow {
    /// Whether they have vectors there, or lack them.
    pub has_vectors: bool,
    /// Those of later versions than this.
    pub after: Seq,
    /// How many at most.
    pub limit: usize,
}

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShadowPage {
    /// Without their vectors, ascending by version.
    pub documents: Vec<Document>,
    /// How many can not be read, and were left out.
    pub damaged: usize,
    /// The last version that was looked at; absent where there are no more.
    pub last: Option<Seq>,
}
