//! Documents in the order in which they answer a query.

use serde::{Deserialize, Serialize};

use crate::{Client, Request, RequestError, Usage};

/// A query and the documents that may answer it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Rerank {
    /// A re-ranker that is loaded.
    pub model: String,
    /// What the documents are to answer.
    pub query: String,
    /// The documents.
    pub documents: Vec<String>,
    /// How many of the best are wanted; all where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_n: Option<u64>,
    /// Whether the texts of these come back with their scores.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub return_documents: bool,
}

impl Rerank {
    /// All of these documents, without their texts.
    pub fn new(
        model: impl Into<String>,
        query: impl Into<String>,
        documents: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self {
            model: model.into(),
            query: query.into(),
            documents: documents.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }
}

/// The best documents for a query.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Reranking {
    /// The model that scored them.
    pub model: String,
    /// Best first; of equal ones in the order of the request.
    pub results: Vec<Reranked>,
    /// What the request used.
    pub usage: Usage,
    /// Indices of the documents that were not read whole with the query.
    pub truncated: Vec<usize>,
}

/// A document with its score.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Reranked {
    /// Its place in the request, from 0.
    pub index: usize,
    /// How well it answers the query, as the model's own files say: the sigmoid of the logit, or the
    /// logit itself.
    pub relevance_score: f32,
    /// What the model gave, before it was made a score.
    pub logit: f32,
    /// Its text, where it was asked for.
    pub document: Option<RerankedDocument>,
}

/// The text of a document.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct RerankedDocument {
    /// The text.
    pub text: String,
}

impl Client {
    /// Scores documents for a query with a re-ranker.
    ///
    /// # Errors
    /// The node's own, such as `queue_full`, or no answer.
    pub async fn rerank(&self, rerank: &Rerank) -> Result<Reranking, RequestError> {
        self.send(Request::post(&["v1", "rerank"]).json(rerank).repeatable()).await
    }
}
