//! The shape of a BERT, RoBERTa or XLM-R encoder, and the tensors that it must have.
//!
//! Out of scope: running one.

use serde::Deserialize;

use super::{config_file::ConfigFile, weights::WeightFiles};
use crate::error::ModelError;

const SUPPORTED_ACTIVATIONS: &str =
    "gelu, gelu_new, gelu_fast, gelu_pytorch_tanh, quick_gelu or relu";

/// The shape of a BERT encoder (Devlin et al., "BERT", 2018, arXiv:1810.04805) or of one of the
/// RoBERTa family (Liu et al., 2019, arXiv:1907.11692; Conneau et al., 2019, arXiv:1911.02116).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BertConfig {
    /// `bert`, `roberta`, `xlm-roberta` or `camembert`.
    pub(crate) model_type: String,
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
    /// The token types: a text is of the first, the second one of a pair is of the second.
    pub(crate) token_types: u32,
    /// The rows of the position embeddings, of which a RoBERTa uses those after its padding token.
    pub(crate) position_rows: u32,
    /// The padding token of the RoBERTa family, which numbers positions from the one after it and
    /// does not count that token where a text spells it.
    pub(crate) padding_token: Option<u32>,
    /// Added to the variance in layer normalization.
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
    /// The same with the authors' approximation by the logistic function, `x * sigma(1.702 x)`.
    QuickGelu,
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
    #[serde(default = "one")]
    pad_token_id: Option<u32>,
}

fn one() -> Option<u32> {
    Some(1)
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
    /// See [`Architecture::word_embeddings`](super::Architecture::word_embeddings).
    pub(crate) const WORD_EMBEDDINGS: &str = "embeddings.word_embeddings.weight";

    /// Reads the settings of an encoder.
    pub(super) fn read(file: &ConfigFile) -> Result<Self, ModelError> {
        file.require("position_embedding_type", &["absolute"])?;
        file.require("is_decoder", &["false"])?;
        let raw: RawBertConfig = file.parse()?;
        let model_type = file.text("model_type");
        let config = Self {
            padding_token: if model_type == "bert" { None } else { raw.pad_token_id },
            model_type,
            hidden_size: raw.hidden_size,
            layers: raw.num_hidden_layers,
            heads: raw.num_attention_heads,
            intermediate_size: raw.intermediate_size,
            vocabulary: raw.vocab_size,
            token_types: raw.type_vocab_size,
            position_rows: raw.max_position_embeddings,
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

    /// The row of the position embeddings that a text's first token has.
    pub(crate) fn first_position(&self) -> u32 {
        self.padding_token.map_or(0, |token| token + 1)
    }

    /// The most tokens of a text.
    pub(crate) fn max_tokens(&self) -> u32 {
        self.position_rows - self.first_position()
    }

    fn check(&self, file: &ConfigFile) -> Result<(), ModelError> {
        file.check_sizes(&[
            ("hidden_size", self.hidden_size),
            ("num_hidden_layers", self.layers),
            ("num_attention_heads", self.heads),
            ("intermediate_size", self.intermediate_size),
            ("vocab_size", self.vocabulary),
            ("type_vocab_size", self.token_types),
            ("max_position_embeddings", self.position_rows),
        ])?;
        let hidden_size = ("hidden_size", self.hidden_size);
        file.check_divides(hidden_size, ("num_attention_heads", self.heads))?;
        file.check_positive("layer_norm_eps", self.layer_norm_epsilon.into())?;
        if self.model_type != "bert" && self.padding_token.is_none() {
            return Err(file.damaged("pad_token_id is null, positions are counted from it".into()));
        }
        match self.padding_token {
            Some(token) if token >= self.position_rows - 1 => Err(file.damaged(format!(
                "pad_token_id {token} leaves no position of max_position_embeddings {}",
                self.position_rows
            ))),
            _ => Ok(()),
        }
    }

    /// Checks that every tensor is there, in its shape and in a type that can be read.
    pub(super) fn check_tensors(&self, weights: &WeightFiles) -> Result<(), ModelError> {
        let hidden = self.hidden_size as usize;
        let intermediate = self.intermediate_size as usize;
        let embeddings = [
            ("word_embeddings", self.vocabulary),
            ("position_embeddings", self.position_rows),
            ("token_type_embeddings", self.token_types),
        ];
        for (name, rows) in embeddings {
            weights.check(&format!("embeddings.{name}.weight"), &[rows as usize, hidden])?;
        }
        check_pair(weights, "embeddings.LayerNorm", &[hidden], hidden)?;
        for layer in 0..self.layers {
            let layer = format!("encoder.layer.{layer}");
            for name in ["self.query", "self.key", "self.value", "output.dense"] {
                let name = format!("{layer}.attention.{name}");
                check_pair(weights, &name, &[hidden, hidden], hidden)?;
            }
            check_pair(weights, &format!("{layer}.attention.output.LayerNorm"), &[hidden], hidden)?;
            let (up, down) = ([intermediate, hidden], [hidden, intermediate]);
            check_pair(weights, &format!("{layer}.intermediate.dense"), &up, intermediate)?;
            check_pair(weights, &format!("{layer}.output.dense"), &down, hidden)?;
            check_pair(weights, &format!("{layer}.output.LayerNorm"), &[hidden], hidden)?;
        }
        Ok(())
    }
}

fn activation(file: &ConfigFile, name: &str) -> Result<Activation, ModelError> {
    match name {
        "gelu" | "gelu_python" => Ok(Activation::Gelu),
        "gelu_new" | "gelu_fast" | "gelu_accurate" | "gelu_pytorch_tanh" | "gelu_python_tanh" => {
            Ok(Activation::GeluTanh)
        }
        "quick_gelu" => Ok(Activation::QuickGelu),
        "relu" => Ok(Activation::Relu),
        _ => Err(file.unsupported("hidden_act", name, SUPPORTED_ACTIVATIONS)),
    }
}

pub(super) fn check_pair(
    weights: &WeightFiles,
    name: &str,
    shape: &[usize],
    bias: usize,
) -> Result<(), ModelError> {
    weights.check(&format!("{name}.weight"), shape)?;
    weights.check(&format!("{name}.bias"), &[bias])
}
