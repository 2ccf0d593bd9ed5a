//! Cuts a batch into shards of whole texts.
//!
//! What does not live here: what is done with a shard.

use std::mem;

use crate::{embedder::EncoderInput, pooling};

/// Below this many tokens a matrix product is less efficient.
const MIN_SHARD_TOKENS: usize = 64;
/// Above this many tokens a shard's states leave the second-level cache.
const MAX_SHARD_TOKENS: usize = 256;

/// Some texts of a batch that are encoded together.
pub(super) struct Shard<'a> {
    pub(super) texts: &'a [EncoderInput<'a>],
    /// Row-major `[texts, dimension]`.
    pub(super) vectors: &'a mut [f32],
    pub(super) tokens: usize,
}

impl Shard<'_> {
    /// Makes the vectors from the states of all tokens, row-major `[tokens, dimension]`.
    pub(super) fn pool(self, mut states: &[f32]) {
        let dimension = self.vectors.len() / self.texts.len();
        for (text, vector) in self.texts.iter().zip(self.vectors.chunks_exact_mut(dimension)) {
            let (own, others) = states.split_at(text.token_ids.len() * dimension);
            states = others;
            pooling::pool(text.pooling, own, vector);
            if text.normalize {
                pooling::normalize(vector);
            }
        }
    }
}

/// The texts of a batch that no shard has taken yet.
pub(super) struct Shards<'a> {
    texts: &'a [EncoderInput<'a>],
    vectors: &'a mut [f32],
    shard_tokens: usize,
}

impl<'a> Shards<'a> {
    /// Shards of about the same size, enough for all threads where the batch is large enough.
    pub(super) fn new(
        texts: &'a [EncoderInput<'a>],
        vectors: &'a mut [f32],
        threads: usize,
    ) -> Self {
        let tokens: usize = texts.iter().map(|text| text.token_ids.len()).sum();
        let shard_tokens = tokens.div_ceil(threads).clamp(MIN_SHARD_TOKENS, MAX_SHARD_TOKENS);
        Self { texts, vectors, shard_tokens }
    }
}

impl<'a> Iterator for Shards<'a> {
    type Item = Shard<'a>;

    /// The next texts: as many as fit, but at least one.
    fn next(&mut self) -> Option<Shard<'a>> {
        let dimension = self.vectors.len().checked_div(self.texts.len())?;
        let mut tokens = 0;
        let mut count = 0;
        for text in self.texts {
            if count > 0 && tokens + text.token_ids.len() > self.shard_tokens {
                break;
            }
            tokens += text.token_ids.len();
            count += 1;
        }
        let (texts, other_texts) = self.texts.split_at(count);
        let (vectors, other_vectors) = mem::take(&mut self.vectors).split_at_mut(count * dimension);
        (self.texts, self.vectors) = (other_texts, other_vectors);
        Some(Shard { texts, vectors, tokens })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Pooling;

    #[test]
    fn every_text_is_in_one_shard_in_order() {
        let tokens = vec![7; 400];
        let lengths = [10, 60, 3, 400, 64, 1, 1];
        let texts = lengths.map(|length| EncoderInput {
            token_ids: &tokens[..length],
            pooling: Pooling::Mean,
            normalize: true,
        });
        let mut vectors: Vec<f32> = (0..14u8).map(f32::from).collect();
        let shards: Vec<(usize, usize, f32)> = Shards::new(&texts, &mut vectors, 16)
            .map(|shard| (shard.texts.len(), shard.tokens, shard.vectors[0]))
            .collect();
        assert_eq!(shards, [(1, 10, 0.0), (2, 63, 2.0), (1, 400, 6.0), (1, 64, 8.0), (2, 2, 10.0)]);
    }
}
