//! The shape of a Qwen3 decoder, and the tensors that it must have.
//!
//! Out of scope: running one.

use serde::Deserialize;
use serde_json::Value;

use super::{config_file::ConfigFile, weights::WeightFiles};
use crate::error::ModelError;

/// What transformers takes where the file says nothing.
const DEFAULT_ROPE_THETA: f64 = 10_000.0;

/// The shape of a Qwen3 decoder (Yang et al., "Qwen3 technical report", 2025, arXiv:2505.09388).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Qwen3Config {
    /// The values of a token's state.
    pub(crate) hidden_size: u32,
    /// The layers.
    pub(crate) layers: u32,
    /// The attention heads of a layer.
    pub(crate) heads: u32,
    /// The heads that have keys and values of their own; they divide `heads`.
    pub(crate) key_value_heads: u32,
    /// The values of one attention head, an even number.
    pub(crate) head_size: u32,
    /// The values between the matrices of a layer's feed-forward part.
    pub(crate) intermediate_size: u32,
    /// The tokens that the model knows.
    pub(crate) vocabulary: u32,
    /// The positions that the model was trained for.
    pub(crate) max_positions: u32,
    /// Added to the mean square in normalization.
    pub(crate) norm_epsilon: f32,
    /// The base of the wavelengths of rotary positions.
    pub(crate) rope_theta: f32,
}

#[derive(Deserialize)]
struct RawQwen3Config {
    hidden_size: u32,
    num_hidden_layers: u32,
    num_attention_heads: u32,
    num_key_value_heads: Option<u32>,
    #[serde(default = "head_dim")]
    head_dim: u32,
    intermediate_size: u32,
    vocab_size: u32,
    max_position_embeddings: u32,
    #[serde(default = "rms_epsilon")]
    rms_norm_eps: f32,
}

fn head_dim() -> u32 {
    128
}

fn rms_epsilon() -> f32 {
    1e-6
}

impl Qwen3Config {
    /// See [`Architecture::word_embeddings`](super::Architecture::word_embeddings).
    pub(crate) const WORD_EMBEDDINGS: &str = "embed_tokens.weight";

    /// Reads the settings of a decoder.
    pub(super) fn read(file: &ConfigFile) -> Result<Self, ModelError> {
        file.require("hidden_act", &["silu", "swish"])?;
        file.require("attention_bias", &["false"])?;
        file.require("use_sliding_window", &["false"])?;
        file.require("is_causal", &["true"])?;
        let kinds = file.get("layer_types").and_then(Value::as_array);
        if let Some(kind) = kinds.into_iter().flatten().find(|kind| *kind != "full_attention") {
            return Err(file.unsupported("layer_types", &kind.to_string(), "full_attention"));
        }
        let raw: RawQwen3Config = file.parse()?;
        let config = Self {
            hidden_size: raw.hidden_size,
            layers: raw.num_hidden_layers,
            heads: raw.num_attention_heads,
            key_value_heads: raw.num_key_value_heads.unwrap_or(raw.num_attention_heads),
            head_size: raw.head_dim,
            intermediate_size: raw.intermediate_size,
            vocabulary: raw.vocab_size,
            max_positions: raw.max_position_embeddings,
            norm_epsilon: raw.rms_norm_eps,
            rope_theta: rope_theta(file)? as f32,
        };
        config.check(file)?;
        Ok(config)
    }

    /// The values of all query heads of a token.
    pub(crate) fn query_size(&self) -> usize {
        self.heads as usize * self.head_size as usize
    }

    /// The values of all key heads of a token, or of all value heads.
    pub(crate) fn key_size(&self) -> usize {
        self.key_value_heads as usize * self.head_size as usize
    }

    fn check(&self, file: &ConfigFile) -> Result<(), ModelError> {
        file.check_sizes(&[
            ("hidden_size", self.hidden_size),
            ("num_hidden_layers", self.layers),
            ("num_attention_heads", self.heads),
            ("head_dim", self.head_size),
            ("intermediate_size", self.intermediate_size),
            ("vocab_size", self.vocabulary),
            ("max_position_embeddings", self.max_positions),
        ])?;
        let heads = ("num_attention_heads", self.heads);
        file.check_divides(heads, ("num_key_value_heads", self.key_value_heads))?;
        if !self.head_size.is_multiple_of(2) {
            return Err(file.damaged(format!("head_dim {} is not even", self.head_size)));
        }
        file.check_positive("rms_norm_eps", self.norm_epsilon.into())
    }

    /// Checks that every tensor is there, in its shape and in a type that can be read.
    ///
    /// `lm_head.weight`, which turns states back into words, is not needed; where
    /// `tie_word_embeddings` is set it is not there.
    pub(super) fn check_tensors(&self, weights: &WeightFiles) -> Result<(), ModelError> {
        let (hidden, head) = (self.hidden_size as usize, self.head_size as usize);
        let intermediate = self.intermediate_size as usize;
        weights.check(Self::WORD_EMBEDDINGS, &[self.vocabulary as usize, hidden])?;
        weights.check("norm.weight", &[hidden])?;
        let of_a_layer: [(&str, &[usize]); 11] = [
            ("self_attn.q_proj", &[self.query_size(), hidden]),
            ("self_attn.k_proj", &[self.key_size(), hidden]),
            ("self_attn.v_proj", &[self.key_size(), hidden]),
            ("self_attn.o_proj", &[hidden, self.query_size()]),
            ("self_attn.q_norm", &[head]),
            ("self_attn.k_norm", &[head]),
            ("mlp.gate_proj", &[intermediate, hidden]),
            ("mlp.up_proj", &[intermediate, hidden]),
            ("mlp.down_proj", &[hidden, intermediate]),
            ("input_layernorm", &[hidden]),
            ("post_attention_layernorm", &[hidden]),
        ];
        for layer in 0..self.layers {
            for (name, shape) in of_a_layer {
                weights.check(&format!("layers.{layer}.{name}.weight"), shape)?;
            }
        }
        Ok(())
    }
}

/// The base of rotary positions, in the spelling of transformers 4 or 5; refuses stretched ones.
fn rope_theta(file: &ConfigFile) -> Result<f64, ModelError> {
    let scaling = file.get("rope_scaling");
    let parameters = file.get("rope_parameters");
    for (key, settings) in [("rope_scaling", scaling), ("rope_parameters", parameters)] {
        let kind = settings.and_then(|settings| {
            settings
                .get("rope_type")
                .or_else(|| settings.get("type"))
                .filter(|kind| !kind.is_null())
        });
        match kind.map(|kind| kind.as_str().unwrap_or("not a text")) {
            None | Some("default") => {}
            Some(kind) => {
                return Err(file.unsupported(&format!("{key}.rope_type"), kind, "default"));
            }
        }
    }
    let given = match parameters {
        // Parameters that differ between layers hold no number here.
        Some(settings) => settings.get("rope_theta").or(file.get("rope_theta")).or(Some(settings)),
        None => file.get("rope_theta"),
    };
    let theta = given.map_or(Some(DEFAULT_ROPE_THETA), Value::as_f64);
    let theta = theta.ok_or_else(|| file.damaged("rope_theta is not a number".to_owned()))?;
    file.check_positive("rope_theta", theta)?;
    Ok(theta)
}
