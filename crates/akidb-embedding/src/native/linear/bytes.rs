//! Products of bytes: activations per row times weights per output, summed exactly.
//!
//! `Σ (q_a - zero_point) q_w = Σ q_a q_w - zero_point Σ q_w`, of which the last sum is known when
//! the weights are packed. Multiplied by both steps that is the product. Out of scope: the sums
//! themselves, which `dot` makes, and quantizing activations.

use rten_simd::{
    Isa, SimdOp,
    ops::{BitOps, NumOps, ToFloat},
};

use super::{
    Linear, PANEL,
    dot::{GROUP, LINE, PanelLine, Sums},
    finish::{Then, finish_row},
    quantize::{QuantizedRows, Scale, depth},
};

/// The greatest magnitude of a quantized weight.
const GREATEST: f32 = 127.0;

/// Weights as panels.
pub(super) struct BytePanels {
    /// `[panels, depth]`; what no output or input has is 0.
    lines: Vec<PanelLine>,
    /// The value of 1 in a column.
    steps: Vec<f32>,
    /// The sum of a column.
    column_sums: Vec<i32>,
}

impl BytePanels {
    pub(super) fn pack(weights: &[f32], inputs: usize) -> Self {
        let (outputs, depth) = (weights.len() / inputs, depth(inputs));
        let columns = outputs.next_multiple_of(PANEL);
        let mut panels = Self {
            lines: vec![PanelLine::default(); columns / PANEL * depth],
            steps: vec![0.0; columns],
            column_sums: vec![0; columns],
        };
        for (column, row) in weights.chunks_exact(inputs).enumerate() {
            let greatest = row.iter().fold(0.0, |most: f32, weight| most.max(weight.abs()));
            let step = (greatest / GREATEST).max(f32::MIN_POSITIVE);
            panels.steps[column] = step;
            for (input, weight) in row.iter().enumerate() {
                // Within 127, as no weight is greater than the greatest.
                let quantized = (weight / step).round_ties_even() as i8;
                let (group, part) = (input / GROUP, input % GROUP);
                let line = &mut panels.lines[column / PANEL * depth + group / LINE];
                line.0[group % LINE][column % PANEL][part] = quantized;
                panels.column_sums[column] += i32::from(quantized);
            }
        }
        panels
    }

    pub(super) fn multiply(
        &self,
        linear: &Linear,
        input: &QuantizedRows,
        output: &mut [f32],
        then: Then,
    ) {
        Product { panels: self, linear, input, output, then }.dispatch();
    }
}

struct Product<'a> {
    panels: &'a BytePanels,
    linear: &'a Linear,
    input: &'a QuantizedRows,
    output: &'a mut [f32],
    then: Then,
}

impl SimdOp for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(mut self, isa: I) {
        match isa.f32().len() {
            16 => self.run::<I, 2>(isa),
            8 => self.run::<I, 4>(isa),
            _ => self.run::<I, 8>(isa),
        }
    }
}

/// What turns the sums of a panel's columns into their values; `VECTORS` vectors are as long as a
/// panel is wide.
struct Columns<I: Isa, const VECTORS: usize> {
    column_sums: [I::I32; VECTORS],
    steps: [I::F32; VECTORS],
    bias: [I::F32; VECTORS],
}

impl<I: Isa, const VECTORS: usize> Columns<I, VECTORS> {
    #[inline(always)]
    fn load(isa: I, panels: &BytePanels, linear: &Linear, first_column: usize) -> Self {
        let (floats, ints) = (isa.f32(), isa.i32());
        let mut columns = Self {
            column_sums: [ints.zero(); VECTORS],
            steps: [floats.zero(); VECTORS],
            bias: [floats.zero(); VECTORS],
        };
        for vector in 0..VECTORS {
            let first = first_column + vector * floats.len();
            columns.column_sums[vector] = ints.load(&panels.column_sums[first..]);
            columns.steps[vector] = floats.load(&panels.steps[first..]);
            columns.bias[vector] = floats.load(&linear.bias[first..]);
        }
        columns
    }

    /// The values of a row.
    #[inline(always)]
    fn values(&self, isa: I, sums: &[i32; PANEL], scale: Scale) -> [I::F32; VECTORS] {
        let (floats, ints) = (isa.f32(), isa.i32());
        let (zero_point, step) = (ints.splat(scale.zero_point), floats.splat(scale.step));
        let mut values = [floats.zero(); VECTORS];
        for (vector, sums) in sums.chunks_exact(floats.len()).enumerate().take(VECTORS) {
            let offset = ints.mul(zero_point, self.column_sums[vector]);
            let sum = ints.to_float(ints.sub(ints.load(sums), offset));
            let steps = floats.mul(step, self.steps[vector]);
            values[vector] = floats.mul_add(sum, steps, self.bias[vector]);
        }
        values
    }
}

impl Product<'_> {
    #[inline(always)]
    fn run<I: Isa, const VECTORS: usize>(&mut self, isa: I) {
        let (rows, dot, outputs) = (self.input.len(), self.input.dot, self.linear.outputs);
        let depth = depth(self.linear.inputs);
        let panels = self.panels.lines.chunks_exact(depth);
        let mut sums = Sums::default();
        for (panel, first_column) in panels.zip((0..outputs).step_by(PANEL)) {
            let columns = Columns::<I, VECTORS>::load(isa, self.panels, self.linear, first_column);
            let width = PANEL.min(outputs - first_column);
            for (first, count) in dot.blocks(rows) {
                dot.multiply(self.input.rows(first..first + count), panel, &mut sums);
                for (row, sums) in (first..).zip(sums.0.iter().take(count)) {
                    let values = columns.values(isa, sums, self.input.scale(row));
                    let target = &mut self.output[row * outputs + first_column..][..width];
                    finish_row(isa, values, target, self.then);
                }
            }
        }
    }
}
