//! A re-ranker: an encoder that reads a query and a document together, and a head that makes a
//! logit of the state of their first token.
//!
//! Nogueira, Cho, "Passage re-ranking with BERT", 2019, arXiv:1901.04085. The head is that of
//! `BertForSequenceClassification` and `RobertaForSequenceClassification` of transformers, which
//! differ in the names of their tensors alone. Out of scope: making a score of a logit.

use std::sync::Arc;

use super::{
    NativeEmbedder,
    linear::{Linear, QuantizedRows, Then},
};
use crate::{
    embedder::{Embedder, EncoderInput},
    error::{EncodeError, ModelError},
    identity::{Pooling, Precision},
    model::{CrossEncoderConfig, HeadTensor, ModelDirectory},
};

/// An encoder with its head.
pub(crate) struct CrossEncoder {
    encoder: NativeEmbedder,
    head: Arc<Head>,
    memory: Memory,
}

/// `last · tanh(dense · state + bias) + bias`; it is small, and kept in `f32` in every precision.
struct Head {
    dense: Linear,
    last: Vec<f32>,
    last_bias: f32,
}

/// What a batch is worked out in, kept from batch to batch.
#[derive(Default)]
struct Memory {
    /// The states of the first tokens, `[pairs, hidden]`.
    states: Vec<f32>,
    /// The same behind the first matrix.
    activated: Vec<f32>,
    quantized: QuantizedRows,
}

impl CrossEncoder {
    /// Loads the weights of `directory`, a re-ranker's of this configuration; see
    /// [`NativeEmbedder::load`].
    pub(crate) fn load(
        directory: &ModelDirectory,
        config: &CrossEncoderConfig,
        precision: Precision,
        threads: usize,
    ) -> Result<Self, ModelError> {
        let encoder = NativeEmbedder::load(directory, precision, threads)?;
        let head = Arc::new(Head::load(directory, config, encoder.dimension())?);
        Ok(Self { encoder, head, memory: Memory::default() })
    }
}

impl Embedder for CrossEncoder {
    /// One value, the logit.
    fn dimension(&self) -> usize {
        1
    }

    fn in_background(&self) -> Option<Box<dyn Embedder>> {
        let encoder = self.encoder.beside()?;
        Some(Box::new(Self { encoder, head: Arc::clone(&self.head), memory: Memory::default() }))
    }

    fn embed_batch(
        &mut self,
        texts: &[EncoderInput<'_>],
        vectors: &mut Vec<f32>,
    ) -> Result<(), EncodeError> {
        let pairs = texts.iter().map(first_token_of).collect::<Result<Vec<_>, _>>()?;
        let Memory { states, activated, quantized } = &mut self.memory;
        self.encoder.embed_batch(&pairs, states)?;
        activated.clear();
        activated.resize(states.len(), 0.0);
        self.head.dense.apply(states, activated, Then::Store, quantized);
        vectors.clear();
        vectors
            .extend(activated.chunks_exact(self.head.last.len()).map(|row| self.head.logit(row)));
        Ok(())
    }
}

/// A pair, of which the first token's state is wanted.
fn first_token_of<'a>(text: &EncoderInput<'a>) -> Result<EncoderInput<'a>, EncodeError> {
    match text.document_start {
        Some(_) => Ok(EncoderInput { pooling: Pooling::Cls, normalize: false, ..*text }),
        None => Err(EncodeError::Backend { reason: "a re-ranker reads pairs".to_owned() }),
    }
}

impl Head {
    fn load(
        directory: &ModelDirectory,
        config: &CrossEncoderConfig,
        hidden: usize,
    ) -> Result<Self, ModelError> {
        let weights = directory.weights();
        let outside = weights.outside_of_network();
        let read = |HeadTensor { name, is_of_encoder }: HeadTensor, outputs: usize| {
            let weights = if is_of_encoder { weights } else { &outside };
            let matrix = weights.read(&format!("{name}.weight"), &[outputs, hidden])?;
            Ok::<_, ModelError>((matrix, weights.read(&format!("{name}.bias"), &[outputs])?))
        };
        let [dense, last] = config.head.tensors();
        let (matrix, bias) = read(dense, hidden)?;
        let (last, last_bias) = read(last, 1)?;
        Ok(Self {
            dense: Linear::pack(Precision::F32, &matrix, bias),
            last,
            last_bias: last_bias[0],
        })
    }

    /// The logit of a state behind the first matrix.
    fn logit(&self, row: &[f32]) -> f32 {
        let terms = row.iter().zip(&self.last).map(|(value, weight)| value.tanh() * weight);
        terms.sum::<f32>() + self.last_bias
    }
}
