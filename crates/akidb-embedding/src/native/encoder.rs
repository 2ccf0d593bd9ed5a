//! The encoder of BERT and RoBERTa: its weights, and the way of a shard through its layers.
//!
//! Devlin et al., "BERT: pre-training of deep bidirectional transformers", 2018, arXiv:1810.04805.
//! What does not live here: threads, and the arithmetic inside a layer's parts.

use rten_gemm::GemmExecutor;
use rten_simd::SimdOp;

use super::{
    Encoder,
    attention::{Attention, Sight},
    linear::Linear,
    rows::{LayerNorm, add_bias_and_activate},
    scratch::{Scratch, at_least},
    shards::Shard,
};
use crate::{
    embedder::EncoderInput,
    error::{EncodeError, ModelError},
    model::{BertConfig, WeightFiles},
};

/// A whole encoder.
pub(super) struct BertEncoder {
    config: BertConfig,
    /// `[vocabulary, hidden]`, not packed since rows are looked up.
    word_embeddings: Vec<f32>,
    /// `[positions, hidden]`, the embedding of the first token type added to every row.
    position_embeddings: Vec<f32>,
    embedding_norm: LayerNorm,
    layers: Vec<Layer>,
}

struct Layer {
    /// Queries, keys and values as one product.
    qkv: Linear,
    qkv_bias: Vec<f32>,
    attention_output: Linear,
    attention_output_bias: Vec<f32>,
    attention_norm: LayerNorm,
    intermediate: Linear,
    intermediate_bias: Vec<f32>,
    output: Linear,
    output_bias: Vec<f32>,
    output_norm: LayerNorm,
}

impl BertEncoder {
    /// Reads and packs the weights, one matrix after the other.
    pub(super) fn load(config: &BertConfig, weights: &WeightFiles) -> Result<Self, ModelError> {
        let hidden = config.hidden_size as usize;
        let embedding = |name: &str, rows: u32| {
            weights.read(&format!("embeddings.{name}.weight"), &[rows as usize, hidden])
        };
        let token_types = embedding("token_type_embeddings", config.token_types)?;
        let mut position_embeddings = embedding("position_embeddings", config.position_rows)?;
        for row in position_embeddings.chunks_exact_mut(hidden) {
            row.iter_mut().zip(&token_types).for_each(|(value, kind)| *value += kind);
        }
        let layers =
            (0..config.layers).map(|number| Layer::load(weights, config, number)).collect();
        Ok(Self {
            word_embeddings: embedding("word_embeddings", config.vocabulary)?,
            position_embeddings,
            embedding_norm: load_norm(weights, config, "embeddings.LayerNorm")?,
            layers: Result::<_, ModelError>::from_iter::<Vec<_>>(layers)?,
            config: config.clone(),
        })
    }

    fn hidden_size(&self) -> usize {
        self.config.hidden_size as usize
    }

    fn embed_tokens(&self, texts: &[EncoderInput<'_>], states: &mut [f32]) {
        let hidden = self.hidden_size();
        let tokens = texts.iter().flat_map(|text| self.positions(text.token_ids));
        for ((token, position), state) in tokens.zip(states.chunks_exact_mut(hidden)) {
            let word = &self.word_embeddings[token as usize * hidden..][..hidden];
            let position = &self.position_embeddings[position as usize * hidden..][..hidden];
            for (value, (word, position)) in state.iter_mut().zip(word.iter().zip(position)) {
                *value = word + position;
            }
        }
        self.embedding_norm.apply(states);
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
    fn attend(
        &self,
        gemm: &GemmExecutor,
        layer: &Layer,
        shard: &Shard<'_>,
        scratch: &mut Scratch,
    ) -> Result<(), EncodeError> {
        let width = self.hidden_size();
        let hidden = &mut scratch.hidden[..shard.tokens * width];
        let qkv = at_least(&mut scratch.qkv, shard.tokens * 3 * width);
        let context = at_least(&mut scratch.context, shard.tokens * width);
        layer.qkv.multiply_into(gemm, hidden, qkv)?;
        let mut first = 0;
        for text in shard.texts {
            let end = first + text.token_ids.len();
            Attention {
                sight: Sight::Whole,
                heads: self.config.heads as usize,
                key_value_heads: self.config.heads as usize,
                head_size: self.config.head_size(),
                qkv: &qkv[first * 3 * width..end * 3 * width],
                qkv_bias: &layer.qkv_bias,
                context: &mut context[first * width..end * width],
                scratch: &mut scratch.attention,
            }
            .dispatch();
            first = end;
        }
        layer.attention_output.multiply_onto(gemm, context, hidden)?;
        layer.attention_norm.add_and_apply(hidden, &layer.attention_output_bias);
        Ok(())
    }

    /// The feed-forward part, its residual and its norm.
    fn feed_forward(
        &self,
        gemm: &GemmExecutor,
        layer: &Layer,
        tokens: usize,
        scratch: &mut Scratch,
    ) -> Result<(), EncodeError> {
        let hidden = &mut scratch.hidden[..tokens * self.hidden_size()];
        let width = self.config.intermediate_size as usize;
        let intermediate = at_least(&mut scratch.intermediate, tokens * width);
        layer.intermediate.multiply_into(gemm, hidden, intermediate)?;
        add_bias_and_activate(intermediate, &layer.intermediate_bias, self.config.activation);
        layer.output.multiply_onto(gemm, intermediate, hidden)?;
        layer.output_norm.add_and_apply(hidden, &layer.output_bias);
        Ok(())
    }
}

impl Encoder for BertEncoder {
    fn encode(
        &self,
        gemm: &GemmExecutor,
        shard: Shard<'_>,
        scratch: &mut Scratch,
    ) -> Result<(), EncodeError> {
        let tokens = shard.tokens;
        let states = tokens * self.hidden_size();
        self.embed_tokens(shard.texts, at_least(&mut scratch.hidden, states));
        for layer in &self.layers {
            self.attend(gemm, layer, &shard, scratch)?;
            self.feed_forward(gemm, layer, tokens, scratch)?;
        }
        shard.pool(&scratch.hidden[..states]);
        Ok(())
    }
}

impl Layer {
    fn load(weights: &WeightFiles, config: &BertConfig, number: u32) -> Result<Self, ModelError> {
        let hidden = config.hidden_size as usize;
        let intermediate = config.intermediate_size as usize;
        let name = |part: &str| format!("encoder.layer.{number}.{part}");
        let matrix = |part: &str, outputs: usize, inputs: usize| {
            weights.read(&name(&format!("{part}.weight")), &[outputs, inputs])
        };
        let bias =
            |part: &str, outputs: usize| weights.read(&name(&format!("{part}.bias")), &[outputs]);
        let linear = |part: &str, outputs: usize, inputs: usize| {
            Ok::<_, ModelError>(Linear::pack(&matrix(part, outputs, inputs)?, outputs))
        };
        let (mut qkv, mut qkv_bias) = (Vec::new(), Vec::new());
        for part in ["attention.self.query", "attention.self.key", "attention.self.value"] {
            qkv.extend(matrix(part, hidden, hidden)?);
            qkv_bias.extend(bias(part, hidden)?);
        }
        Ok(Self {
            qkv: Linear::pack(&qkv, 3 * hidden),
            qkv_bias,
            attention_output: linear("attention.output.dense", hidden, hidden)?,
            attention_output_bias: bias("attention.output.dense", hidden)?,
            attention_norm: load_norm(weights, config, &name("attention.output.LayerNorm"))?,
            intermediate: linear("intermediate.dense", intermediate, hidden)?,
            intermediate_bias: bias("intermediate.dense", intermediate)?,
            output: linear("output.dense", hidden, intermediate)?,
            output_bias: bias("output.dense", hidden)?,
            output_norm: load_norm(weights, config, &name("output.LayerNorm"))?,
        })
    }
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
