//! A matrix of weights with its biases, packed once for products with rows of states.
//!
//! Scope: all precisions behind one call, and what happens to a product before it is written. Out
//! of scope: threads; rows may be shared out among them, for no row of a product depends on
//! another.

mod bytes;
mod dot;
mod finish;
mod float;
mod half;
mod quantize;

use self::{bytes::BytePanels, float::FloatPanels, half::HalfRow};
pub(super) use self::{dot::Dot, finish::Then, quantize::QuantizedRows};
use crate::identity::Precision;

/// The outputs of a panel: the columns that a kernel works on at once.
const PANEL: usize = 32;

/// The most rows that a kernel works on at once: 12 rows of 2 vectors are 24 sums, which with the
/// vectors themselves nearly fill the 32 registers of AVX-512.
const BLOCK_ROWS: usize = 12;

/// Weights of a layer that maps `inputs` values to `outputs` values.
pub(super) struct Linear {
    weights: Panels,
    /// As many as there are outputs in all panels; the last ones are 0.
    bias: Vec<f32>,
    inputs: usize,
    outputs: usize,
}

enum Panels {
    Single(FloatPanels<[f32; PANEL]>),
    Half(FloatPanels<HalfRow>),
    Bytes(BytePanels),
}

impl Linear {
    /// Packs `weights`, row-major `[outputs, inputs]` as PyTorch keeps them, and as many biases as
    /// there are outputs.
    pub(super) fn pack(precision: Precision, weights: &[f32], mut bias: Vec<f32>) -> Self {
        let outputs = bias.len();
        let inputs = weights.len() / outputs;
        bias.resize(outputs.next_multiple_of(PANEL), 0.0);
        let weights = match precision {
            Precision::F32 => Panels::Single(FloatPanels::pack(weights, inputs)),
            Precision::Bf16 => Panels::Half(FloatPanels::pack(weights, inputs)),
            Precision::Int8 => Panels::Bytes(BytePanels::pack(weights, inputs)),
        };
        Self { weights, bias, inputs, outputs }
    }

    /// Writes the product of `input`, `[rows, inputs]`, with its biases to `output`,
    /// `[rows, outputs]`, in the way of `then`. `quantized` is memory to work in.
    pub(super) fn apply(
        &self,
        input: &[f32],
        output: &mut [f32],
        then: Then,
        quantized: &mut QuantizedRows,
    ) {
        debug_assert_eq!(output.len() / self.outputs, input.len() / self.inputs);
        match &self.weights {
            Panels::Single(panels) => panels.multiply(self, input, output, then),
            Panels::Half(panels) => panels.multiply(self, input, output, then),
            Panels::Bytes(panels) => {
                quantized.fill(input, self.inputs);
                panels.multiply(self, quantized, output, then);
            }
        }
    }
}

/// Cuts `rows` rows into blocks of about the same size, `most` at the most, that begin at multiples
/// of `granule`, which divides `most`; gives the first row and the rows of each.
fn blocks(rows: usize, most: usize, granule: usize) -> impl Iterator<Item = (usize, usize)> {
    let (granules, count) = (rows.div_ceil(granule), rows.div_ceil(most));
    let first = move |block: usize| rows.min(block * granules / count * granule);
    (0..count).map(move |block| (first(block), first(block + 1) - first(block)))
}

#[cfg(test)]
mod tests;
