//! Texts to vectors.

use std::time::Duration;

use akidb_embedding::{EmbedInputs, InputType, Lane, Pooling, Truncate};

/// Asks for the vectors of texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embed {
    /// The texts.
    pub inputs: EmbedInputs,
    /// A loaded model, the node's default where absent.
    pub model: Option<String>,
    /// The model's own where absent.
    pub pooling: Option<Pooling>,
    /// The model's own where absent.
    pub normalize: Option<bool>,
    /// Chooses the model's prompt; none where absent.
    pub input_type: Option<InputType>,
    /// How many of the first values of each vector are wanted; all where absent.
    pub dimensions: Option<u64>,
    /// What becomes of texts that are longer than the model's window; the rules say where absent.
    pub truncate: Option<Truncate>,
    /// Who waits for it.
    pub lane: Lane,
    /// The rules that it keeps to.
    pub rules: EmbedRules,
}

/// The rules that requests for vectors keep to, by the shape that they came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmbedRules {
    /// At most `embed_texts` texts. Long ones are cut at their end, which the reply says.
    #[default]
    Own,
    /// At most `openai_inputs` inputs. Long ones are refused, as OpenAI does: its reply could not
    /// say that they were cut.
    OpenAi,
}

/// The vectors of texts.
#[derive(Clone, Debug, PartialEq)]
pub struct EmbedReply {
    /// One vector a text, in the order of the request.
    pub embeddings: Vec<Vec<f32>>,
    /// The model's name.
    pub model: String,
    /// The length of the vectors: the model's, or what was asked for.
    pub dimension: u64,
    /// Tokens of all texts that were read, special tokens and prompts included.
    pub total_tokens: u64,
    /// Those of them that stand for something the model does not know.
    pub unknown_tokens: u64,
    /// From admission to reply.
    pub took: Duration,
    /// Indices of the texts that were longer than the model's window and were cut.
    pub truncated: Vec<u32>,
}
