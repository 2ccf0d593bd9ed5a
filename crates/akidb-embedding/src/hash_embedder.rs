//! The backend without weights: every token has a fixed pseudo-random vector.
//!
//! For tests and trials. Texts that share words are near each other; nothing else is promised.

use crate::{
    embedder::{Embedder, EncoderInput},
    error::EncodeError,
    identity::Pooling,
    pooling,
};

/// Deterministic vectors from token numbers, the same on every machine.
#[derive(Clone, Debug)]
pub struct HashEmbedder {
    dimension: usize,
    token_states: Vec<f32>,
}

impl HashEmbedder {
    /// A backend whose vectors have `dimension` values, at least 1.
    #[must_use]
    pub fn new(dimension: usize) -> Self {
        Self { dimension: dimension.max(1), token_states: Vec::new() }
    }

    fn fill_token_states(&mut self, token_ids: &[u32]) {
        self.token_states.clear();
        for token in token_ids {
            let mut random = SplitMix64(u64::from(*token));
            self.token_states.extend((0..self.dimension).map(|_| random.next_in_unit_range()));
        }
    }
}

impl Embedder for HashEmbedder {
    fn dimension(&self) -> usize {
        self.dimension
    }

    fn embed_batch(
        &mut self,
        texts: &[EncoderInput<'_>],
        vectors: &mut Vec<f32>,
    ) -> Result<(), EncodeError> {
        vectors.clear();
        vectors.resize(texts.len() * self.dimension, 0.0);
        for (index, (text, vector)) in
            texts.iter().zip(vectors.chunks_exact_mut(self.dimension)).enumerate()
        {
            if text.token_ids.is_empty() {
                return Err(EncodeError::NoTokens { text: index });
            }
            self.fill_token_states(text.token_ids);
            pooling::pool(text.pooling, &self.token_states, vector);
            if text.normalize {
                pooling::normalize(vector);
            }
        }
        Ok(())
    }
}

/// The pooling of the hash backend where a request names none.
pub(crate) const HASH_POOLING: Pooling = Pooling::Mean;

/// `SplitMix64` (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    /// The next number in `[-1, 1)`, of the 24 bits that an `f32` holds exactly.
    fn next_in_unit_range(&mut self) -> f32 {
        let bits = u32::try_from(self.next() >> 40).unwrap_or(0);
        bits as f32 / 8_388_608.0 - 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embed(token_ids: &[u32]) -> Vec<f32> {
        let mut vectors = Vec::new();
        let text = EncoderInput {
            token_ids,
            pooling: Pooling::Mean,
            normalize: true,
            document_start: None,
        };
        HashEmbedder::new(16).embed_batch(&[text], &mut vectors).unwrap();
        vectors
    }

    #[test]
    fn vectors_are_fixed_of_length_one_and_differ() {
        let one = embed(&[1, 2, 3]);
        assert_eq!(one, embed(&[1, 2, 3]));
        assert_ne!(one, embed(&[4]));
        let length: f32 = one.iter().map(|value| value * value).sum();
        assert!((length - 1.0).abs() < 1e-6);
    }
}
