//! The memory that one thread works in; it only grows.
//!
//! Out of scope: what is kept in it.

use super::linear::QuantizedRows;

/// Row-major buffers for a thread's tokens, reused from group to group.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// The tokens' states, `[tokens, hidden]`.
    pub(super) hidden: Vec<f32>,
    /// A decoder's states after normalization, `[tokens, hidden]`.
    pub(super) normed: Vec<f32>,
    /// How far a decoder's queries and keys are rotated, `[tokens, head]`.
    pub(super) rotations: Vec<f32>,
    /// What attention gathered of all heads, a row for each token.
    pub(super) context: Vec<f32>,
    /// Inside the feed-forward part, `[tokens, intermediate]`, twice that wide with a gate.
    pub(super) intermediate: Vec<f32>,
    /// What a gate let through, `[tokens, intermediate]`.
    pub(super) gated: Vec<f32>,
    /// What goes into a matrix of bytes.
    pub(super) quantized: QuantizedRows,
    pub(super) attention: AttentionScratch,
}

/// What attention of one head of one text works in.
#[derive(Debug, Default)]
pub(super) struct AttentionScratch {
    /// `[tokens, head]`, scaled.
    pub(super) queries: Vec<f32>,
    /// Panels of columns of the transposed keys, `[panels, head, panel width]`.
    pub(super) key_panels: Vec<f32>,
    /// Panels of columns of the values, `[panels, tokens, panel width]`.
    pub(super) value_panels: Vec<f32>,
    /// The scores of a few queries, `[queries, tokens rounded up]`.
    pub(super) scores: Vec<f32>,
}

/// The first `length` values of `buffer`, which grows to them; what they hold is unspecified.
pub(super) fn at_least(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if buffer.len() < length {
        buffer.resize(length, 0.0);
    }
    &mut buffer[..length]
}

#[cfg(test)]
impl Scratch {
    /// The values that memory is held for.
    pub(super) fn capacity(&self) -> usize {
        let Self { hidden, normed, rotations, context, intermediate, gated, .. } = self;
        let AttentionScratch { queries, key_panels, value_panels, scores } = &self.attention;
        let buffers = [
            hidden,
            normed,
            rotations,
            context,
            intermediate,
            gated,
            queries,
            key_panels,
            value_panels,
            scores,
        ];
        buffers.iter().map(|buffer| buffer.capacity()).sum::<usize>() + self.quantized.capacity()
    }
}
