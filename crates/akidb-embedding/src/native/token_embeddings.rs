//! The embeddings of the words of a vocabulary, which are looked up and never multiplied.
//!
//! Out of scope: positions, and what is done with the rows.

use crate::{bf16, error::ModelError, identity::Precision, model::WeightFiles};

/// Row-major `[vocabulary, hidden]`.
pub(super) enum TokenEmbeddings {
    Single(Vec<f32>),
    /// bfloat16
    Half(Vec<u16>),
}

impl TokenEmbeddings {
    /// Reads the tensor of the shape `[vocabulary, hidden]`.
    pub(super) fn load(
        weights: &WeightFiles,
        tensor: &str,
        shape: [u32; 2],
        precision: Precision,
    ) -> Result<Self, ModelError> {
        let shape = shape.map(|size| size as usize);
        match precision {
            Precision::F32 => weights.read(tensor, &shape).map(Self::Single),
            Precision::Bf16 | Precision::Int8 => weights.read_bf16(tensor, &shape).map(Self::Half),
        }
    }

    /// Writes the row of a token, which is in the vocabulary.
    pub(super) fn write(&self, token: usize, row: &mut [f32]) {
        let start = token * row.len();
        match self {
            Self::Single(words) => row.copy_from_slice(&words[start..][..row.len()]),
            Self::Half(words) => {
                let word = &words[start..][..row.len()];
                row.iter_mut().zip(word).for_each(|(value, half)| *value = bf16::widen(*half));
            }
        }
    }
}
