//! The BERT encoder: its weights, and the way of a shard through its layers.
//!
//! Devlin et al., "BERT: pre-training of deep bidirectional transformers", 2018, arXiv:1810.04805.
//! What does not live here: threads, and the arithmetic inside a layer's parts.

use rten_gemm::GemmExecutor;
use rten_simd::SimdOp;

use super::{
    attention::Attention,
    linear::Linear,
    rows::{LayerNorm, add_bias_and_activate},
    scratch::{Scratch, at_least},
    shards::Shard,
};
use crate::{
    embedder::EncoderInput,
    error::{EncodeError, ModelError},
    model::{BertConfig, ModelDirectory, WeightFiles},
    pooling,
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
    pub(super) fn load(directory: &ModelDirectory) -> Result<Self, ModelError> {
        let (config, weights) = (directory.architecture(), directory.weights());
        let hidden = config.hidden_size as usize;
        let embedding = |name: &str, rows: u32| {
            weights.read(&format!("embeddings.{name}.weight"), &[rows as usize, hidden])
        };
        let token_types = embedding("token_type_embeddings", config.token_types)?;
        let mut position_embeddings = embedding("position_embeddings", config.max_positions)?;
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

    /// The values of a token's state, and of a vector.
    pub(super) fn hidden_size(&self) -> usize {
        self.config.hidden_size as usize
    }

    /// Checks that every text can be encoded.
    pub(super) fn check(&self, texts: &[EncoderInput<'_>]) -> Result<(), EncodeError> {
        let limit = self.config.max_positions as usize;
        for (text, input) in texts.iter().enumerate() {
            let tokens = input.token_ids.len();
            if tokens == 0 {
                return Err(EncodeError::NoTokens { text });
            }
            if tokens > limit {
                return Err(EncodeError::TooManyTokens { text, tokens, limit });
            }
            let unknown = input.token_ids.iter().find(|token| **token >= self.config.vocabulary);
            if let Some(token) = unknown {
                let vocabulary = self.config.vocabulary as usize;
                return Err(EncodeError::UnknownToken { text, token: *token, vocabulary });
            }
        }
        Ok(())
    }

    /// Encodes the texts of a shard, which were checked, and pools them into its vectors.
    pub(super) fn encode(
        &self,
        gemm: &GemmExecutor,
        shard: Shard<'_>,
        scratch: &mut Scratch,
    ) -> Result<(), EncodeError> {
        let hidden_size = self.hidden_size();
        let tokens = shard.tokens;
        self.embed_tokens(shard.texts, at_least(&mut scratch.hidden, tokens * hidden_size));
        for layer in &self.layers {
            self.attend(gemm, layer, &shard, scratch)?;
            self.feed_forward(gemm, layer, tokens, scratch)?;
        }
        let mut states = &scratch.hidden[..tokens * hidden_size];
        for (text, vector) in shard.texts.iter().zip(shard.vectors.chunks_exact_mut(hidden_size)) {
            let (own, others) = states.split_at(text.token_ids.len() * hidden_size);
            states = others;
            pooling::pool(text.pooling, own, vector);
            if text.normalize {
                pooling::normalize(vector);
            }
        }
        Ok(())
    }

    fn embed_tokens(&self, texts: &[EncoderInput<'_>], states: &mut [f32]) {
        let hidden = self.hidden_size();
        let tokens = texts.iter().flat_map(|text| text.token_ids.iter().enumerate());
        for ((position, token), state) in tokens.zip(states.chunks_exact_mut(hidden)) {
            let word = &self.word_embeddings[*token as usize * hidden..][..hidden];
            let position = &self.position_embeddings[position * hidden..][..hidden];
            for (value, (word, position)) in state.iter_mut().zip(word.iter().zip(position)) {
                *value = word + position;
            }
        }
        self.embedding_norm.apply(states);
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
                heads: self.config.heads as usize,
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
