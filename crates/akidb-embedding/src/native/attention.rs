//! Scaled dot-product attention of one text (Vaswani et al., 2017, arXiv:1706.03762, 3.2).
//!
//! Heads are small and texts short, so that a general matrix product would spend its time in
//! set-up. Here both products of a head go through one register-blocked kernel of `BLOCK_ROWS`
//! rows and `BLOCK_VECTORS` vectors over operands that were copied into panels.
//!
//! What does not live here: the projections before and after.

use std::array;

use rten_simd::{
    Isa, Simd, SimdOp,
    ops::{BitOps, NumOps},
};
use rten_vecmath::Softmax;

use super::scratch::{AttentionScratch, at_least};

/// Rows and vectors of a block: 12 sums, 2 vectors and a factor fill 16 registers.
const BLOCK_ROWS: usize = 6;
const BLOCK_VECTORS: usize = 2;

/// Attention over all heads of one text.
pub(super) struct Attention<'a> {
    pub(super) heads: usize,
    pub(super) head_size: usize,
    /// Queries, keys and values without their biases, row-major `[tokens, 3 * hidden]`.
    pub(super) qkv: &'a [f32],
    /// `[3 * hidden]`
    pub(super) qkv_bias: &'a [f32],
    /// The result, row-major `[tokens, hidden]`.
    pub(super) context: &'a mut [f32],
    pub(super) scratch: &'a mut AttentionScratch,
}

impl SimdOp for Attention<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(mut self, isa: I) {
        let panel_width = isa.f32().len() * BLOCK_VECTORS;
        for head in 0..self.heads {
            self.pack(head, panel_width);
            for first_row in (0..self.tokens()).step_by(BLOCK_ROWS) {
                self.attend(isa, head, first_row);
            }
        }
    }
}

impl Attention<'_> {
    fn hidden(&self) -> usize {
        self.heads * self.head_size
    }

    fn tokens(&self) -> usize {
        self.context.len() / self.hidden()
    }

    /// Copies a head's queries, keys and values, biases added, to where the kernel reads them.
    #[inline(always)]
    fn pack(&mut self, head: usize, panel_width: usize) {
        let (hidden, tokens, size) = (self.hidden(), self.tokens(), self.head_size);
        let value_panels = size.div_ceil(panel_width);
        let queries = at_least(&mut self.scratch.queries, tokens * size);
        let keys =
            at_least(&mut self.scratch.key_panels, tokens.next_multiple_of(panel_width) * size);
        let values = at_least(&mut self.scratch.value_panels, value_panels * panel_width * tokens);
        let scale = 1.0 / (size as f32).sqrt();
        let start = head * size;
        let query_bias = &self.qkv_bias[start..][..size];
        let key_bias = &self.qkv_bias[hidden + start..][..size];
        let value_bias = &self.qkv_bias[2 * hidden + start..][..size];
        for (token, row) in self.qkv.chunks_exact(3 * hidden).enumerate() {
            let query = &mut queries[token * size..][..size];
            let sources = row[start..][..size].iter().zip(query_bias);
            for (target, (value, bias)) in query.iter_mut().zip(sources) {
                *target = (value + bias) * scale;
            }
            let panel = token / panel_width * panel_width * size + token % panel_width;
            let key = keys[panel..].iter_mut().step_by(panel_width);
            let sources = row[hidden + start..][..size].iter().zip(key_bias);
            for (target, (value, bias)) in key.zip(sources) {
                *target = value + bias;
            }
            let sources = row[2 * hidden + start..][..size].chunks(panel_width);
            for (panel, (source, bias)) in sources.zip(value_bias.chunks(panel_width)).enumerate() {
                let target = &mut values[(panel * tokens + token) * panel_width..];
                for (target, (value, bias)) in target.iter_mut().zip(source.iter().zip(bias)) {
                    *target = value + bias;
                }
            }
        }
    }

    /// Attends from up to `BLOCK_ROWS` tokens from `first_row` to all tokens.
    #[inline(always)]
    fn attend<I: Isa>(&mut self, isa: I, head: usize, first_row: usize) {
        let ops = isa.f32();
        let (hidden, tokens, size) = (self.hidden(), self.tokens(), self.head_size);
        let panel_width = ops.len() * BLOCK_VECTORS;
        let padded_tokens = tokens.next_multiple_of(panel_width);
        let rows = (tokens - first_row).min(BLOCK_ROWS);
        let AttentionScratch { queries, key_panels, value_panels, scores } = &mut *self.scratch;
        let scores = at_least(scores, BLOCK_ROWS * padded_tokens);

        // In the last block the rows that are missing repeat the last one.
        let queries: [&[f32]; BLOCK_ROWS] =
            array::from_fn(|row| &queries[(first_row + row.min(rows - 1)) * size..][..size]);
        let key_panels = key_panels[..padded_tokens * size].chunks_exact(panel_width * size);
        for (panel, keys) in key_panels.enumerate() {
            let block = multiply_block(isa, queries, keys);
            for (row, vectors) in block.into_iter().enumerate() {
                let target =
                    &mut scores[row * padded_tokens + panel * panel_width..][..panel_width];
                for (vector, target) in vectors.into_iter().zip(target.chunks_exact_mut(ops.len()))
                {
                    ops.store(vector, target);
                }
            }
        }
        for row in scores.chunks_exact_mut(padded_tokens).take(rows) {
            Softmax::new_mut(&mut row[..tokens]).eval(isa);
        }
        let scores: [&[f32]; BLOCK_ROWS] =
            array::from_fn(|row| &scores[row.min(rows - 1) * padded_tokens..][..tokens]);
        let value_panels = value_panels.chunks_exact(panel_width * tokens);
        for (panel, values) in value_panels.take(size.div_ceil(panel_width)).enumerate() {
            let block = multiply_block(isa, scores, values);
            for (row, vectors) in block.into_iter().take(rows).enumerate() {
                let start = panel * panel_width;
                let end = size.min(start + panel_width);
                let target =
                    &mut self.context[(first_row + row) * hidden + head * size..][start..end];
                for (vector, target) in vectors.into_iter().zip(target.chunks_mut(ops.len())) {
                    store_part(ops, vector, target);
                }
            }
        }
    }
}

/// The first values of `vector`, as many as `target` takes.
#[inline(always)]
fn store_part<O: NumOps<f32>>(ops: O, vector: O::Simd, target: &mut [f32]) {
    if target.len() == ops.len() {
        ops.store(vector, target);
    } else {
        for (target, value) in target.iter_mut().zip(vector.to_array()) {
            *target = value;
        }
    }
}

/// The product of `BLOCK_ROWS` rows, each as long as `panel` is deep, and a panel, row-major
/// `[depth, BLOCK_VECTORS vectors]`.
#[inline(always)]
fn multiply_block<I: Isa>(
    isa: I,
    rows: [&[f32]; BLOCK_ROWS],
    panel: &[f32],
) -> [[I::F32; BLOCK_VECTORS]; BLOCK_ROWS] {
    let ops = isa.f32();
    let panel_width = ops.len() * BLOCK_VECTORS;
    let depth = panel.len() / panel_width;
    let rows = rows.map(|row| &row[..depth]);
    let mut sums = [[ops.zero(); BLOCK_VECTORS]; BLOCK_ROWS];
    for (index, vectors) in panel.chunks_exact(panel_width).enumerate() {
        let vectors = ops.load_many::<BLOCK_VECTORS>(vectors);
        for (row, sums) in rows.iter().zip(&mut sums) {
            let factor = ops.splat(row[index]);
            for (vector, sum) in vectors.iter().zip(sums) {
                *sum = ops.mul_add(factor, *vector, *sum);
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attention as the paper writes it, in `f64`.
    fn reference(heads: usize, size: usize, qkv: &[f32], bias: &[f32]) -> Vec<f64> {
        let hidden = heads * size;
        let tokens = qkv.len() / (3 * hidden);
        let value = |token: usize, column: usize| {
            f64::from(qkv[token * 3 * hidden + column]) + f64::from(bias[column])
        };
        let mut context = vec![0.0; tokens * hidden];
        for head in 0..heads {
            for from in 0..tokens {
                let score = |to: usize| -> f64 {
                    let products = (head * size..(head + 1) * size)
                        .map(|column| value(from, column) * value(to, hidden + column));
                    (products.sum::<f64>() / (size as f64).sqrt()).exp()
                };
                let total: f64 = (0..tokens).map(score).sum();
                for column in head * size..(head + 1) * size {
                    context[from * hidden + column] = (0..tokens)
                        .map(|to| score(to) / total * value(to, 2 * hidden + column))
                        .sum();
                }
            }
        }
        context
    }

    #[test]
    fn attention_is_its_formula_at_every_edge_of_a_block() {
        let mut scratch = AttentionScratch::default();
        for (heads, size) in [(2, 32), (1, 26), (3, 64), (2, 5)] {
            for tokens in [1, 5, 6, 7, 31, 32, 33, 70] {
                let hidden = heads * size;
                let pseudo_random = |i: usize| (i * 7919 % 1013) as f32 / 506.5 - 1.0;
                let qkv: Vec<f32> = (0..tokens * 3 * hidden).map(pseudo_random).collect();
                let qkv_bias: Vec<f32> = (0..3 * hidden).map(|i| pseudo_random(i + 31)).collect();
                let mut context = vec![f32::NAN; tokens * hidden];
                Attention {
                    heads,
                    head_size: size,
                    qkv: &qkv,
                    qkv_bias: &qkv_bias,
                    context: &mut context,
                    scratch: &mut scratch,
                }
                .dispatch();
                for (found, expected) in context.iter().zip(reference(heads, size, &qkv, &qkv_bias))
                {
                    let difference = (f64::from(*found) - expected).abs();
                    assert!(difference < 1e-5, "{heads} x {size}, {tokens} tokens: {difference}");
                }
            }
        }
    }
}
