//! What is near to a vector, and what has the words of a query.

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use akidb_core::{DamagedDocument, Document, DocumentId, Effort, Filter, Strategy};

use crate::{BestPassage, Fusion, Highlights, ScoreParts, Shown};

/// Asks for the best documents.
#[derive(Clone, Debug)]
pub struct Query {
    /// What makes a document a good one.
    pub ranking: Ranking,
    /// Which ones, all where absent.
    pub filter: Option<Filter>,
    /// How many, from the best on.
    pub window: usize,
    /// How much of them comes.
    pub parts: HitParts,
    /// What comes beside it. Where that is anything, so do texts and metadata.
    pub shown: Shown,
    /// From when on nobody waits for the answer.
    pub deadline: Instant,
    /// What is done to find the right ones.
    pub effort: Effort,
}

/// What makes a document a good one.
#[derive(Clone, Debug)]
pub enum Ranking {
    /// It is near to a vector.
    Semantic(Near),
    /// It has words of a query.
    Keyword(Words),
    /// Both, as one score.
    Hybrid(Hybrid),
}

impl Ranking {
    /// The vector that documents are compared with, if there is one.
    #[must_use]
    pub const fn near(&self) -> Option<&Near> {
        match self {
            Self::Semantic(near) | Self::Hybrid(Hybrid { near, .. }) => Some(near),
            Self::Keyword(_) => None,
        }
    }
}

/// What documents are near to.
#[derive(Clone, Debug)]
pub struct Near {
    /// The number of the field whose vectors are compared.
    pub field: u32,
    /// What they are compared with, of the field's dimension.
    pub vector: Arc<Vec<f32>>,
    /// A document that is left out: the one that the vector is of.
    pub itself: Option<DocumentId>,
}

/// What documents have words of.
#[derive(Clone, Debug)]
pub struct Words {
    /// As somebody typed it. Any text is a query.
    pub text: String,
    /// The lowest BM25 of a hit.
    pub min_score: Option<f32>,
}

/// A search by a vector and by words. The best of each are the candidates, and each candidate has
/// both scores.
#[derive(Clone, Debug)]
pub struct Hybrid {
    /// What they are near to.
    pub near: Near,
    /// What they have words of. Its lowest score is one of hits, not of candidates.
    pub words: Words,
    /// The lowest nearness of a hit.
    pub min_semantic: Option<f32>,
    /// How many of the best by each score are candidates.
    pub depth: usize,
    /// How one score is made of two.
    pub fusion: Fusion,
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
    /// The best documents, best first, each once.
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

/// One document that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// Higher is better: how near it is whatever the metric, its BM25, or what both give together,
    /// which says something beside the other hits of its query alone.
    pub score: f32,
    /// What the score was made of, where that is more than one.
    pub score_parts: Option<ScoreParts>,
    /// What a re-ranker gave it, in front of the engine.
    pub rerank: Option<f32>,
    /// The document, with the parts that were asked for.
    pub document: Document,
    /// The passage of its text that is nearest or has the words, where the collection cuts texts.
    pub passage: Option<HitPassage>,
    /// The best passages of its text in the field that is searched, best first, where they are asked for. Where the text
    /// was not cut it is its only passage.
    pub best_passages: Option<Vec<BestPassage>>,
    /// Where its text has words, where that is asked for.
    pub highlights: Option<Highlights>,
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
    /// How it went about the vectors, the last time; absent where none were compared.
    pub strategy: Option<Strategy>,
    /// Candidates that the walk kept, where there was one.
    pub ef: Option<u64>,
    /// Vectors of the documents that the filter lets through, where there is one.
    pub matching: Option<u64>,
    /// Vectors of the collection.
    pub vectors: u64,
    /// Documents that got both scores, where a search is by both.
    pub candidates: Option<u64>,
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
    /// Time in the keyword index, and until scores of both were one.
    pub keyword: Duration,
    /// Time to fetch the documents.
    pub fetch: Duration,
    /// Passages that got a score, where some are to be shown.
    pub passages: Option<u64>,
    /// Of `fetch`, the time to find what is shown beside documents, where anything is.
    pub shown: Option<Duration>,
    /// Hits that a re-ranker read, in front of the engine, where it was asked for.
    pub reranked: Option<u64>,
    /// Time of the re-ranker.
    pub rerank: Duration,
}

impl SearchPlan {
    /// This search and a later one for the same answer.
    #[must_use]
    pub fn and(self, later: Self) -> Self {
        Self {
            hops: self.hops + later.hops,
            compared: self.compared + later.compared,
            rescored: self.rescored + later.rescored,
            filter: self.filter + later.filter,
            index: self.index + later.index,
            keyword: self.keyword + later.keyword,
            fetch: self.fetch + later.fetch,
            passages: sum(self.passages, later.passages),
            shown: sum(self.shown, later.shown),
            ..later
        }
    }
}

/// What is known of two.
fn sum<T: std::ops::Add<Output = T>>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one + other),
        (one, other) => one.or(other),
    }
}
