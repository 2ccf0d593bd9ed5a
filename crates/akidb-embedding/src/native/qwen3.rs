//! The Qwen3 decoder: its weights, and the way of a shard through its layers.
//!
//! Yang et al., "Qwen3 technical report", 2025, arXiv:2505.09388. What does not live here: threads,
//! and the arithmetic inside a layer's parts.

use rten_gemm::GemmExecutor;
use rten_simd::SimdOp;

use super::{
    Encoder,
    attention::{Attention, Sight},
    linear::Linear,
    rotary::{Frequencies, NormalizeAndRotate},
    rows::{RmsNorm, gate},
    scratch::{Scratch, at_least},
    shards::Shard,
};
use crate::{
    embedder::EncoderInput,
    error::{EncodeError, ModelError},
    model::{Qwen3Config, WeightFiles},
};

/// The tokens of a long text that are in the feed-forward part at a time, so that what it works
/// in stays small.
const FEED_FORWARD_TOKENS: usize = 256;

/// A whole decoder without its last matrix, which turns states back into words.
pub(super) struct Qwen3Encoder {
    config: Qwen3Config,
    /// `[vocabulary, hidden]`, not packed since rows are looked up.
    word_embeddings: Vec<f32>,
    layers: Vec<Layer>,
    norm: RmsNorm,
    frequencies: Frequencies,
    /// Zeros, as many as a token's queries, keys and values.
    qkv_bias: Vec<f32>,
}

struct Layer {
    attention_norm: RmsNorm,
    /// Queries, keys and values as one product.
    qkv: Linear,
    query_norm: RmsNorm,
    key_norm: RmsNorm,
    attention_output: Linear,
    feed_forward_norm: RmsNorm,
    gate_and_up: Linear,
    down: Linear,
}

impl Qwen3Encoder {
    /// Reads and packs the weights, one matrix after the other.
    pub(super) fn load(config: &Qwen3Config, weights: &WeightFiles) -> Result<Self, ModelError> {
        let hidden = config.hidden_size as usize;
        let layers = (0..config.layers).map(|number| Layer::load(weights, config, number));
        Ok(Self {
            word_embeddings: weights
                .read(Qwen3Config::WORD_EMBEDDINGS, &[config.vocabulary as usize, hidden])?,
            layers: layers.collect::<Result<_, _>>()?,
            norm: load_norm(weights, config, "norm", hidden)?,
            frequencies: Frequencies::new(config.rope_theta, config.head_size as usize),
            qkv_bias: vec![0.0; config.query_size() + 2 * config.key_size()],
            config: config.clone(),
        })
    }

    fn hidden_size(&self) -> usize {
        self.config.hidden_size as usize
    }

    /// Looks up the words and works out how far each position turns.
    fn embed_tokens(&self, texts: &[EncoderInput<'_>], states: &mut [f32], rotations: &mut [f32]) {
        let hidden = self.hidden_size();
        let tokens = texts.iter().flat_map(|text| text.token_ids.iter().enumerate());
        let rotations = rotations.chunks_exact_mut(self.config.head_size as usize);
        for (((position, token), state), rotation) in
            tokens.zip(states.chunks_exact_mut(hidden)).zip(rotations)
        {
            state.copy_from_slice(&self.word_embeddings[*token as usize * hidden..][..hidden]);
            self.frequencies.write(position, rotation);
        }
    }

    /// Self-attention of normalised states, and its residual.
    fn attend(
        &self,
        gemm: &GemmExecutor,
        layer: &Layer,
        shard: &Shard<'_>,
        scratch: &mut Scratch,
    ) -> Result<(), EncodeError> {
        let tokens = shard.tokens;
        let (row_size, query_size) = (self.qkv_bias.len(), self.config.query_size());
        let hidden = &mut scratch.hidden[..tokens * self.hidden_size()];
        let normed = at_least(&mut scratch.normed, hidden.len());
        let qkv = at_least(&mut scratch.qkv, tokens * row_size);
        let context = at_least(&mut scratch.context, tokens * query_size);
        normed.copy_from_slice(hidden);
        layer.attention_norm.apply(normed);
        layer.qkv.multiply_into(gemm, normed, qkv)?;
        NormalizeAndRotate {
            qkv: &mut *qkv,
            row_size,
            query_size,
            key_size: self.config.key_size(),
            query_norm: &layer.query_norm,
            key_norm: &layer.key_norm,
            rotations: &scratch.rotations,
        }
        .dispatch();
        let mut first = 0;
        for text in shard.texts {
            let end = first + text.token_ids.len();
            Attention {
                sight: Sight::Back,
                heads: self.config.heads as usize,
                key_value_heads: self.config.key_value_heads as usize,
                head_size: self.config.head_size as usize,
                qkv: &qkv[first * row_size..end * row_size],
                qkv_bias: &self.qkv_bias,
                context: &mut context[first * query_size..end * query_size],
                scratch: &mut scratch.attention,
            }
            .dispatch();
            first = end;
        }
        layer.attention_output.multiply_onto(gemm, context, hidden)
    }

    /// The feed-forward part of normalised states, and its residual.
    fn feed_forward(
        &self,
        gemm: &GemmExecutor,
        layer: &Layer,
        tokens: usize,
        scratch: &mut Scratch,
    ) -> Result<(), EncodeError> {
        let (width, hidden_size) = (self.config.intermediate_size as usize, self.hidden_size());
        let hidden = &mut scratch.hidden[..tokens * hidden_size];
        for hidden in hidden.chunks_mut(FEED_FORWARD_TOKENS * hidden_size) {
            let tokens = hidden.len() / hidden_size;
            let normed = at_least(&mut scratch.normed, hidden.len());
            let intermediate = at_least(&mut scratch.intermediate, tokens * 2 * width);
            let gated = at_least(&mut scratch.gated, tokens * width);
            normed.copy_from_slice(hidden);
            layer.feed_forward_norm.apply(normed);
            layer.gate_and_up.multiply_into(gemm, normed, intermediate)?;
            gate(intermediate, width, gated);
            layer.down.multiply_onto(gemm, gated, hidden)?;
        }
        Ok(())
    }
}

impl Encoder for Qwen3Encoder {
    fn encode(
        &self,
        gemm: &GemmExecutor,
        shard: Shard<'_>,
        scratch: &mut Scratch,
    ) -> Result<(), EncodeError> {
        let tokens = shard.tokens;
        let states = tokens * self.hidden_size();
        let rotations = tokens * self.config.head_size as usize;
        self.embed_tokens(
            shard.texts,
            at_least(&mut scratch.hidden, states),
            at_least(&mut scratch.rotations, rotations),
        );
        for layer in &self.layers {
            self.attend(gemm, layer, &shard, scratch)?;
            self.feed_forward(gemm, layer, tokens, scratch)?;
        }
        let states = &mut scratch.hidden[..states];
        self.norm.apply(states);
        shard.pool(states);
        Ok(())
    }
}

impl Layer {
    fn load(weights: &WeightFiles, config: &Qwen3Config, number: u32) -> Result<Self, ModelError> {
        let (hidden, head) = (config.hidden_size as usize, config.head_size as usize);
        let intermediate = config.intermediate_size as usize;
        let (query, key) = (config.query_size(), config.key_size());
        let name = |part: &str| format!("layers.{number}.{part}");
        let norm = |part: &str, size: usize| load_norm(weights, config, &name(part), size);
        let linear = |parts: &[(&str, usize)], inputs: usize| {
            let mut rows = Vec::new();
            for (part, outputs) in parts {
                rows.extend(weights.read(&name(&format!("{part}.weight")), &[*outputs, inputs])?);
            }
            Ok::<_, ModelError>(Linear::pack(&rows, rows.len() / inputs))
        };
        let qkv =
            [("self_attn.q_proj", query), ("self_attn.k_proj", key), ("self_attn.v_proj", key)];
        let gate_and_up = [("mlp.gate_proj", intermediate), ("mlp.up_proj", intermediate)];
        Ok(Self {
            attention_norm: norm("input_layernorm", hidden)?,
            qkv: linear(&qkv, hidden)?,
            query_norm: norm("self_attn.q_norm", head)?,
            key_norm: norm("self_attn.k_norm", head)?,
            attention_output: linear(&[("self_attn.o_proj", hidden)], query)?,
            feed_forward_norm: norm("post_attention_layernorm", hidden)?,
            gate_and_up: linear(&gate_and_up, hidden)?,
            down: linear(&[("mlp.down_proj", hidden)], intermediate)?,
        })
    }
}

fn load_norm(
    weights: &WeightFiles,
    config: &Qwen3Config,
    name: &str,
    size: usize,
) -> Result<RmsNorm, ModelError> {
    let weight = weights.read(&format!("{name}.weight"), &[size])?;
    Ok(RmsNorm { weight, epsilon: config.norm_epsilon })
}
