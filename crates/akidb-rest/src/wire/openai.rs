//! OpenAI's shapes, as far as their clients use them to embed: `/v1/embeddings` and `/v1/models`.
//!
//! Beyond those, requests may say `input_type` and `truncate`, which mean what they mean in
//! `/embed`. A field that neither knows is refused, as by OpenAI.

mod error;
mod input;
mod model;

pub(crate) use error::OpenAiErrorAnswer;
pub(crate) use model::{OpenAiModelAnswer, OpenAiModelListAnswer};

use akidb_core::{Error, ErrorCode};
use akidb_service::{Embed, EmbedReply, EmbedRules};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use self::input::OpenAiInput;
use super::embed::{input_type, truncate};

/// Inputs to embed, in OpenAI's shape.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OpenAiEmbeddingsRequest, example = json!({
    "input": ["a boat on a lake"], "model": "all-minilm-l6-v2"
}))]
pub(crate) struct OpenAiEmbeddingsBody {
    /// A text, a list of texts, the token ids of a text, or a list of such lists. Token ids are taken
    /// only where `embedding.accept_token_ids` says that all clients number tokens as the model's own
    /// tokenizer does, with or without its special tokens.
    #[schema(schema_with = input::schema)]
    input: OpenAiInput,
    /// A loaded model.
    model: String,
    /// `float` (default), or `base64` of little-endian 32-bit floats.
    #[schema(schema_with = super::schema::encoding_format)]
    encoding_format: Option<String>,
    /// How many of the first values of each vector are wanted; all where absent.
    #[schema(minimum = 1)]
    dimensions: Option<u64>,
    /// Accepted and not used.
    #[expect(dead_code, reason = "OpenAI's clients may send it, and nothing depends on it")]
    user: Option<String>,
    /// Not OpenAI's: `query` or `document`; chooses the model's prompt.
    #[schema(schema_with = super::schema::input_type)]
    input_type: Option<String>,
    /// Not OpenAI's: `none` (default) refuses inputs that are longer than the model's window,
    /// `end` and `start` say what is cut off.
    #[schema(schema_with = super::schema::truncate)]
    truncate: Option<String>,
}

/// How the answer writes its vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EncodingFormat {
    Float,
    Base64,
}

impl OpenAiEmbeddingsBody {
    /// The service's request and how to write its answer.
    ///
    /// # Errors
    /// `invalid_argument` for an unknown encoding format, input type or truncation.
    pub(crate) fn into_request(self) -> Result<(Embed, EncodingFormat), Error> {
        let format = self.encoding_format.as_deref().map_or(Ok(EncodingFormat::Float), format)?;
        let embed = Embed {
            inputs: self.input.into(),
            model: Some(self.model),
            input_type: self.input_type.as_deref().map(input_type).transpose()?,
            dimensions: self.dimensions,
            truncate: self.truncate.as_deref().map(truncate).transpose()?,
            rules: EmbedRules::OpenAi,
            ..Embed::default()
        };
        Ok((embed, format))
    }
}

fn format(name: &str) -> Result<EncodingFormat, Error> {
    match name {
        "float" => Ok(EncodingFormat::Float),
        "base64" => Ok(EncodingFormat::Base64),
        _ => {
            let given: String = name.chars().take(64).collect();
            let fault = format!("unknown encoding {given:?}, allowed are float and base64");
            Err(Error::at(ErrorCode::InvalidArgument, "encoding_format", fault))
        }
    }
}

/// The vectors of inputs, in OpenAI's shape.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenAiEmbeddings, example = json!({
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.12, -0.5, 0.86]}],
    "model": "all-minilm-l6-v2",
    "usage": {"prompt_tokens": 7, "total_tokens": 7, "unknown_tokens": 0}
}))]
pub(crate) struct OpenAiEmbeddingsAnswer {
    /// `list`.
    object: &'static str,
    /// One vector an input, in the order of the request.
    data: Vec<OpenAiEmbedding>,
    /// The model that made them.
    model: String,
    usage: OpenAiUsage,
    /// Indices of the inputs that were cut, where `truncate` allows that and some were.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    truncated: Vec<u32>,
}

/// The vector of one input.
#[derive(Serialize, ToSchema)]
struct OpenAiEmbedding {
    /// `embedding`.
    object: &'static str,
    /// The place of the input in the request.
    index: usize,
    /// Numbers, or base64 of little-endian 32-bit floats.
    #[schema(schema_with = input::vector_schema)]
    embedding: OpenAiVector,
}

/// What a request used.
#[derive(Serialize, ToSchema)]
struct OpenAiUsage {
    /// Tokens of all inputs, prompts and special tokens included.
    prompt_tokens: u64,
    /// The same.
    total_tokens: u64,
    /// Not OpenAI's: those of them that stand for something the model does not know.
    unknown_tokens: u64,
}

struct OpenAiVector {
    values: Vec<f32>,
    format: EncodingFormat,
}

impl Serialize for OpenAiVector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.format {
            EncodingFormat::Float => self.values.serialize(serializer),
            EncodingFormat::Base64 => {
                let bytes: Vec<u8> =
                    self.values.iter().flat_map(|value| value.to_le_bytes()).collect();
                serializer.serialize_str(&STANDARD.encode(bytes))
            }
        }
    }
}

impl OpenAiEmbeddingsAnswer {
    pub(crate) fn new(reply: EmbedReply, format: EncodingFormat) -> Self {
        let vectors = reply.embeddings.into_iter().enumerate();
        Self {
            object: "list",
            data: vectors
                .map(|(index, values)| OpenAiEmbedding {
                    object: "embedding",
                    index,
                    embedding: OpenAiVector { values, format },
                })
                .collect(),
            model: reply.model,
            usage: OpenAiUsage {
                prompt_tokens: reply.total_tokens,
                total_tokens: reply.total_tokens,
                unknown_tokens: reply.unknown_tokens,
            },
            truncated: reply.truncated,
        }
    }

    /// How many numbers the answer carries.
    pub(crate) fn numbers(&self) -> usize {
        self.data.iter().map(|data| data.embedding.values.len()).sum()
    }
}
