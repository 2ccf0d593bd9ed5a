//! The one trait behind which the backends stand.
//!
//! Out of scope: tokenizing, queueing, and checking what comes out; the queue does.

use crate::{error::EncodeError, identity::Pooling, mlx::Availability};

/// One tokenized text of a batch.
#[derive(Clone, Copy, Debug)]
pub struct EncoderInput<'a> {
    /// The numbers of its tokens, special tokens included.
    pub token_ids: &'a [u32],
    /// How its token states become one vector.
    pub pooling: Pooling,
    /// Whether its vector is scaled to length 1.
    pub normalize: bool,
    /// Of a pair, where the tokens of the document begin.
    pub document_start: Option<usize>,
}

/// A backend: tokens in, vectors out.
///
/// It is owned and run by one thread. Texts are packed: a batch costs its tokens, whatever the
/// lengths of its texts. A vector must not depend on what shares its batch: the
/// cosine between a text alone and in any batch is at least 0.99999. Callers may not rely on the
/// vectors being finite or non-zero. A re-ranker reads pairs, and its vectors are their logits.
pub trait Embedder: Send {
    /// The number of values of a vector.
    fn dimension(&self) -> usize;

    /// Another embedder of the same weights for texts that may wait: it runs at the same time as
    /// this one and leaves the processors to it. `None` where the backend has no such thing.
    fn in_background(&self) -> Option<Box<dyn Embedder>> {
        None
    }

    /// Whether it can embed right now, where that changes by itself. `None` where it always can.
    fn availability(&self) -> Option<Availability> {
        None
    }

    /// Embeds `texts` into `vectors`, which is cleared first and then holds
    /// `texts.len() * dimension` values, one row for each text in order.
    ///
    /// # Errors
    ///
    /// When the batch cannot be encoded; `vectors` then holds nothing of use. The caller may try
    /// the texts one by one.
    fn embed_batch(
        &mut self,
        texts: &[EncoderInput<'_>],
        vectors: &mut Vec<f32>,
    ) -> Result<(), EncodeError>;
}

/// Checks that every text has tokens, at most `limit` of them, all in a vocabulary of so many.
pub(crate) fn check_texts(
    texts: &[EncoderInput<'_>],
    limit: usize,
    vocabulary: u32,
) -> Result<(), EncodeError> {
    for (text, input) in texts.iter().enumerate() {
        let tokens = input.token_ids.len();
        if tokens == 0 {
            return Err(EncodeError::NoTokens { text });
        }
        if tokens > limit {
            return Err(EncodeError::TooManyTokens { text, tokens, limit });
        }
        if let Some(token) = input.token_ids.iter().find(|token| **token >= vocabulary) {
            let vocabulary = vocabulary as usize;
            return Err(EncodeError::UnknownToken { text, token: *token, vocabulary });
        }
    }
    Ok(())
}
