//! Searches and their answers.

use std::time::Duration;

use akidb_core::{DamagedDocument, FusionKind, SearchMode};
use serde_json::Value;

use crate::{GivenId, GivenOrder, Hit, Include, SearchPlan, SearchRerank};

/// Asks for the best documents. Exactly one of `text`, `vector` and `id` is given, but for a hybrid
/// search, which takes a text and may take the vector of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Search {
    /// What documents are found by, semantic where absent.
    pub mode: Option<SearchMode>,
    /// The vector field that is searched; the unnamed one where absent.
    pub field: Option<String>,
    /// A text, embedded as a query, and the words that documents are to have.
    pub text: Option<String>,
    /// A vector.
    pub vector: Option<Vec<f32>>,
    /// A stored document: more like this, without itself.
    pub id: Option<GivenId>,
    /// Hits wanted, 10 where absent.
    pub limit: Option<u64>,
    /// Hits to skip, 0 where absent.
    pub offset: Option<u64>,
    /// A filter as JSON.
    pub filter: Option<Value>,
    /// The order of the hits, that of their scores where absent.
    pub order_by: Option<HitOrder>,
    /// Hits in groups of one value of a field: `limit` and `offset` are ones of groups then.
    pub group_by: Option<GivenGroup>,
    /// The lowest score of a hit.
    pub min_score: Option<f64>,
    /// The same of a hybrid search, for each of the scores that its one is made of.
    pub min_parts: MinParts,
    /// How a hybrid search is done.
    pub hybrid: HybridParams,
    /// The parts of the documents to return.
    pub include: HitInclude,
    /// Passages of each hit to show, 3 where absent and passages are asked for at all, as this does.
    pub passages_per_document: Option<u64>,
    /// Neighbors on either side of each passage that come with it, none where absent. It asks for passages, too.
    pub passage_context: Option<u64>,
    /// Whether and how the words of the text are marked in the texts of hits.
    pub highlight: Option<GivenHighlight>,
    /// How to search.
    pub params: SearchParams,
    /// What is to put the best hits in the order in which they answer the text.
    pub rerank: Option<SearchRerank>,
    /// Whether the reply is to say how it was found.
    pub explain: Option<bool>,
}

/// Which parts of hits a reply carries. What is absent is left to the node: metadata, and the text where no passages are
/// asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HitInclude {
    /// The text.
    pub text: Option<bool>,
    /// The metadata.
    pub metadata: Option<bool>,
    /// The vector.
    pub vector: Option<bool>,
    /// The best passages. Where it is `false` and something else asks for them, they come.
    pub passages: Option<bool>,
}

impl From<Include> for HitInclude {
    fn from(Include { text, metadata, vector }: Include) -> Self {
        let (text, metadata, vector) = (Some(text), Some(metadata), Some(vector));
        Self { text, metadata, vector, passages: None }
    }
}

/// Asks for the words of a query in the texts of hits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GivenHighlight {
    /// How many of each text, and of each passage, are listed at most, 100 where absent.
    pub ranges: Option<u64>,
    /// How many neighboring sentences with the most of the words are shown, none where absent.
    pub snippet_sentences: Option<u64>,
}

/// Asks for the best hits in the order of a field. Those with the same value are in the order of their scores,
/// those without one come last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HitOrder {
    /// The field, and from which end on.
    pub order: GivenOrder,
    /// How many of the best hits by score there are to be ordered, 100 where absent. All pages are of these.
    pub candidates: Option<u64>,
}

/// Asks for hits in groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GivenGroup {
    /// The field: a key of the metadata, or a path of keys with dots.
    pub field: String,
    /// Hits of each group, 3 where absent.
    pub size: Option<u64>,
}

/// Hits whose documents have the same value in a field.
#[derive(Clone, Debug, PartialEq)]
pub struct HitGroup {
    /// The value, as the best hit has it; of a list the least one. `null` for documents that have none.
    pub value: Value,
    /// Best first.
    pub hits: Vec<Hit>,
}

/// How to search. What is absent is left to the settings of the collection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SearchParams {
    /// Candidates that a walk of the graph keeps: more find more of the true neighbors and take
    /// longer. At least as many as there are hits to find are kept in any case. It says nothing
    /// where there is no walk.
    pub ef: Option<u64>,
    /// Compare every vector that the filter lets through, in full precision.
    pub exact: Option<bool>,
    /// Whether what was found over codes is scored again with full vectors; true where absent.
    pub rescore: Option<bool>,
}

/// The lowest scores of a hit of a hybrid search.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MinParts {
    /// How near it must be. A document without a vector is not near.
    pub semantic: Option<f64>,
    /// Its lowest BM25.
    pub keyword: Option<f64>,
}

/// How a hybrid search is done. What is absent is left to the node.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HybridParams {
    /// How one score is made of two, adaptive where absent.
    pub fusion: Option<FusionKind>,
    /// Of `rrf` alone: how little the first ranks stand out, 60 where absent.
    pub k: Option<f64>,
    /// Of `rrf` and `weighted`: what each score counts, both the same where absent.
    pub weights: Option<PartWeights>,
    /// How many of the best by each score get both, 100 where absent.
    pub depth: Option<u64>,
}

/// What each score counts, 1 where absent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PartWeights {
    /// How near a document is.
    pub semantic: Option<f64>,
    /// How well it fits the words.
    pub keyword: Option<f64>,
}

/// The best documents.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchReply {
    /// Which parts of their documents hits have.
    pub include: Include,
    /// Best first, or as `order_by` says; none where there are groups.
    pub hits: Vec<Hit>,
    /// Where the request asks for groups, these, by their best hits.
    pub groups: Option<Vec<HitGroup>>,
    /// From admission to reply.
    pub took: Duration,
    /// Whether the graph that the collection's settings ask for was not there, because it is being
    /// built again. The hits are as good, they took longer.
    pub degraded: bool,
    /// Documents that are near enough to be hits, and are damaged and not served.
    pub damaged: Vec<DamagedDocument>,
    /// Documents of the collection that no search can find, or not by all of their passages, as a
    /// stored vector of theirs is damaged or missing.
    pub unsearchable: u64,
    /// How they were found, where the request asks for it.
    pub plan: Option<SearchPlan>,
    /// Fields of the filter that no document has.
    pub unknown_fields: Vec<String>,
    /// Tokens of the query that stand for something the model does not know, where it was a text.
    pub unknown_tokens: Option<u32>,
}
