//! Texts to vectors.

use serde::{Deserialize, Serialize};

use crate::{Client, Request, RequestError};

/// Texts to embed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Embed {
    /// The texts.
    pub texts: Vec<String>,
    /// A loaded model; the node's default one where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// `mean`, `cls`, `max` or `lasttoken`; the model's own where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pooling: Option<String>,
    /// Whether vectors are scaled to length 1; the model's own where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normalize: Option<bool>,
    /// `query` or `document`; chooses the model's prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_type: Option<String>,
    /// How many of the first values of each vector are wanted; all where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<u64>,
    /// What is cut off of texts longer than the model's window: `end`, `start`, or `none`, which
    /// refuses them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncate: Option<String>,
}

impl Embed {
    /// These texts, in the model's own way.
    pub fn texts(texts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { texts: texts.into_iter().map(Into::into).collect(), ..Self::default() }
    }
}

/// The vectors of texts.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Embeddings {
    /// One a text, in the order of the request.
    pub embeddings: Vec<Embedding>,
    /// The model that made them.
    pub model: String,
    /// The number of values of each.
    pub dimension: u64,
    /// What the request used.
    pub usage: Usage,
    /// Indices of the texts that were longer than the model's window and were cut.
    pub truncated: Vec<usize>,
}

/// The vector of one text.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Embedding {
    /// The vector.
    pub values: Vec<f32>,
}

/// What a request used.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Usage {
    /// Tokens of all texts that were read, prompts and special tokens included.
    pub total_tokens: u64,
    /// Those of them that stand for something the model does not know.
    pub unknown_tokens: u64,
    /// From admission to reply.
    pub duration_ms: f64,
}

impl Client {
    /// Embeds texts.
    ///
    /// # Errors
    /// The node's own, such as `queue_full`, or no answer.
    pub async fn embed(&self, embed: &Embed) -> Result<Embeddings, RequestError> {
        self.send(Request::post(&["embed"]).json(embed).repeatable()).await
    }
}
