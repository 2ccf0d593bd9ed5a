//! Documents in the order in which they answer a query.

use std::time::Duration;

/// Asks for the score of each of some documents for a query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rerank {
    /// A re-ranker that is loaded.
    pub model: Option<String>,
    /// What the documents are to answer.
    pub query: String,
    /// The documents.
    pub documents: Vec<String>,
    /// How many of the best are wanted; all where absent.
    pub top_n: Option<u64>,
    /// Whether the texts of these come back with their scores.
    pub return_documents: bool,
}

/// The best documents for a query.
#[derive(Clone, Debug, PartialEq)]
pub struct RerankReply {
    /// Best first; of equal ones in the order of the request.
    pub results: Vec<Reranked>,
    /// The model's name.
    pub model: String,
    /// Tokens of all pairs that were read, special tokens included; the query counts in each.
    pub total_tokens: u64,
    /// Those of them that stand for something the model does not know.
    pub unknown_tokens: u64,
    /// From admission to reply.
    pub took: Duration,
    /// Indices, from 0, of the documents that were not read whole with the query, because both are
    /// longer than the model's window.
    pub truncated: Vec<u32>,
}

/// A document with its score.
#[derive(Clone, Debug, PartialEq)]
pub struct Reranked {
    /// Its place in the request, from 0.
    pub index: usize,
    /// How well it answers the query, as the model's own files say: between 0 and 1, or the logit.
    pub score: f32,
    /// What the model gave, before it was made a score. Any finite number.
    pub logit: f32,
    /// Its text, where it was asked for.
    pub document: Option<String>,
}

/// Has the best hits of a search re-ranked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchRerank {
    /// A re-ranker that is loaded.
    pub model: Option<String>,
    /// How many of the best hits are re-ranked, 50 where absent.
    pub top: Option<u64>,
}
