//! `config.json`: the shape of the network.
//!
//! What does not live here: pooling and prompts, which are sentence-transformers' own.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::read_json;
use crate::error::ModelError;

/// The shape of a BERT encoder (Devlin et al., "BERT", 2018, arXiv:1810.04805).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BertConfig {
    /// The values of a token's state.
    pub(crate) hidden_size: u32,
    /// The layers.
    pub(crate) layers: u32,
    /// The attention heads of a layer; they divide `hidden_size`.
    pub(crate) heads: u32,
    /// The values between the two matrices of a layer's feed-forward part.
    pub(crate) intermediate_size: u32,
    /// The tokens that the model knows.
    pub(crate) vocabulary: u32,
    /// The token types; texts here are all of the first.
    pub(crate) token_types: u32,
    /// The positions that the model knows.
    pub(crate) max_positions: u32,
    /// Added to the variance in layer normalisation.
    pub(crate) layer_norm_epsilon: f32,
    /// The function between the two matrices.
    pub(crate) activation: Activation,
}

/// The function between the two matrices of a layer's feed-forward part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    /// `x * Phi(x)` with the error function (Hendrycks, Gimpel, arXiv:1606.08415).
    Gelu,
    /// The same with the authors' approximation by `tanh`.
    GeluTanh,
    /// `max(x, 0)`.
    Relu,
}

#[derive(Deserialize)]
struct RawBertConfig {
    hidden_size: u32,
    num_hidden_layers: u32,
    num_attention_heads: u32,
    intermediate_size: u32,
    vocab_size: u32,
    #[serde(default = "two")]
    type_vocab_size: u32,
    max_position_embeddings: u32,
    #[serde(default = "bert_epsilon")]
    layer_norm_eps: f32,
    #[serde(default = "gelu")]
    hidden_act: String,
}

fn two() -> u32 {
    2
}

fn bert_epsilon() -> f32 {
    1e-12
}

fn gelu() -> String {
    "gelu".to_owned()
}

impl BertConfig {
    /// Reads `config.json`.
    pub(crate) fn read(file: &Path) -> Result<Self, ModelError> {
        let settings: Map<String, Value> = read_json(file)?;
        require(file, &settings, "model_type", "bert", None)?;
        require(file, &settings, "position_embedding_type", "absolute", Some("absolute"))?;
        require(file, &settings, "is_decoder", "false", Some("false"))?;
        let raw: RawBertConfig =
            serde_json::from_value(Value::Object(settings)).map_err(|error| {
                ModelError::Damaged { file: file.to_owned(), reason: error.to_string() }
            })?;
        let config = Self {
            hidden_size: raw.hidden_size,
            layers: raw.num_hidden_layers,
            heads: raw.num_attention_heads,
            intermediate_size: raw.intermediate_size,
            vocabulary: raw.vocab_size,
            token_types: raw.type_vocab_size,
            max_positions: raw.max_position_embeddings,
            layer_norm_epsilon: raw.layer_norm_eps,
            activation: activation(file, &raw.hidden_act)?,
        };
        config.check(file)?;
        Ok(config)
    }

    /// The values of one attention head.
    pub(crate) fn head_size(&self) -> usize {
        (self.hidden_size / self.heads) as usize
    }

    fn check(&self, file: &Path) -> Result<(), ModelError> {
        let sizes = [
            ("hidden_size", self.hidden_size),
            ("num_hidden_layers", self.layers),
            ("num_attention_heads", self.heads),
            ("intermediate_size", self.intermediate_size),
            ("vocab_size", self.vocabulary),
            ("type_vocab_size", self.token_types),
            ("max_position_embeddings", self.max_positions),
        ];
        let damaged = |reason| ModelError::Damaged { file: file.to_owned(), reason };
        if let Some((key, _)) = sizes.into_iter().find(|(_, size)| *size == 0) {
            return Err(damaged(format!("{key} is 0")));
        }
        if !self.hidden_size.is_multiple_of(self.heads) {
            let Self { hidden_size, heads, .. } = self;
            return Err(damaged(format!(
                "hidden_size {hidden_size} cannot be divided by num_attention_heads {heads}"
            )));
        }
        if !(self.layer_norm_epsilon.is_finite() && self.layer_norm_epsilon > 0.0) {
            return Err(damaged(format!("layer_norm_eps is {}", self.layer_norm_epsilon)));
        }
        Ok(())
    }
}

fn activation(file: &Path, name: &str) -> Result<Activation, ModelError> {
    match name {
        "gelu" | "gelu_python" => Ok(Activation::Gelu),
        "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" => Ok(Activation::GeluTanh),
        "relu" => Ok(Activation::Relu),
        _ => {
            Err(unsupported(file, "hidden_act", name, "gelu, gelu_new, gelu_pytorch_tanh or relu"))
        }
    }
}

/// Refuses a setting that is not `allowed`, or not there where `default` is `None`.
fn require(
    file: &Path,
    settings: &Map<String, Value>,
    key: &str,
    allowed: &str,
    default: Option<&str>,
) -> Result<(), ModelError> {
    let found = match settings.get(key) {
        None | Some(Value::Null) => default.unwrap_or("absent").to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    if found == allowed { Ok(()) } else { Err(unsupported(file, key, &found, allowed)) }
}

/// The error for a setting that this program does not do.
pub(super) fn unsupported(file: &Path, key: &str, found: &str, supported: &str) -> ModelError {
    ModelError::Unsupported {
        file: file.to_owned(),
        key: key.to_owned(),
        found: found.chars().take(80).collect(),
        supported: supported.to_owned(),
    }
}
