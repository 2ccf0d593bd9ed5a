//! Documents out: by id, by filter, page by page, and how many.

use akidb_core::{DamagedDocument, Document, Error, ErrorCode, Filter, Result, Seq};

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

/// Asks for a page of documents, in the order of their creation.
#[derive(Clone, Copy, Debug)]
pub struct ScrollRequest<'f> {
    /// Where the page begins, the first one where absent.
    pub position: Option<ScrollPosition>,
    /// How many documents, damaged ones included.
    pub limit: usize,
    /// Which ones, all where absent.
    pub filter: Option<&'f Filter>,
    /// Whether they come with their vectors.
    pub with_vector: bool,
}

/// Where a scroll stands, by the numbers that documents keep over their versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScrollPosition {
    /// The number of the last document that was seen.
    pub after: Seq,
    /// The highest number that there was when the scroll began.
    pub through: Seq,
}

/// A page of documents.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScrollPage {
    /// In the order of their creation.
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
