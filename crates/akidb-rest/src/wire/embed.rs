//! Texts to vectors.

use akidb_core::{Error, ErrorCode};
use akidb_service::{Embed, EmbedReply, InputType, Truncate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{List, milliseconds};

/// Texts to embed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EmbedRequest, example = json!({
    "texts": ["a boat on a lake"], "input_type": "query"
}))]
pub(crate) struct EmbedBody {
    /// The texts.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 32)]
    texts: List<String>,
    /// A loaded model; the node's default model where absent.
    model: Option<String>,
    /// `mean`, `cls`, `max` or `lasttoken`; the model's own where absent.
    #[schema(schema_with = super::schema::pooling)]
    pooling: Option<String>,
    /// Whether vectors are scaled to length 1; the model's own where absent.
    normalize: Option<bool>,
    /// `query` or `document`; chooses the model's prompt.
    #[schema(schema_with = super::schema::input_type)]
    input_type: Option<String>,
    /// How many of the first values of each vector are wanted (Matryoshka), 1 to the model's
    /// dimension; all where absent. Vectors are scaled to length 1 after that, where they are.
    #[schema(minimum = 1)]
    dimensions: Option<u64>,
    /// What becomes of texts that are longer than the model's window: `end` (default) or `start`
    /// is cut off, `none` refuses the request. Prompt and special tokens are always kept.
    #[schema(schema_with = super::schema::truncate)]
    truncate: Option<String>,
}

impl EmbedBody {
    /// The service's request.
    ///
    /// # Errors
    /// `invalid_argument` for an unknown pooling, input type or truncation.
    pub(crate) fn into_request(self) -> Result<Embed, Error> {
        let pooling = self.pooling.map(|name| name.parse().map_err(|e| invalid("pooling", e)));
        Ok(Embed {
            inputs: self.texts.0.into(),
            model: self.model,
            pooling: pooling.transpose()?,
            normalize: self.normalize,
            input_type: self.input_type.as_deref().map(input_type).transpose()?,
            dimensions: self.dimensions,
            truncate: self.truncate.as_deref().map(truncate).transpose()?,
            ..Embed::default()
        })
    }
}

pub(super) fn truncate(name: &str) -> Result<Truncate, Error> {
    name.parse().map_err(|error| invalid("truncate", error))
}

pub(super) fn input_type(name: &str) -> Result<InputType, Error> {
    match name.to_ascii_lowercase().as_str() {
        "query" => Ok(InputType::Query),
        "document" => Ok(InputType::Document),
        _ => {
            let given: String = name.chars().take(64).collect();
            let description =
                format!("unknown input type {given:?}, allowed are query and document");
            Err(invalid("input_type", description))
        }
    }
}

fn invalid(field: &str, description: impl std::fmt::Display) -> Error {
    Error::at(ErrorCode::InvalidArgument, field, description)
}

/// The vectors of texts.
#[derive(Serialize, ToSchema)]
#[schema(as = EmbedReply, example = json!({
    "embeddings": [{"values": [0.12, -0.5, 0.86]}],
    "model": "all-MiniLM-L6-v2",
    "dimension": 3,
    "usage": {"total_tokens": 7, "unknown_tokens": 0, "duration_ms": 3.215},
    "truncated": []
}))]
pub(crate) struct EmbedAnswer {
    /// One vector a text, in the order of the request.
    embeddings: Vec<EmbeddingAnswer>,
    /// The model that made them.
    model: String,
    /// The number of values of each vector.
    dimension: u64,
    usage: UsageAnswer,
    /// Indices of the texts that were longer than the model's window and were cut.
    truncated: Vec<u32>,
}

/// The vector of one text.
#[derive(Serialize, ToSchema)]
#[schema(as = Embedding)]
struct EmbeddingAnswer {
    values: Vec<f32>,
}

/// What a request used.
#[derive(Serialize, ToSchema)]
#[schema(as = Usage)]
struct UsageAnswer {
    /// Tokens of all texts that were read, prompts and special tokens included.
    total_tokens: u64,
    /// Those of them that stand for something the model does not know, such as a script that it has
    /// never seen: they say little or nothing.
    unknown_tokens: u64,
    /// From admission to reply.
    duration_ms: f64,
}

impl EmbedAnswer {
    /// How many numbers the answer carries.
    pub(crate) fn numbers(&self) -> usize {
        self.embeddings.iter().map(|embedding| embedding.values.len()).sum()
    }
}

impl From<EmbedReply> for EmbedAnswer {
    fn from(reply: EmbedReply) -> Self {
        let embeddings = reply.embeddings.into_iter();
        Self {
            embeddings: embeddings.map(|values| EmbeddingAnswer { values }).collect(),
            model: reply.model,
            dimension: reply.dimension,
            usage: UsageAnswer {
                total_tokens: reply.total_tokens,
                unknown_tokens: reply.unknown_tokens,
                duration_ms: milliseconds(reply.took),
            },
            truncated: reply.truncated,
        }
    }
}
