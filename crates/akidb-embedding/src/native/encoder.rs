//! The encoder of BERT and RoBERTa: its weights, and the way of tokens through its layers.
//!
//! Devlin et al., "BERT: pre-training of deep bidirectional transformers", 2018, arXiv:1810.04805.
//! Out of scope: threads, and the arithmetic inside a layer's parts.

use std::mem;

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use rten_simd::SimdOp;

use super::{
    Encoder,
    attention::{Attention, Sight},
    linear::{Linear, Then},
    rows::LayerNorm,
    scratch::{Scratch, at_least},
    thread_team::Part,
    token_embeddings::TokenEmbeddings,
};
use crate::{
    error::ModelError,
    identity::Precision,
    model::{BertConfig, WeightFiles},
    tokenize::PairTypes,
};

/// The tokens that are in the feed-forward part at a time, so that what it works in stays in the
/// second-level cache.
const FEED_FORWARD_TOKENS: usize = 64;

/// A whole encoder.
pub(super) struct BertEncoder {
    config: BertConfig,
    words: TokenEmbeddings,
    /// `[positions, hidden]`, the embedding of the first token type added to every row.
    position_embeddings: Vec<f32>,
    /// By how much the second token type differs from the first, where texts come in pairs of both.
    second_type: Option<Vec<f32>>,
    embedding_norm: LayerNorm,
    layers: Vec<Layer>,
}

struct Layer {
    /// Queries, keys and values as one product.
    qkv: Linear,
    attention_output: Linear,
    attention_norm: LayerNorm,
    intermediate: Linear,
    output: Linear,
    output_norm: LayerNorm,
}

impl BertEncoder {
    /// Reads and packs the weights, some layers at once. `pair_types` are the types that the texts of
    /// pairs are of.
    pub(super) fn load(
        config: &BertConfig,
        weights: &WeightFiles,
        precision: Precision,
        pair_types: PairTypes,
    ) -> Result<Self, ModelError> {
        let hidden = config.hidden_size as usize;
        let embedding = |name: &str, rows: u32| {
            weights.read(&format!("embeddings.{name}.weight"), &[rows as usize, hidden])
        };
        let token_types = embedding("token_type_embeddings", config.token_types)?;
        let mut position_embeddings = embedding("position_embeddings", config.position_rows)?;
        let (first_type, other_types) = token_types.split_at(hidden);
        let second_type = (pair_types == PairTypes::Two).then(|| {
            let pairs = other_types.iter().zip(first_type);
            pairs.map(|(second, first)| second - first).collect()
        });
        for row in position_embeddings.chunks_exact_mut(hidden) {
            row.iter_mut().zip(first_type).for_each(|(value, kind)| *value += kind);
        }
        let layers = (0..config.layers).into_par_iter();
        let layers = layers.map(|number| Layer::load(weights, config, precision, number));
        Ok(Self {
            words: TokenEmbeddings::load(
                weights,
                BertConfig::WORD_EMBEDDINGS,
                [config.vocabulary, config.hidden_size],
                precision,
            )?,
            position_embeddings,
            second_type,
            embedding_norm: load_norm(weights, config, "embeddings.LayerNorm")?,
            layers: layers.collect::<Result<_, _>>()?,
            config: config.clone(),
        })
    }

    fn embed_tokens(&self, part: &Part<'_>, states: &mut [f32]) {
        let hidden = self.hidden_size();
        let tokens = part.texts().flat_map(|text| {
            self.positions(text.token_ids).skip(text.own.start).take(text.own.len())
        });
        for ((token, position), state) in tokens.zip(states.chunks_exact_mut(hidden)) {
            self.words.write(token as usize, state);
            let position = &self.position_embeddings[position as usize * hidden..][..hidden];
            add(state, position);
        }
        self.add_second_type(part, states);
        self.embedding_norm.apply(states);
    }

    /// Makes the tokens of documents of the second type, which is all that tells them from the query's.
    fn add_second_type(&self, part: &Part<'_>, mut states: &mut [f32]) {
        let Some(second_type) = &self.second_type else { return };
        let hidden = self.hidden_size();
        for text in part.texts() {
            let (own, others) = mem::take(&mut states).split_at_mut(text.own.len() * hidden);
            states = others;
            let document_start = text.document_start.unwrap_or(text.token_ids.len());
            let of_query = document_start.clamp(text.own.start, text.own.end) - text.own.start;
            own[of_query * hidden..].chunks_exact_mut(hidden).for_each(|it| add(it, second_type));
        }
    }

    /// Every token with its row of the position embeddings.
    ///
    /// As `create_position_ids_from_input_ids` of transformers does for a RoBERTa: the padding
    /// token, which a text may spell, has its own position and does not count for the others.
    fn positions(&self, token_ids: &[u32]) -> impl Iterator<Item = (u32, u32)> {
        let padding = self.config.padding_token;
        let mut next = self.config.first_position();
        token_ids.iter().map(move |&token| match padding {
            Some(padding) if token == padding => (token, padding),
            _ => {
                next += 1;
                (token, next - 1)
            }
        })
    }

    /// Self-attention, its residual and its norm.
    fn attend(&self, layer: &Layer, part: &Part<'_>, qkv: &[f32], scratch: &mut Scratch) {
        let (width, row_size) = (self.hidden_size(), self.row_size());
        let hidden = &mut scratch.hidden[..part.len() * width];
        let context = at_least(&mut scratch.context, hidden.len());
        let mut contexts = &mut context[..];
        for text in part.texts() {
            let (context, others) = contexts.split_at_mut(text.own.len() * width);
            contexts = others;
            Attention {
                sight: Sight::Whole,
                heads: self.config.heads as usize,
                key_value_heads: self.config.heads as usize,
                head_size: self.config.head_size(),
                qkv: &qkv[text.tokens.start * row_size..text.tokens.end * row_size],
                queries: text.own,
                context,
                scratch: &mut scratch.attention,
            }
            .dispatch();
        }
        layer.attention_output.apply(context, hidden, Then::Add, &mut scratch.quantized);
        layer.attention_norm.apply(hidden);
    }

    /// The feed-forward part, its residual and its norm.
    fn feed_forward(&self, layer: &Layer, part: &Part<'_>, scratch: &mut Scratch) {
        let hidden_size = self.hidden_size();
        let width = self.config.intermediate_size as usize;
        let Scratch { hidden, intermediate, quantized, .. } = scratch;
        let hidden = &mut hidden[..part.len() * hidden_size];
        for hidden in hidden.chunks_mut(FEED_FORWARD_TOKENS * hidden_size) {
            let intermediate = at_least(intermediate, hidden.len() / hidden_size * width);
            let then = Then::Activate(self.config.activation);
            layer.intermediate.apply(hidden, intermediate, then, quantized);
            layer.output.apply(intermediate, hidden, Then::Add, quantized);
            layer.output_norm.apply(hidden);
        }
    }
}

impl Encoder for BertEncoder {
    fn layers(&self) -> usize {
        self.layers.len()
    }

    fn hidden_size(&self) -> usize {
        self.config.hidden_size as usize
    }

    fn row_size(&self) -> usize {
        3 * self.hidden_size()
    }

    fn begin(&self, part: &Part<'_>, scratch: &mut Scratch, next: &mut [f32]) {
        let hidden = at_least(&mut scratch.hidden, part.len() * self.hidden_size());
        self.embed_tokens(part, hidden);
        self.layers[0].qkv.apply(hidden, next, Then::Store, &mut scratch.quantized);
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
        let hidden = &scratch.hidden[..part.len() * self.hidden_size()];
        match self.layers.get(layer + 1) {
            Some(layer) => layer.qkv.apply(hidden, next, Then::Store, &mut scratch.quantized),
            None => next.copy_from_slice(hidden),
        }
    }
}

impl Layer {
    fn load(
        weights: &WeightFiles,
        config: &BertConfig,
        precision: Precision,
        number: u32,
    ) -> Result<Self, ModelError> {
        let hidden = config.hidden_size as usize;
        let intermediate = config.intermediate_size as usize;
        let name = |part: &str| format!("encoder.layer.{number}.{part}");
        // Several matrices over the same inputs become one.
        let linear = |parts: &[&str], outputs: usize, inputs: usize| {
            let (mut matrix, mut bias) = (Vec::new(), Vec::new());
            for part in parts {
                let weight = name(&format!("{part}.weight"));
                matrix.extend(weights.read(&weight, &[outputs, inputs])?);
                bias.extend(weights.read(&name(&format!("{part}.bias")), &[outputs])?);
            }
            Ok::<_, ModelError>(Linear::pack(precision, &matrix, bias))
        };
        let qkv = ["attention.self.query", "attention.self.key", "attention.self.value"];
        Ok(Self {
            qkv: linear(&qkv, hidden, hidden)?,
            attention_output: linear(&["attention.output.dense"], hidden, hidden)?,
            attention_norm: load_norm(weights, config, &name("attention.output.LayerNorm"))?,
            intermediate: linear(&["intermediate.dense"], intermediate, hidden)?,
            output: linear(&["output.dense"], hidden, intermediate)?,
            output_norm: load_norm(weights, config, &name("output.LayerNorm"))?,
        })
    }
}

fn add(state: &mut [f32], values: &[f32]) {
    state.iter_mut().zip(values).for_each(|(value, other)| *value += other);
}

fn load_norm(
    weights: &WeightFiles,
    config: &BertConfig,
    name: &str,
) -> Result<LayerNorm, ModelError> {
    let shape = [config.hidden_size as usize];
    Ok(LayerNorm {
        weight: weights.read(&format!("{name}.weight"), &shape)?,
        bias: weights.read(&format!("{name}.bias"), &shape)?,
        epsilon: config.layer_norm_epsilon,
    })
}
