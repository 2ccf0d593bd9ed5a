//! Rows of states as bytes, each row by itself, so that no row depends on those beside it.
//!
//! A value `x` of a row becomes `round(x / scale) + zero_point`, where the row's least and greatest
//! values, 0 between them, become 0 and 255. Out of scope: weights.

use std::ops::Range;

use rten_simd::{
    Isa, Simd, SimdOp,
    ops::{BitOps, FloatOps, NarrowSaturate, NumOps},
};

use super::dot::{Dot, GROUP, InputLine, LINE, Rows};

/// The inputs of a line.
const LINE_INPUTS: usize = GROUP * LINE;

/// Quantized rows and the way in which they are multiplied; the memory is kept from use to use.
#[derive(Debug)]
pub(in crate::native) struct QuantizedRows {
    /// `[rows, depth]`; inputs that no row has are 0.
    lines: Vec<InputLine>,
    scales: Vec<Scale>,
    /// Any way gives the same sums.
    pub(in crate::native) dot: Dot,
}

/// How a row was quantized.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scale {
    /// The difference of two values whose bytes differ by 1.
    pub(super) step: f32,
    /// The byte of 0.
    pub(super) zero_point: i32,
}

impl QuantizedRows {
    /// Quantizes `input`, row-major `[rows, inputs]`.
    pub(super) fn fill(&mut self, input: &[f32], inputs: usize) {
        let (rows, depth) = (input.len() / inputs, depth(inputs));
        // What is there is written over, up to the end of a last line that is not full.
        self.lines.resize(rows * depth, InputLine::default());
        self.scales.resize(rows, Scale::default());
        let lines = &mut self.lines[..];
        Quantize { input, inputs, lines, scales: &mut self.scales }.dispatch();
    }

    /// The number of rows.
    pub(super) fn len(&self) -> usize {
        self.scales.len()
    }

    /// Some of the rows.
    pub(super) fn rows(&self, range: Range<usize>) -> Rows<'_> {
        let depth = self.lines.len() / self.scales.len();
        Rows::new(&self.lines[range.start * depth..range.end * depth], depth)
    }

    pub(super) fn scale(&self, row: usize) -> Scale {
        self.scales[row]
    }

    /// The values that memory is held for.
    #[cfg(test)]
    pub(in crate::native) fn capacity(&self) -> usize {
        self.lines.capacity() * LINE_INPUTS + self.scales.capacity()
    }
}

impl Default for QuantizedRows {
    fn default() -> Self {
        Self { lines: Vec::new(), scales: Vec::new(), dot: Dot::best() }
    }
}

/// The lines of a row of `inputs` values.
pub(super) fn depth(inputs: usize) -> usize {
    inputs.div_ceil(LINE_INPUTS)
}

struct Quantize<'a> {
    input: &'a [f32],
    inputs: usize,
    lines: &'a mut [InputLine],
    scales: &'a mut [Scale],
}

impl SimdOp for Quantize<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let rows = self.input.chunks_exact(self.inputs);
        let lines = self.lines.chunks_exact_mut(depth(self.inputs));
        for ((row, lines), scale) in rows.zip(lines).zip(self.scales) {
            *scale = range(isa, row);
            for (values, line) in row.chunks(LINE_INPUTS).zip(lines) {
                let (filled, rest) = line.0.as_flattened_mut().split_at_mut(values.len());
                quantize(isa, values, *scale, filled);
                rest.fill(0);
            }
        }
    }
}

/// The scale by which a row fills the bytes.
#[inline(always)]
fn range<I: Isa>(isa: I, row: &[f32]) -> Scale {
    let ops = isa.f32();
    let width = ops.len();
    // Four of each, so that none waits for the one before.
    let (mut least, mut greatest) = ([ops.zero(); 4], [ops.zero(); 4]);
    let mut parts = row.chunks_exact(4 * width);
    for part in &mut parts {
        for (number, values) in part.chunks_exact(width).enumerate().take(4) {
            let values = ops.load(values);
            least[number] = ops.min(least[number], values);
            greatest[number] = ops.max(greatest[number], values);
        }
    }
    for (number, values) in parts.remainder().chunks(width).enumerate().take(4) {
        let values = ops.load_pad(values).0;
        least[number] = ops.min(least[number], values);
        greatest[number] = ops.max(greatest[number], values);
    }
    let least = ops.min(ops.min(least[0], least[1]), ops.min(least[2], least[3]));
    let greatest = ops.max(ops.max(greatest[0], greatest[1]), ops.max(greatest[2], greatest[3]));
    let least = least.to_array().into_iter().fold(0.0, f32::min);
    let greatest = greatest.to_array().into_iter().fold(0.0, f32::max);
    // A row of zeros has any step; one that is not finite gives vectors that are refused.
    let step = ((greatest - least) / 255.0).max(f32::MIN_POSITIVE);
    Scale { step, zero_point: (-least / step).round_ties_even() as i32 }
}

#[inline(always)]
fn quantize<I: Isa>(isa: I, row: &[f32], scale: Scale, bytes: &mut [u8]) {
    let (floats, ints, shorts, packed_bytes) = (isa.f32(), isa.i32(), isa.i16(), isa.u8());
    let width = floats.len();
    let (factor, zero_point) = (floats.splat(1.0 / scale.step), ints.splat(scale.zero_point));
    for (values, bytes) in row.chunks(4 * width).zip(bytes.chunks_mut(4 * width)) {
        let mut parts = [ints.zero(); 4];
        for (number, part) in parts.iter_mut().enumerate() {
            // Values that the row does not have are 0, and not kept.
            let values = if values.len() == 4 * width {
                floats.load(&values[number * width..][..width])
            } else {
                floats.load_pad(values.get(number * width..).unwrap_or_default()).0
            };
            *part = ints.add(floats.to_int_round(floats.mul(values, factor)), zero_point);
        }
        let low = ints.narrow_saturate(parts[0], parts[1]);
        let high = ints.narrow_saturate(parts[2], parts[3]);
        let packed = shorts.narrow_saturate(low, high);
        if bytes.len() == packed_bytes.len() {
            packed_bytes.store(packed, bytes);
        } else {
            bytes.iter_mut().zip(packed.to_array()).for_each(|(byte, value)| *byte = value);
        }
    }
}
