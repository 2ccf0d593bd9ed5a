//! The re-ranker without weights: it counts words.
//!
//! For tests and trials.

use std::collections::HashSet;

use crate::{
    embedder::{Embedder, EncoderInput},
    error::EncodeError,
};

/// Logits from -2, for no word of the query in the document, to 2, for all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HashReranker;

impl Embedder for HashReranker {
    fn dimension(&self) -> usize {
        1
    }

    fn embed_batch(
        &mut self,
        texts: &[EncoderInput<'_>],
        vectors: &mut Vec<f32>,
    ) -> Result<(), EncodeError> {
        vectors.clear();
        for (text, pair) in texts.iter().enumerate() {
            let start =
                pair.document_start.filter(|start| (1..=pair.token_ids.len()).contains(start));
            let Some(start) = start else { return Err(EncodeError::NoTokens { text }) };
            let (query, document) = pair.token_ids.split_at(start);
            let document: HashSet<_> = document.iter().collect();
            let query: HashSet<_> = query.iter().collect();
            let shared = query.intersection(&document).count() as f32 / query.len() as f32;
            vectors.push(4.0 * shared - 2.0);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Pooling;

    #[test]
    fn a_pair_is_scored_by_the_words_that_it_shares() {
        let pair = |document_start| EncoderInput {
            token_ids: &[1, 2, 1, 3, 4],
            pooling: Pooling::Cls,
            normalize: false,
            document_start,
        };
        let mut logits = Vec::new();
        HashReranker.embed_batch(&[pair(Some(2)), pair(Some(4))], &mut logits).unwrap();
        assert_eq!(logits, [0.0, -2.0]);
        for no_pair in [None, Some(0), Some(6)] {
            assert!(HashReranker.embed_batch(&[pair(no_pair)], &mut logits).is_err());
        }
    }
}
