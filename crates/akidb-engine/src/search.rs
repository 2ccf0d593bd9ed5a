//! What is near to a vector.

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use akidb_core::{DamagedDocument, Document, DocumentId, Effort, Filter, Strategy};

/// Asks for the documents that are nearest to a vector.
#[derive(Clone, Debug)]
pub struct Query {
    /// The number of the field whose vectors are compared.
    pub field: u32,
    /// What they are compared with, of the field's dimension.
    pub vector: Arc<Vec<f32>>,
    /// Which ones, all where absent.
    pub filter: Option<Filter>,
    /// A document that is left out: the one that the vector is of.
    pub itself: Option<DocumentId>,
    /// How many, from the nearest on.
    pub window: usize,
    /// How much of them comes.
    pub parts: HitParts,
    /// From when on nobody waits for the answer.
    pub deadline: Instant,
    /// What is done to find the right ones.
    pub effort: Effort,
}

/// How much of a document a search gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HitParts {
    /// Its id and its version. Where the index has them, no document is read.
    Id,
    /// And its texts and metadata.
    Row,
    /// And its vectors.
    Vectors,
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The nearest documents, best first, each once.
    pub hits: Vec<Hit>,
    /// Documents that were found and can not be served.
    pub damaged: Vec<DamagedDocument>,
    /// Whether the search did without an index that should be there. It is right all the same.
    pub degraded: bool,
    /// Documents that no search can find, or not by all of their passages.
    pub unsearchable: u64,
    /// Fields of the filter that no document has.
    pub unknown_fields: Vec<String>,
    /// How it was found.
    pub plan: SearchPlan,
}

/// One near document.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// Higher is nearer, whatever the metric.
    pub score: f32,
    /// The document, with the parts that were asked for.
    pub document: Document,
    /// The passage of its text that is nearest, where the collection cuts texts.
    pub passage: Option<HitPassage>,
}

/// The passage by which a document was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HitPassage {
    /// Where it stands in the document's text, in characters: Unicode code points.
    pub characters: Range<usize>,
    /// Its text.
    pub text: String,
}

/// How a search found its hits. Where it had to search several times, because documents were
/// replaced meanwhile or few documents have all the best passages, the sum of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SearchPlan {
    /// How it went about it, the last time.
    pub strategy: Strategy,
    /// Candidates that the walk kept, where there was one.
    pub ef: Option<u64>,
    /// Vectors of the documents that the filter lets through, where there is one.
    pub matching: Option<u64>,
    /// Vectors of the collection.
    pub vectors: u64,
    /// Nodes of the graph whose neighbors were looked at.
    pub hops: u64,
    /// Vectors compared with the query, by their codes or in full.
    pub compared: u64,
    /// Of these, vectors compared a second time, in full.
    pub rescored: u64,
    /// Time to find what the filter lets through.
    pub filter: Duration,
    /// Time in the vector index.
    pub index: Duration,
    /// Time to fetch the documents.
    pub fetch: Duration,
}
