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
    quantize::{QuantizedRows, depth},
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
        let dot = self.input.dot;
        let mut sums = Sums::default();
        for (panel, lines) in self.panels.lines.chunks_exact(depth(self.linear.inputs)).enumerate()
        {
            for (first, count) in dot.blocks(self.input.len()) {
                dot.multiply(self.input.rows(first..first + count), lines, &mut sums);
                for (row, sums) in sums.0.iter().take(count).enumerate() {
                    self.finish(isa, panel, first + row, sums);
                }
            }
        }
    }
}

impl Product<'_> {
    /// Writes one row of a panel.
    #[inline(always)]
    fn finish<I: Isa>(&mut self, isa: I, panel: usize, row: usize, sums: &[i32; PANEL]) {
        let (floats, ints) = (isa.f32(), isa.i32());
        let width = floats.len();
        let first_column = panel * PANEL;
        let column_sums = &self.panels.column_sums[first_column..][..PANEL];
        let steps = &self.panels.steps[first_column..][..PANEL];
        let bias = &self.linear.bias[first_column..][..PANEL];
        let scale = self.input.scale(row);
        let (zero_point, step) = (ints.splat(scale.zero_point), floats.splat(scale.step));
        let outputs = self.linear.outputs;
        let columns = PANEL.min(outputs - first_column);
        let target = &mut self.output[row * outputs + first_column..][..columns];
        finish_row(
            isa,
            target,
            self.then,
            #[inline(always)]
            |first| {
                let part = first..first + width;
                let offset = ints.mul(zero_point, ints.load(&column_sums[part.clone()]));
                let sum = ints.to_float(ints.sub(ints.load(&sums[part.clone()]), offset));
                let steps = floats.mul(step, floats.load(&steps[part.clone()]));
                floats.mul_add(sum, steps, floats.load(&bias[part]))
            },
        );
    }
}
