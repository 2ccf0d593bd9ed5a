//! Searches and their hits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Damaged, Id, OrderBy, Part, Passage};

/// Asks for the best documents.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Search {
    /// What documents are found by, semantic where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<SearchMode>,
    /// The vector field that is searched; the unnamed one where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// A text, embedded as a query, and the words that documents are to have. Exactly one of it,
    /// `vector` and `id` is given, but for a hybrid search, which may have a vector beside the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// As many numbers as the collection's dimension.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vector: Option<Vec<f32>>,
    /// A stored document: more like this, without itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// Hits wanted, 10 where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Hits to skip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// A filter on the metadata.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Value>,
    /// The lowest score of a hit; a hybrid search takes `min_parts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_score: Option<f64>,
    /// The lowest scores of a hit of a hybrid search.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_parts: Option<MinParts>,
    /// How a hybrid search is done; what is absent is left to the node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hybrid: Option<HybridParams>,
    /// The parts to answer. Where absent, text and metadata, or passages and metadata where passages are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include: Option<Vec<Part>>,
    /// How many of the best passages of each hit to answer. It asks for passages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passages_per_document: Option<u64>,
    /// How many neighbors on either side each of these comes with. It asks for passages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passage_context: Option<u64>,
    /// Whether and how words of the text are marked in the texts of hits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub highlight: Option<Highlight>,
    /// How to search; what is absent is left to the settings of the collection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub params: Option<SearchParams>,
    /// What puts the best hits in the order in which they answer the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rerank: Option<SearchRerank>,
    /// Whether the answer tells how the hits were found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain: Option<bool>,
    /// The order of the hits, that of their scores where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_by: Option<HitOrder>,
    /// Hits in groups of one value of a field; `limit` and `offset` are ones of groups then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_by: Option<GroupBy>,
}

/// Asks for the words of the text of a search in the texts of its hits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Highlight {
    /// How many of each text, and of each passage, are listed, 100 where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ranges: Option<u64>,
    /// How many neighboring sentences with the most of the words are shown, none where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snippet_sentences: Option<u64>,
}

/// The best hits in the order of a field. Those without a value come last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HitOrder {
    /// The field, and from which end on.
    #[serde(flatten)]
    pub order: OrderBy,
    /// How many of the best hits by score there are to be ordered. All pages are of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidates: Option<u64>,
}

/// Asks for hits in groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupBy {
    /// A key of the metadata, or a path of keys with dots.
    pub field: String,
    /// Hits of each group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// What a search finds documents by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SearchMode {
    /// How near they are to a vector, which a text becomes.
    #[default]
    Semantic,
    /// The words that they have.
    Keyword,
    /// Both.
    Hybrid,
}

/// How a hybrid search makes one score of two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Fusion {
    /// By how sharply each score tells documents apart, and by what documents near to each have.
    #[default]
    Adaptive,
    /// By ranks: reciprocal rank fusion.
    Rrf,
    /// By the scores, each brought to 0 to 1.
    Weighted,
}

/// How a hybrid search is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct HybridParams {
    /// How one score is made of two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fusion: Option<Fusion>,
    /// Of ranks alone: how little the first ones stand out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub k: Option<f64>,
    /// Of ranks and weights: what each score counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<PartWeights>,
    /// How many of the best by each score get both. All pages are of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<u64>,
}

/// What each score counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PartWeights {
    /// How near a document is.
    pub semantic: f64,
    /// How well it fits the words.
    pub keyword: f64,
}

/// The lowest scores of a hit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct MinParts {
    /// How near it must be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub semantic: Option<f64>,
    /// Its lowest BM25.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyword: Option<f64>,
}

/// The best hits in the order in which they answer the text of a search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SearchRerank {
    /// A re-ranker that is loaded.
    pub model: String,
    /// How many of the best hits it reads, 50 where absent. All pages are of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top: Option<u64>,
}

/// How a search is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SearchParams {
    /// Candidates that a walk of the graph keeps: more find more of the true neighbors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ef: Option<u64>,
    /// Compare every vector that the filter lets through, in full precision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exact: Option<bool>,
    /// Whether what was found over codes is scored again with full vectors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rescore: Option<bool>,
}

impl Search {
    /// What means the same as a text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), ..Self::default() }
    }

    /// What has the words of a text.
    pub fn words(text: impl Into<String>) -> Self {
        Self { mode: Some(SearchMode::Keyword), ..Self::text(text) }
    }

    /// What means the same as a text or has its words.
    pub fn hybrid(text: impl Into<String>) -> Self {
        Self { mode: Some(SearchMode::Hybrid), ..Self::text(text) }
    }

    /// What is near to a vector.
    #[must_use]
    pub fn vector(vector: Vec<f32>) -> Self {
        Self { vector: Some(vector), ..Self::default() }
    }

    /// What is near to a stored document.
    pub fn like(id: impl Into<Id>) -> Self {
        Self { id: Some(id.into()), ..Self::default() }
    }

    /// The same, in a named vector field.
    pub fn within(self, field: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..self }
    }

    /// The same, for so many hits.
    #[must_use]
    pub fn limit(self, limit: u64) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// The same, with the best hits in the order that a re-ranker gives them.
    pub fn reranked_by(self, model: impl Into<String>) -> Self {
        Self { rerank: Some(SearchRerank { model: model.into(), top: None }), ..self }
    }

    /// The same, among documents that match a filter.
    #[must_use]
    pub fn filter(self, filter: Value) -> Self {
        Self { filter: Some(filter), ..self }
    }

    /// The same, its best hits in the order of a field.
    #[must_use]
    pub fn order_by(self, order: OrderBy) -> Self {
        Self { order_by: Some(HitOrder { order, candidates: None }), ..self }
    }

    /// The same, in groups of one value of a field, of so many hits each.
    #[must_use]
    pub fn group_by(self, field: impl Into<String>, size: u64) -> Self {
        Self { group_by: Some(GroupBy { field: field.into(), size: Some(size) }), ..self }
    }

    /// The same, with so many passages of each hit, each with so many neighbors on either side.
    #[must_use]
    pub fn passages(self, per_document: u64, context: u64) -> Self {
        let (passages_per_document, passage_context) = (Some(per_document), Some(context));
        Self { passages_per_document, passage_context, ..self }
    }

    /// The same, with the words of its text marked in the texts of hits.
    #[must_use]
    pub fn highlight(self, highlight: Highlight) -> Self {
        Self { highlight: Some(highlight), ..self }
    }

    /// The same, with these parts of each document.
    #[must_use]
    pub fn include(self, parts: &[Part]) -> Self {
        Self { include: Some(parts.to_vec()), ..self }
    }
}

/// The best documents.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Hits {
    /// Best first, or as `order_by` says; none where there are groups.
    pub hits: Vec<Hit>,
    /// Where the search asks for groups, these, by their best hits.
    pub groups: Option<Vec<HitGroup>>,
    /// From admission to reply.
    pub took_ms: f64,
    /// Whether the graph was not there, because it is being built again: the hits are as good, they
    /// took longer.
    #[serde(default)]
    pub degraded: bool,
    /// Documents that are near enough to be hits, and are damaged and therefore not served.
    #[serde(default)]
    pub damaged: Vec<Damaged>,
    /// Documents that no search can find whole, as a stored vector of theirs is damaged or missing.
    #[serde(default)]
    pub unsearchable: u64,
    /// How the hits were found, where the search asks for it.
    pub plan: Option<SearchPlan>,
    /// Fields of the filter that no document has.
    #[serde(default)]
    pub unknown_fields: Vec<String>,
    /// Tokens of the query that stand for something the model does not know.
    #[serde(default)]
    pub unknown_tokens: u32,
}

/// One document that was found. Parts that were not asked for are absent.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Hit {
    /// Its id.
    pub id: Id,
    /// Higher is better: how near it is whatever the metric, its BM25, or of a hybrid search what both
    /// give together, which says something beside the other hits alone.
    pub score: f32,
    /// What the score of a hybrid search was made of, and what a re-ranker gave.
    pub parts: Option<ScoreParts>,
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
    /// The passage of the text that is nearest or has the words, where it was cut and the search does not ask for
    /// passages.
    pub passage: Option<HitPassage>,
    /// The best passages, best first, where the search asks for them.
    #[serde(default)]
    pub best_passages: Vec<BestPassage>,
    /// Where the text has words of the query, where the search asks for it.
    pub highlights: Option<Highlights>,
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

/// Hits whose documents have the same value in a field.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct HitGroup {
    /// The value; null for documents that have none.
    pub value: Value,
    /// Best first.
    pub hits: Vec<Hit>,
}

/// What the score of a hybrid search was made of, and what a re-ranker gave.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct ScoreParts {
    /// How near the document is; absent where it has no vector in the field that is searched.
    pub semantic: Option<f32>,
    /// Its BM25, 0 where it has none of the words; absent where the search is not hybrid.
    pub keyword: Option<f32>,
    /// How well it answers the query; absent where no re-ranker was asked for, or it has no text.
    pub rerank: Option<f32>,
}

/// The passage by which a document was found. Characters are Unicode code points.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct HitPassage {
    /// Its first character in the document's text.
    pub start: usize,
    /// The character after its last one.
    pub end: usize,
    /// Its text.
    pub text: String,
}

/// One of the best passages of a hit. Characters are Unicode code points.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct BestPassage {
    /// Its first character in the text.
    pub start: usize,
    /// The character after its last one.
    pub end: usize,
    /// Its text.
    pub text: String,
    /// What it is among the best by, as the score of its hit is.
    pub score: f32,
    /// What the score of a hybrid search was made of.
    pub parts: Option<ScoreParts>,
    /// The text from the first of its neighbors to the last, where some are asked for and there are any.
    pub context: Option<HitPassage>,
    /// The words of the query in it, in characters of the whole text.
    #[serde(default)]
    pub highlights: Vec<CharacterRange>,
}

/// Where the text of a document has words of the query.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Highlights {
    /// The first ones, in their order.
    pub ranges: Vec<CharacterRange>,
    /// How many there are, listed or not.
    pub total: u64,
    /// The sentences with the most of them.
    pub snippet: Option<HitPassage>,
}

/// Where words stand, in Unicode code points of the whole text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct CharacterRange {
    /// The first character.
    pub start: usize,
    /// The character after the last one.
    pub end: usize,
}

/// How a search found its hits.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct SearchPlan {
    /// `scan`, `graph` or `graph_then_scan`; absent where no vectors were compared.
    pub strategy: Option<String>,
    /// Candidates that the walk kept, where there was one.
    pub ef: Option<u64>,
    /// Vectors of the documents that the filter lets through, where there is one.
    pub matching: Option<u64>,
    /// Vectors of the collection.
    pub vectors: u64,
    /// Documents that got both scores, in a hybrid search.
    pub candidates: Option<u64>,
    /// Nodes of the graph whose neighbors were looked at.
    pub hops: u64,
    /// Vectors compared with the query.
    pub compared: u64,
    /// Of these, vectors compared a second time, in full.
    pub rescored: u64,
    /// Time to find what the filter lets through.
    pub filter_ms: f64,
    /// Time in the vector index.
    pub index_ms: f64,
    /// Time in the keyword index; absent in a semantic search.
    pub keyword_ms: Option<f64>,
    /// Time to fetch the documents.
    pub fetch_ms: f64,
    /// Passages that got a score, where some are asked for.
    pub passages: Option<u64>,
    /// Time to find passages and words, where any are asked for.
    pub shown_ms: Option<f64>,
    /// Hits that the re-ranker read, where one is asked for.
    pub reranked: Option<u64>,
    /// Time of the re-ranker, where one is asked for.
    pub rerank_ms: Option<f64>,
}
