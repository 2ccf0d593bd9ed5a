//! Scaled dot-product attention of one text (Vaswani et al., 2017, arXiv:1706.03762, 3.2).
//!
//! Heads are small and texts short, so that a general matrix product would spend its time in
//! set-up. Here both products of a head go through one register-blocked kernel of `BLOCK_ROWS`
//! rows and `BLOCK_VECTORS` vectors over operands that were copied into panels.
//!
//! Out of scope: the projections before and after.

use std::{array, f32::consts::LOG2_E, ops::Range};

use super::{
    activations::PowerOfTwo,
    scratch::{AttentionScratch, at_least},
};
use rten_simd::{
    Isa, Simd, SimdOp, SimdUnaryOp,
    ops::{BitOps, NumOps},
};

/// Rows and vectors of a block: 12 sums, 2 vectors and a factor fill 16 registers.
const BLOCK_ROWS: usize = 6;
const BLOCK_VECTORS: usize = 2;

/// Which tokens a token attends to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// All tokens of its text.
    Whole,
    /// Itself and those before it.
    Back,
}

/// Attention over all heads of one text.
pub(super) struct Attention<'a> {
    pub(super) sight: Sight,
    pub(super) heads: usize,
    /// The heads that have keys and values; as many consecutive heads as these divide `heads` into
    /// share one (Ainslie et al., "GQA", 2023, arXiv:2305.13245).
    pub(super) key_value_heads: usize,
    pub(super) head_size: usize,
    /// Queries, keys and values of all heads of all tokens of the text, row-major
    /// `[tokens, (heads + 2 * key_value_heads) * head_size]`.
    pub(super) qkv: &'a [f32],
    /// The tokens whose queries are asked.
    pub(super) queries: Range<usize>,
    /// The result, row-major `[queries, heads * head_size]`.
    pub(super) context: &'a mut [f32],
    pub(super) scratch: &'a mut AttentionScratch,
}

impl SimdOp for Attention<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        match isa.f32().len() {
            16 => self.run::<I, { 16 * BLOCK_VECTORS }>(isa),
            8 => self.run::<I, { 8 * BLOCK_VECTORS }>(isa),
            _ => self.run::<I, { 4 * BLOCK_VECTORS }>(isa),
        }
    }
}

impl Attention<'_> {
    /// All heads; a panel is `WIDTH` values wide, as many as a block's vectors have.
    #[inline(always)]
    fn run<I: Isa, const WIDTH: usize>(mut self, isa: I) {
        let group = self.heads / self.key_value_heads;
        for key_value_head in 0..self.key_value_heads {
            self.pack_keys_and_values(key_value_head, WIDTH);
            for head in key_value_head * group..(key_value_head + 1) * group {
                self.pack_queries(head);
                for first_row in (0..self.queries.len()).step_by(BLOCK_ROWS) {
                    self.attend::<I, WIDTH>(isa, head, first_row);
                }
            }
        }
    }

    /// The values of a token's queries, keys and values.
    fn row_size(&self) -> usize {
        (self.heads + 2 * self.key_value_heads) * self.head_size
    }

    fn context_size(&self) -> usize {
        self.heads * self.head_size
    }

    /// The first tokens, as many as any of the queries sees.
    fn tokens(&self) -> usize {
        match self.sight {
            Sight::Whole => self.qkv.len() / self.row_size(),
            Sight::Back => self.queries.end,
        }
    }

    /// Copies a head's queries, scaled, to where the kernel reads them.
    ///
    /// The scale is of scores that are exponents of 2 and not of e.
    #[inline(always)]
    fn pack_queries(&mut self, head: usize) {
        let (row_size, size) = (self.row_size(), self.head_size);
        let queries = at_least(&mut self.scratch.queries, self.queries.len() * size);
        let scale = LOG2_E / (size as f32).sqrt();
        let rows = self.qkv.chunks_exact(row_size).skip(self.queries.start);
        for (row, query) in rows.zip(queries.chunks_exact_mut(size)) {
            let source = &row[head * size..][..size];
            query.iter_mut().zip(source).for_each(|(target, value)| *target = value * scale);
        }
    }

    /// Copies a head's keys and values to where the kernel reads them.
    #[inline(always)]
    fn pack_keys_and_values(&mut self, head: usize, panel_width: usize) {
        let (tokens, size) = (self.tokens(), self.head_size);
        let value_panels = size.div_ceil(panel_width);
        let keys =
            at_least(&mut self.scratch.key_panels, tokens.next_multiple_of(panel_width) * size);
        let values = at_least(&mut self.scratch.value_panels, value_panels * panel_width * tokens);
        let key_start = (self.heads + head) * size;
        let value_start = key_start + self.key_value_heads * size;
        let row_size = (self.heads + 2 * self.key_value_heads) * size;
        for (token, row) in self.qkv.chunks_exact(row_size).take(tokens).enumerate() {
            let panel = token / panel_width * panel_width * size + token % panel_width;
            let key = keys[panel..].iter_mut().step_by(panel_width);
            key.zip(&row[key_start..][..size]).for_each(|(target, value)| *target = *value);
            let sources = row[value_start..][..size].chunks(panel_width);
            for (panel, source) in sources.enumerate() {
                let start = (panel * tokens + token) * panel_width;
                values[start..][..source.len()].copy_from_slice(source);
            }
        }
    }

    /// Asks up to `BLOCK_ROWS` queries from the one numbered `first_row`.
    #[inline(always)]
    fn attend<I: Isa, const WIDTH: usize>(&mut self, isa: I, head: usize, first_row: usize) {
        let ops = isa.f32();
        let (tokens, size) = (self.tokens(), self.head_size);
        let context_size = self.context_size();
        let rows = (self.queries.len() - first_row).min(BLOCK_ROWS);
        let first_query = self.queries.start + first_row;
        let seen_by_block = match self.sight {
            Sight::Whole => tokens,
            Sight::Back => first_query + rows,
        };
        let padded_tokens = seen_by_block.next_multiple_of(WIDTH);
        let AttentionScratch { queries, key_panels, value_panels, scores } = &mut *self.scratch;
        let scores = at_least(scores, BLOCK_ROWS * padded_tokens);

        // In the last block the rows that are missing repeat the last one.
        let queries: [&[f32]; BLOCK_ROWS] =
            array::from_fn(|row| &queries[(first_row + row.min(rows - 1)) * size..][..size]);
        let (key_rows, _) = key_panels[..padded_tokens * size].as_chunks::<WIDTH>();
        let key_panels = key_rows.chunks_exact(size);
        for (panel, keys) in key_panels.enumerate() {
            let block = multiply_block(isa, queries, keys);
            for (row, vectors) in block.iter().enumerate() {
                let target = &mut scores[row * padded_tokens + panel * WIDTH..][..WIDTH];
                for (vector, target) in vectors.iter().zip(target.chunks_exact_mut(ops.len())) {
                    ops.store(*vector, target);
                }
            }
        }
        // A row is divided by its sum when the values are summed, which is less to divide.
        let mut shares = [ops.zero(); BLOCK_ROWS];
        for (row, scores) in scores.chunks_exact_mut(padded_tokens).take(rows).enumerate() {
            let seen = match self.sight {
                Sight::Whole => tokens,
                Sight::Back => first_query + row + 1,
            };
            let (seen, unseen) = scores.split_at_mut(seen);
            shares[row] = ops.splat(1.0 / powers(isa, seen));
            unseen.fill(0.0);
        }
        let scores: [&[f32]; BLOCK_ROWS] =
            array::from_fn(|row| &scores[row.min(rows - 1) * padded_tokens..][..seen_by_block]);
        let (value_rows, _) = value_panels.as_chunks::<WIDTH>();
        let value_panels = value_rows.chunks_exact(tokens);
        for (panel, values) in value_panels.take(size.div_ceil(WIDTH)).enumerate() {
            let block = multiply_block(isa, scores, &values[..seen_by_block]);
            for (row, vectors) in block.iter().take(rows).enumerate() {
                let start = panel * WIDTH;
                let end = size.min(start + WIDTH);
                let target =
                    &mut self.context[(first_row + row) * context_size + head * size..][start..end];
                for (vector, target) in vectors.iter().zip(target.chunks_mut(ops.len())) {
                    store_part(ops, ops.mul(*vector, shares[row]), target);
                }
            }
        }
    }
}

/// Replaces scores by the powers of 2 of what they are above the greatest, and gives their sum.
#[inline(always)]
fn powers<I: Isa>(isa: I, scores: &mut [f32]) -> f32 {
    let ops = isa.f32();
    let lowest = ops.splat(f32::NEG_INFINITY);
    let mut greatest = lowest;
    let (whole, rest) = scores.split_at_mut(scores.len() / ops.len() * ops.len());
    for values in whole.chunks_exact(ops.len()) {
        greatest = ops.max(greatest, ops.load(values));
    }
    let (rest_values, mask) = ops.load_pad(rest);
    greatest = ops.max(greatest, ops.select(rest_values, lowest, mask));
    let greatest = ops.fold_splat(greatest, f32::NEG_INFINITY, f32::max);
    let mut sum = ops.zero();
    for values in whole.chunks_exact_mut(ops.len()) {
        let power = PowerOfTwo.eval(isa, ops.sub(ops.load(values), greatest));
        sum = ops.add(sum, power);
        ops.store(power, values);
    }
    let power = PowerOfTwo.eval(isa, ops.sub(rest_values, greatest));
    let power = ops.select(power, ops.zero(), mask);
    store_part(ops, power, rest);
    ops.sum(ops.add(sum, power))
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

/// The product of `BLOCK_ROWS` rows and a panel that is as deep as they are long.
///
/// The rows are gone through side by side, so that no value is asked for by its number, which would
/// be checked against the length of its row.
#[inline(always)]
fn multiply_block<I: Isa, const WIDTH: usize>(
    isa: I,
    rows: [&[f32]; BLOCK_ROWS],
    panel: &[[f32; WIDTH]],
) -> [[I::F32; BLOCK_VECTORS]; BLOCK_ROWS] {
    let ops = isa.f32();
    let [a, b, c, d, e, f] = rows;
    let mut sums = [[ops.zero(); BLOCK_VECTORS]; BLOCK_ROWS];
    for ((((((values, a), b), c), d), e), f) in
        panel.iter().zip(a).zip(b).zip(c).zip(d).zip(e).zip(f)
    {
        let (first, second) = values.split_at(WIDTH / BLOCK_VECTORS);
        let (first, second) = (ops.load(first), ops.load(second));
        for (factor, [first_sum, second_sum]) in [a, b, c, d, e, f].into_iter().zip(&mut sums) {
            let factor = ops.splat(*factor);
            *first_sum = ops.mul_add(factor, first, *first_sum);
            *second_sum = ops.mul_add(factor, second, *second_sum);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Heads, heads with keys and values, and the values of a head.
    type Shape = (usize, usize, usize);

    /// Attention as the papers write it, in `f64`.
    fn reference(sight: Sight, shape: Shape, qkv: &[f32]) -> Vec<f64> {
        let (heads, key_value_heads, size) = shape;
        let row_size = (heads + 2 * key_value_heads) * size;
        let tokens = qkv.len() / row_size;
        let value = |token: usize, column: usize| f64::from(qkv[token * row_size + column]);
        let mut context = Vec::new();
        for from in 0..tokens {
            let seen = if sight == Sight::Whole { tokens } else { from + 1 };
            for head in 0..heads {
                let key_head = heads + head * key_value_heads / heads;
                let score = |to: usize| -> f64 {
                    let products = (0..size).map(|column| {
                        value(from, head * size + column) * value(to, key_head * size + column)
                    });
                    (products.sum::<f64>() / (size as f64).sqrt()).exp()
                };
                let total: f64 = (0..seen).map(score).sum();
                let value_head = key_head + key_value_heads;
                context.extend((0..size).map(|column| -> f64 {
                    let weighted = |to| score(to) / total * value(to, value_head * size + column);
                    (0..seen).map(weighted).sum()
                }));
            }
        }
        context
    }

    fn check(sight: Sight, shape: Shape, tokens: usize, scratch: &mut AttentionScratch) {
        let (heads, key_value_heads, head_size) = shape;
        let width = (heads + 2 * key_value_heads) * head_size;
        let pseudo_random = |i: usize| (i * 7919 % 1013) as f32 / 506.5 - 1.0;
        let qkv: Vec<f32> = (0..tokens * width).map(pseudo_random).collect();
        let expected = reference(sight, shape, &qkv);
        // All queries at once, and in two parts as two threads would ask them.
        for cut in [0, tokens / 3] {
            let mut context = vec![f32::NAN; tokens * heads * head_size];
            let (first, second) = context.split_at_mut(cut * heads * head_size);
            for (queries, context) in [(0..cut, first), (cut..tokens, second)] {
                let qkv = &qkv[..];
                Attention {
                    sight,
                    heads,
                    key_value_heads,
                    head_size,
                    qkv,
                    queries,
                    context,
                    scratch,
                }
                .dispatch();
            }
            for (found, expected) in context.iter().zip(&expected) {
                let difference = (f64::from(*found) - expected).abs();
                assert!(difference < 1e-5, "{sight:?}, {shape:?}, {tokens} tokens: {difference}");
            }
        }
    }

    #[test]
    fn attention_is_its_formula_at_every_edge_of_a_block() {
        let mut scratch = AttentionScratch::default();
        for sight in [Sight::Whole, Sight::Back] {
            for shape in [(2, 2, 32), (1, 1, 26), (3, 3, 64), (4, 2, 32), (3, 1, 5)] {
                for tokens in [1, 5, 6, 7, 31, 32, 33, 70] {
                    check(sight, shape, tokens, &mut scratch);
                }
            }
        }
    }
}
