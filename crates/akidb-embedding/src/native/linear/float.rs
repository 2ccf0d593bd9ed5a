//! Products in `f32`, of weights that are held in `f32` or in half of that.
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

/// The weights of one input for the outputs of a panel.
pub(super) trait PanelRow: Copy {
    /// Weights of 0.
    const ZERO: Self;

    /// Sets a weight that is 0.
    fn set(&mut self, column: usize, weight: f32);

    /// All weights; `VECTORS` vectors are as long as a panel is wide.
    fn load<I: Isa, const VECTORS: usize>(&self, isa: I) -> [I::F32; VECTORS];
}

impl PanelRow for [f32; PANEL] {
    const ZERO: Self = [0.0; PANEL];

    fn set(&mut self, column: usize, weight: f32) {
        self[column] = weight;
    }

    #[inline(always)]
    fn load<I: Isa, const VECTORS: usize>(&self, isa: I) -> [I::F32; VECTORS] {
        isa.f32().load_many(self)
    }
}

/// Weights as panels, `[panels, inputs]`; columns that no output has are 0.
pub(super) struct FloatPanels<R>(Vec<R>);

impl<R: PanelRow> FloatPanels<R> {
    pub(super) fn pack(weights: &[f32], inputs: usize) -> Self {
        let outputs = weights.len() / inputs;
        let mut panels = vec![R::ZERO; outputs.div_ceil(PANEL) * inputs];
        let rows = weights.chunks(PANEL * inputs);
        for (panel, rows) in panels.chunks_exact_mut(inputs).zip(rows) {
            for (column, row) in rows.chunks_exact(inputs).enumerate() {
                panel.iter_mut().zip(row).for_each(|(target, weight)| target.set(column, *weight));
            }
        }
        Self(panels)
    }

    pub(super) fn multiply(&self, linear: &Linear, input: &[f32], output: &mut [f32], then: Then) {
        Product { panels: &self.0, linear, input, output, then }.dispatch();
    }
}

struct Product<'a, R> {
    panels: &'a [R],
    linear: &'a Linear,
    input: &'a [f32],
    output: &'a mut [f32],
    then: Then,
}

impl<R: PanelRow> SimdOp for Product<'_, R> {
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

impl<R: PanelRow> Product<'_, R> {
    #[inline(always)]
    fn run<I: Isa, const VECTORS: usize>(&mut self, isa: I, most_rows: usize) {
        let inputs = self.linear.inputs;
        let rows = self.input.len() / inputs;
        for (panel, weights) in self.panels.chunks_exact(inputs).enumerate() {
            for (first, count) in blocks(rows, most_rows, 1) {
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
        weights: &[R],
        first_row: usize,
    ) {
        let ops = isa.f32();
        let &Linear { inputs, outputs, ref bias, .. } = self.linear;
        let rows: [&[f32]; ROWS] =
            array::from_fn(|row| &self.input[(first_row + row) * inputs..][..inputs]);
        let sums = multiply_block::<I, R, ROWS, VECTORS>(isa, rows, weights);
        let first_column = panel * PANEL;
        let columns = PANEL.min(outputs - first_column);
        let bias: [_; VECTORS] = ops.load_many(&bias[first_column..][..PANEL]);
        for (row, sums) in sums.iter().enumerate() {
            let start = (first_row + row) * outputs + first_column;
            let target = &mut self.output[start..][..columns];
            let mut values = *sums;
            for (value, bias) in values.iter_mut().zip(&bias) {
                *value = ops.add(*value, *bias);
            }
            finish_row(isa, values, target, self.then);
        }
    }
}

/// The product of some rows, each as long as `panel` is deep, and a panel.
#[inline(always)]
fn multiply_block<I: Isa, R: PanelRow, const ROWS: usize, const VECTORS: usize>(
    isa: I,
    rows: [&[f32]; ROWS],
    panel: &[R],
) -> [[I::F32; VECTORS]; ROWS] {
    let ops = isa.f32();
    let rows = rows.map(|row| &row[..panel.len()]);
    let mut sums = [[ops.zero(); VECTORS]; ROWS];
    for (index, weights) in panel.iter().enumerate() {
        let weights = weights.load::<I, VECTORS>(isa);
        for (row, sums) in rows.iter().zip(&mut sums) {
            let factor = ops.splat(row[index]);
            for (weights, sum) in weights.iter().zip(sums) {
                *sum = ops.mul_add(factor, *weights, *sum);
            }
        }
    }
    sums
}
