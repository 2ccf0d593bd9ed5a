//! Cuts a batch into groups of texts and shares each group out among threads.
//!
//! Every thread has the same number of a group's tokens, whatever text they belong to: all work but
//! attention looks at one token alone. For attention a thread reads the keys and values of a whole
//! text, which others may have made; therefore all threads wait for each other once in each layer.
//! Out of scope: what is done in a layer.

use std::{mem, ops::Range};

use rayon::{
    ThreadPool,
    iter::{IndexedParallelIterator, IntoParallelRefMutIterator, ParallelIterator},
    slice::ParallelSliceMut,
};

use super::{
    Encoder,
    scratch::{Scratch, at_least},
    step_barrier::StepBarrier,
};
use crate::{embedder::EncoderInput, pooling};

/// With more tokens a thread's states leave the second-level cache.
const TOKENS_PER_THREAD: usize = 128;

/// Threads and the memory that they work in, which is kept from batch to batch.
pub(super) struct ThreadTeam {
    pool: ThreadPool,
    /// One for each thread.
    scratch: Vec<Scratch>,
    /// What all threads wrote in the step before, a row for each token of the group.
    present: Vec<f32>,
    /// What they write in this step.
    next: Vec<f32>,
}

/// A thread's tokens.
pub(super) struct Part<'a> {
    /// All texts of the group.
    texts: &'a [EncoderInput<'a>],
    /// Its tokens among those of the group.
    tokens: Range<usize>,
}

/// A text of which a thread has tokens.
pub(super) struct TextPart<'a> {
    pub(super) token_ids: &'a [u32],
    /// Of a pair, where the tokens of the document begin.
    pub(super) document_start: Option<usize>,
    /// The text's tokens among those of the group.
    pub(super) tokens: Range<usize>,
    /// The thread's tokens among those of the text.
    pub(super) own: Range<usize>,
}

impl Part<'_> {
    /// The number of its tokens.
    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// The texts of which it has tokens, in order.
    pub(super) fn texts(&self) -> impl Iterator<Item = TextPart<'_>> {
        let mut first = 0;
        let texts = self.texts.iter().map(move |text| {
            let tokens = first..first + text.token_ids.len();
            first = tokens.end;
            let start = self.tokens.start.clamp(tokens.start, tokens.end);
            let end = self.tokens.end.clamp(tokens.start, tokens.end);
            let own = start - tokens.start..end - tokens.start;
            let EncoderInput { token_ids, document_start, .. } = *text;
            TextPart { token_ids, document_start, tokens, own }
        });
        texts.filter(|text| !text.own.is_empty())
    }
}

impl ThreadTeam {
    /// All threads of `pool`.
    pub(super) fn new(pool: ThreadPool) -> Self {
        let scratch = (0..pool.current_num_threads()).map(|_| Scratch::default()).collect();
        Self { pool, scratch, present: Vec::new(), next: Vec::new() }
    }

    /// The threads.
    pub(super) fn threads(&self) -> usize {
        self.scratch.len()
    }

    /// Encodes texts, which were checked, into `vectors`, row-major `[texts, hidden]`.
    pub(super) fn encode(
        &mut self,
        encoder: &dyn Encoder,
        texts: &[EncoderInput<'_>],
        vectors: &mut [f32],
    ) {
        let Self { pool, scratch, present, next } = self;
        pool.install(|| {
            let (mut texts, mut vectors) = (texts, vectors);
            let tokens_at_once = tokens_at_once(texts, scratch.len());
            while !texts.is_empty() {
                let (group, others) = texts.split_at(group_len(texts, tokens_at_once));
                let (own, other_vectors) =
                    mem::take(&mut vectors).split_at_mut(group.len() * encoder.hidden_size());
                (texts, vectors) = (others, other_vectors);
                encode_group(encoder, group, scratch, present, next);
                pool_texts(group, present, own);
            }
        });
    }

    /// Multiplies bytes by these instructions, which the processor has.
    #[cfg(test)]
    pub(super) fn multiply_by(&mut self, dot: super::linear::Dot) {
        self.scratch.iter_mut().for_each(|scratch| scratch.quantized.dot = dot);
    }

    /// The values that memory is held for.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        let scratch: usize = self.scratch.iter().map(Scratch::capacity).sum();
        scratch + self.present.capacity() + self.next.capacity()
    }
}

/// Leaves the final states of all tokens in `present`.
fn encode_group(
    encoder: &dyn Encoder,
    texts: &[EncoderInput<'_>],
    scratch: &mut [Scratch],
    present: &mut Vec<f32>,
    next: &mut Vec<f32>,
) {
    let tokens = count_tokens(texts);
    let tokens_each = tokens.div_ceil(scratch.len());
    for step in 0..=encoder.layers() {
        let row_size =
            if step < encoder.layers() { encoder.row_size() } else { encoder.hidden_size() };
        let rows = at_least(next, tokens * row_size);
        let shares = rows.par_chunks_mut(tokens_each * row_size);
        let barrier = StepBarrier::default();
        scratch.par_iter_mut().zip(shares).enumerate().for_each(|(member, (scratch, next))| {
            let first = member * tokens_each;
            let part = Part { texts, tokens: first..tokens.min(first + tokens_each) };
            barrier.run(|| match step.checked_sub(1) {
                None => encoder.begin(&part, scratch, next),
                Some(layer) => encoder.pass(layer, &part, present, scratch, next),
            });
        });
        mem::swap(present, next);
    }
}

fn pool_texts(texts: &[EncoderInput<'_>], mut states: &[f32], vectors: &mut [f32]) {
    let dimension = vectors.len() / texts.len();
    for (text, vector) in texts.iter().zip(vectors.chunks_exact_mut(dimension)) {
        let (own, others) = states.split_at(text.token_ids.len() * dimension);
        states = others;
        pooling::pool(text.pooling, own, vector);
        if text.normalize {
            pooling::normalize(vector);
        }
    }
}

fn count_tokens(texts: &[EncoderInput<'_>]) -> usize {
    texts.iter().map(|text| text.token_ids.len()).sum()
}

/// The tokens of groups of about the same size that cover all texts.
fn tokens_at_once(texts: &[EncoderInput<'_>], threads: usize) -> usize {
    let tokens = count_tokens(texts);
    tokens.div_ceil(tokens.div_ceil(threads * TOKENS_PER_THREAD).max(1))
}

/// The texts of the next group: at least one, and about `tokens_at_once` tokens.
fn group_len(texts: &[EncoderInput<'_>], tokens_at_once: usize) -> usize {
    let mut tokens = 0;
    let fits = |text: &&EncoderInput<'_>| {
        let fits = tokens == 0 || tokens + text.token_ids.len() / 2 <= tokens_at_once;
        tokens += text.token_ids.len();
        fits
    };
    texts.iter().take_while(fits).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Pooling;

    fn texts(tokens: &[u32], lengths: &[usize]) -> Vec<EncoderInput<'static>> {
        let tokens: &'static [u32] = tokens.to_vec().leak();
        let text = |length: &usize| EncoderInput {
            token_ids: &tokens[..*length],
            pooling: Pooling::Mean,
            normalize: true,
            document_start: None,
        };
        lengths.iter().map(text).collect()
    }

    #[test]
    fn every_token_is_in_one_part() {
        let texts = texts(&[7; 400], &[10, 60, 3, 400, 64, 1, 1]);
        for size in [1, 7, 60, 200, 539, 1000] {
            let mut seen = Vec::new();
            for first in (0..539).step_by(size) {
                let part = Part { texts: &texts, tokens: first..539.min(first + size) };
                let before = seen.len();
                for text in part.texts() {
                    seen.extend(text.own.map(|token| text.tokens.start + token));
                }
                assert_eq!(seen.len() - before, part.len());
            }
            assert!(seen.iter().copied().eq(0..539), "parts of {size}");
        }
    }

    #[test]
    fn groups_are_of_about_the_same_size() {
        let lengths = [100, 20, 30, 90, 110, 256, 5, 5, 5, 120, 130, 60];
        let texts = texts(&[7; 256], &lengths);
        let tokens_at_once = tokens_at_once(&texts, 2);
        assert_eq!(tokens_at_once, 233);
        let (mut rest, mut sizes) = (texts.as_slice(), Vec::new());
        while !rest.is_empty() {
            let (group, others) = rest.split_at(group_len(rest, tokens_at_once));
            sizes.push(count_tokens(group));
            rest = others;
        }
        assert_eq!(sizes, [240, 110, 256, 265, 60]);
    }
}
