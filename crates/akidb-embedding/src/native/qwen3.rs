//! The Qwen3 decoder: its weights, and the way of tokens through its layers.
//!
//! Yang et al., "Qwen3 technical report", 2025, arXiv:2505.09388. Out of scope: threads, and the
//! arithmetic inside a layer's parts.

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use rten_simd::SimdOp;

use super::{
    Encoder,
    attention::{Attention, Sight},
    linear::{Linear, Then},
    rotary::{Frequencies, NormalizeAndRotate},
    rows::{RmsNorm, gate},
    scratch::{Scratch, at_least},
    thread_team::Part,
    token_embeddings::TokenEmbeddings,
};
use crate::{
    error::ModelError,
    identity::Precision,
    model::{Qwen3Config, WeightFiles},
};

/// The tokens of a long text that are in the feed-forward part at a time, so that what it works
/// in stays small.
const FEED_FORWARD_TOKENS: usize = 256;

/// A whole decoder without its last matrix, which turns states back into words.
pub(super) struct Qwen3Encoder {
    config: Qwen3Config,
    words: TokenEmbeddings,
    layers: Vec<Layer>,
    norm: RmsNorm,
    frequencies: Frequencies,
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
    /// Reads and packs the weights, some layers at once.
    pub(super) fn load(
        config: &Qwen3Config,
        weights: &WeightFiles,
        precision: Precision,
    ) -> Result<Self, ModelError> {
        let (hidden, vocabulary) = (config.hidden_size, config.vocabulary);
        let layers = (0..config.layers).into_par_iter();
        let layers = layers.map(|number| Layer::load(weights, config, precision, number));
        Ok(Self {
            words: TokenEmbeddings::load(
                weights,
                Qwen3Config::WORD_EMBEDDINGS,
                [vocabulary, hidden],
                precision,
            )?,
            layers: layers.collect::<Result<_, _>>()?,
            norm: load_norm(weights, config, "norm", hidden as usize)?,
            frequencies: Frequencies::new(config.rope_theta, config.head_size as usize),
            config: config.clone(),
        })
    }

    /// Looks up the words and works out how far each position turns.
    fn embed_tokens(&self, part: &Part<'_>, states: &mut [f32], rotations: &mut [f32]) {
        let hidden = self.hidden_size();
        let tokens = part.texts().flat_map(|text| {
            text.own.map(move |position| (position, text.token_ids[position] as usize))
        });
        let rotations = rotations.chunks_exact_mut(self.config.head_size as usize);
        for (((position, token), state), rotation) in
            tokens.zip(states.chunks_exact_mut(hidden)).zip(rotations)
        {
            self.words.write(token, state);
            self.frequencies.write(position, rotation);
        }
    }

    /// Queries, keys and values of normalized states, turned by their positions.
    fn project(&self, layer: &Layer, part: &Part<'_>, scratch: &mut Scratch, qkv: &mut [f32]) {
        let hidden = &scratch.hidden[..part.len() * self.hidden_size()];
        let normed = at_least(&mut scratch.normed, hidden.len());
        normed.copy_from_slice(hidden);
        layer.attention_norm.apply(normed);
        layer.qkv.apply(normed, qkv, Then::Store, &mut scratch.quantized);
        NormalizeAndRotate {
            qkv,
            row_size: self.row_size(),
            query_size: self.config.query_size(),
            key_size: self.config.key_size(),
            query_norm: &layer.query_norm,
            key_norm: &layer.key_norm,
            rotations: &scratch.rotations,
        }
        .dispatch();
    }

    /// Self-attention and its residual.
    fn attend(&self, layer: &Layer, part: &Part<'_>, qkv: &[f32], scratch: &mut Scratch) {
        let (row_size, query_size) = (self.row_size(), self.config.query_size());
        let context = at_least(&mut scratch.context, part.len() * query_size);
        let mut contexts = &mut context[..];
        for text in part.texts() {
            let (context, others) = contexts.split_at_mut(text.own.len() * query_size);
            contexts = others;
            Attention {
                sight: Sight::Back,
                heads: self.config.heads as usize,
                key_value_heads: self.config.key_value_heads as usize,
                head_size: self.config.head_size as usize,
                qkv: &qkv[text.tokens.start * row_size..text.tokens.end * row_size],
                queries: text.own,
                context,
                scratch: &mut scratch.attention,
            }
            .dispatch();
        }
        let hidden = &mut scratch.hidden[..part.len() * self.hidden_size()];
        layer.attention_output.apply(context, hidden, Then::Add, &mut scratch.quantized);
    }

    /// The feed-forward part of normalized states, and its residual.
    fn feed_forward(&self, layer: &Layer, part: &Part<'_>, scratch: &mut Scratch) {
        let (width, hidden_size) = (self.config.intermediate_size as usize, self.hidden_size());
        let Scratch { hidden, normed, intermediate, gated, quantized, .. } = scratch;
        let hidden = &mut hidden[..part.len() * hidden_size];
        for hidden in hidden.chunks_mut(FEED_FORWARD_TOKENS * hidden_size) {
            let tokens = hidden.len() / hidden_size;
            let normed = at_least(normed, hidden.len());
            let intermediate = at_least(intermediate, tokens * 2 * width);
            let gated = at_least(gated, tokens * width);
            normed.copy_from_slice(hidden);
            layer.feed_forward_norm.apply(normed);
            layer.gate_and_up.apply(normed, intermediate, Then::Store, quantized);
            gate(intermediate, width, gated);
            layer.down.apply(gated, hidden, Then::Add, quantized);
        }
    }
}

impl Encoder for Qwen3Encoder {
    fn layers(&self) -> usize {
        self.layers.len()
    }

    fn hidden_size(&self) -> usize {
        self.config.hidden_size as usize
    }

    fn row_size(&self) -> usize {
        self.config.query_size() + 2 * self.config.key_size()
    }

    fn begin(&self, part: &Part<'_>, scratch: &mut Scratch, next: &mut [f32]) {
        let rotations = part.len() * self.config.head_size as usize;
        self.embed_tokens(
            part,
            at_least(&mut scratch.hidden, part.len() * self.hidden_size()),
            at_least(&mut scratch.rotations, rotations),
        );
        self.project(&self.layers[0], part, scratch, next);
    }

    fn pass(
        &self,
        layer: usize,
        part: &Part<'_>,
        present: &[f32],
        scratch: &mut Scratch,
        next: &mut [f32],
    ) {
        self.attend(&self.layers[layer], part, present, scratch);
        self.feed_forward(&self.layers[layer], part, scratch);
        if let Some(layer) = self.layers.get(layer + 1) {
            self.project(layer, part, scratch, next);
        } else {
            next.copy_from_slice(&scratch.hidden[..next.len()]);
            self.norm.apply(next);
        }
    }
}

impl Layer {
    fn load(
        weights: &WeightFiles,
        config: &Qwen3Config,
        precision: Precision,
        number: u32,
    ) -> Result<Self, ModelError> {
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
            let bias = vec![0.0; rows.len() / inputs];
            Ok::<_, ModelError>(Linear::pack(precision, &rows, bias))
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
