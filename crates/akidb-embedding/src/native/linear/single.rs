//! Products in `f32`.
//!
//! One kernel for every instruction set: a block of rows and a panel of columns are held in
//! registers while their depth is gone through once.

use std::array;

use rten_simd::{
    Isa, SimdOp,
    ops::{BitOps, NumOps},
};

use super::{
    BLOCK_ROWS, Linear, PANEL, blocks,
    finish::{Then, finish_row},
};

/// Weights as panels, `[panels, inputs, PANEL]`; columns that no output has are 0.
pub(super) struct SinglePanels(Vec<f32>);

impl SinglePanels {
    pub(super) fn pack(weights: &[f32], inputs: usize) -> Self {
        let outputs = weights.len() / inputs;
        let mut panels = vec![0.0; outputs.next_multiple_of(PANEL) * inputs];
        let rows = weights.chunks(PANEL * inputs);
        for (panel, rows) in panels.chunks_exact_mut(PANEL * inputs).zip(rows) {
            for (column, row) in rows.chunks_exact(inputs).enumerate() {
                let targets = panel[column..].iter_mut().step_by(PANEL);
                targets.zip(row).for_each(|(target, weight)| *target = *weight);
            }
        }
        Self(panels)
    }

    pub(super) fn multiply(&self, linear: &Linear, input: &[f32], output: &mut [f32], then: Then) {
        Product { panels: &self.0, linear, input, output, then }.dispatch();
    }
}

struct Product<'a> {
    panels: &'a [f32],
    linear: &'a Linear,
    input: &'a [f32],
    output: &'a mut [f32],
    then: Then,
}

impl SimdOp for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(mut self, isa: I) {
        // The sums of a block, a row of the panel and a factor fill the registers of each.
        match isa.f32().len() {
            16 => self.run::<I, 2>(isa, BLOCK_ROWS),
            8 => self.run::<I, 4>(isa, 3),
            _ => self.run::<I, 8>(isa, 3),
        }
    }
}

impl Product<'_> {
    #[inline(always)]
    fn run<I: Isa, const VECTORS: usize>(&mut self, isa: I, most_rows: usize) {
        let inputs = self.linear.inputs;
        let rows = self.input.len() / inputs;
        for (panel, weights) in self.panels.chunks_exact(PANEL * inputs).enumerate() {
            for (first, count) in blocks(rows, most_rows) {
                macro_rules! block {
                    ($($rows:literal)*) => {
                        match count {
                            $($rows => self.block::<I, $rows, VECTORS>(isa, panel, weights, first),)*
                            _ => unreachable!("a block has 1 to {BLOCK_ROWS} rows"),
                        }
                    };
                }
                block!(1 2 3 4 5 6 7 8 9 10 11 12);
            }
        }
    }

    #[inline(always)]
    fn block<I: Isa, const ROWS: usize, const VECTORS: usize>(
        &mut self,
        isa: I,
        panel: usize,
        weights: &[f32],
        first_row: usize,
    ) {
        let ops = isa.f32();
        let &Linear { inputs, outputs, ref bias, .. } = self.linear;
        let rows: [&[f32]; ROWS] =
            array::from_fn(|row| &self.input[(first_row + row) * inputs..][..inputs]);
        let sums = multiply_block::<I, ROWS, VECTORS>(isa, rows, weights);
        let first_column = panel * PANEL;
        let columns = PANEL.min(outputs - first_column);
        let bias: [_; VECTORS] = ops.load_many(&bias[first_column..][..PANEL]);
        for (row, sums) in sums.iter().enumerate() {
            let start = (first_row + row) * outputs + first_column;
            let target = &mut self.output[start..][..columns];
            finish_row(
                isa,
                target,
                self.then,
                #[inline(always)]
                |first| {
                    let vector = first / ops.len();
                    ops.add(sums[vector], bias[vector])
                },
            );
        }
    }
}

/// The product of some rows, each as long as `panel` is deep, and a panel.
#[inline(always)]
fn multiply_block<I: Isa, const ROWS: usize, const VECTORS: usize>(
    isa: I,
    rows: [&[f32]; ROWS],
    panel: &[f32],
) -> [[I::F32; VECTORS]; ROWS] {
    let ops = isa.f32();
    let depth = panel.len() / PANEL;
    let rows = rows.map(|row| &row[..depth]);
    let mut sums = [[ops.zero(); VECTORS]; ROWS];
    for (index, weights) in panel.chunks_exact(PANEL).enumerate() {
        let weights = ops.load_many::<VECTORS>(weights);
        for (row, sums) in rows.iter().zip(&mut sums) {
            let factor = ops.splat(row[index]);
            for (weights, sum) in weights.iter().zip(sums) {
                *sum = ops.mul_add(factor, *weights, *sum);
            }
        }
    }
    sums
}
