//! Codes of one bit a component after a rotation: RaBitQ, Gao and Long 2024.
//!
//! A vector is taken from the center, rotated, and of each component the sign is kept. Behind the
//! bits stand numbers that make the inner product with a query, four bits a component, an estimate
//! without bias, and say how far off it usually is. Two codes are compared by the angle that their
//! differing bits stand for.

use std::f32::consts::PI;

use super::rotation::Rotation;
use crate::{
    code_kernel::{self, Bound, QUERY_PLANES, Terms},
    code_line::{CodeLine, LINE_BYTES, lines_of},
    vector_line::{LINE_WIDTH, VectorLine},
};

/// The largest step of a component of a query.
const STEP_MAX: f32 = ((1 << QUERY_PLANES) - 1) as f32;

/// How vectors of one graph become codes of bits.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BinaryCoder {
    /// Subtracted from each vector, padded to lines.
    center: Vec<VectorLine>,
    rotation: Rotation,
}

/// A query over bits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BinaryQuery {
    /// The squared length of what was taken from the center.
    squared_length: f32,
    /// A component is `low + step * steps`.
    low: f32,
    step: f32,
    /// The sum of all components.
    sum: f32,
    /// Whether it is a code itself.
    is_code: bool,
}

impl BinaryCoder {
    pub(super) fn new(center: Vec<VectorLine>) -> Self {
        let rotation = Rotation::new(center.len() * LINE_WIDTH);
        Self { center, rotation }
    }

    pub(super) fn center(&self) -> &[VectorLine] {
        &self.center
    }

    /// Lines of the code of a row of `row_lines`.
    pub(super) fn code_lines(row_lines: usize) -> usize {
        lines_of(bit_bytes(row_lines) + Terms::BYTES)
    }

    /// The rotated components of a row, counted from the center or as they are.
    fn rotate(&self, row: &[VectorLine], is_centered: bool, components: &mut Vec<f32>) {
        components.clear();
        components.extend_from_slice(bytemuck::cast_slice(row));
        if is_centered {
            let center: &[f32] = bytemuck::cast_slice(&self.center);
            components.iter_mut().zip(center).for_each(|(component, center)| *component -= center);
        }
        self.rotation.rotate(components);
    }

    /// Writes the code of a row. `components` is memory to work in.
    pub(super) fn encode(
        &self,
        row: &[VectorLine],
        code: &mut [CodeLine],
        components: &mut Vec<f32>,
    ) {
        self.rotate(row, true, components);
        code.fill(CodeLine::ZERO);
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(code);
        let mut ones = 0;
        for (byte, eight) in bytes.iter_mut().zip(components.as_chunks::<8>().0) {
            *byte = bits_of(eight.map(|component| component > 0.0));
            ones += byte.count_ones();
        }
        let squared_length = sum(components, |at| at * at);
        let sizes = sum(components, f32::abs);
        let count = components.len() as f32;
        let factor = if sizes > 0.0 { squared_length / sizes } else { 0.0 };
        // Gao and Long, theorem 3.2, for one standard deviation.
        let beside = (factor * factor * count - squared_length).max(0.0);
        let error = (beside / (count - 1.0)).sqrt();
        let terms = Terms { squared_length, factor, ones: ones as f32, error };
        let begin = bit_bytes(row.len());
        bytes[begin..begin + Terms::BYTES].copy_from_slice(bytemuck::bytes_of(&terms));
    }

    /// Writes the planes of a query; it counts from the center where distances are Euclidean.
    pub(super) fn encode_query(
        &self,
        row: &[VectorLine],
        is_centered: bool,
        planes: &mut Vec<CodeLine>,
        components: &mut Vec<f32>,
    ) -> BinaryQuery {
        self.rotate(row, is_centered, components);
        let (mut low, mut high) = (0.0_f32, 0.0_f32);
        for &component in components.iter().filter(|component| component.is_finite()) {
            (low, high) = (low.min(component), high.max(component));
        }
        let step = if high > low { (high - low) / STEP_MAX } else { 1.0 };
        let plane_bytes = bit_lines(row.len()) * LINE_BYTES;
        planes.clear();
        planes.resize(bit_lines(row.len()) * QUERY_PLANES, CodeLine::ZERO);
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(planes);
        let inverse = step.recip();
        for (at, eight) in components.as_chunks::<8>().0.iter().enumerate() {
            let steps = eight.map(|it| ((it - low) * inverse + 0.5).min(STEP_MAX) as u8);
            for plane in 0..QUERY_PLANES {
                bytes[plane * plane_bytes + at] = bits_of(steps.map(|it| (it >> plane) & 1 == 1));
            }
        }
        let squared_length = sum(components, |at| at * at);
        BinaryQuery { squared_length, low, step, sum: sum(components, |at| at), is_code: false }
    }

    /// Makes a query of a code: every plane is its bits.
    pub(super) fn query_of_code(
        code: &[CodeLine],
        row_lines: usize,
        planes: &mut Vec<CodeLine>,
    ) -> BinaryQuery {
        let (bits, terms_at) = (&code[..bit_lines(row_lines)], bit_bytes(row_lines));
        planes.clear();
        for _ in 0..QUERY_PLANES {
            planes.extend_from_slice(bits);
            let begin = planes.len() - bits.len();
            let plane: &mut [u8] = bytemuck::cast_slice_mut(&mut planes[begin..]);
            plane[terms_at..].fill(0);
        }
        let terms = Terms::of(code, terms_at);
        BinaryQuery {
            squared_length: terms.squared_length,
            sum: terms.ones,
            is_code: true,
            ..BinaryQuery::default()
        }
    }
}

impl BinaryQuery {
    pub(super) fn squared_length(&self) -> f32 {
        self.squared_length
    }

    /// The parts of a bound that a negative inner product, by `errors` too low, gives.
    pub(super) fn product_bound(&self, errors: f32) -> Bound {
        Bound {
            of_ones: 2.0 * self.low,
            of_measure: 2.0 * self.step,
            constant: -self.sum,
            of_error: errors * self.squared_length.sqrt(),
            ..Bound::default()
        }
    }

    /// Estimates the inner product and the squared distance of the query and each row.
    pub(super) fn estimate(
        &self,
        planes: &[CodeLine],
        rows: &[&[CodeLine]],
        row_lines: usize,
        measures: &mut [i32],
        mut put: impl FnMut(usize, f32, f32),
    ) {
        (code_kernel::fastest().bits)(planes, rows, measures);
        let bit_count = (row_lines * LINE_WIDTH) as f32;
        for (at, (row, &measure)) in rows.iter().zip(&*measures).enumerate() {
            let terms = Terms::of(row, bit_bytes(row_lines));
            let product = if self.is_code {
                let shared = measure as f32 / STEP_MAX;
                let differing = self.sum + terms.ones - 2.0 * shared;
                let lengths = (self.squared_length * terms.squared_length).sqrt();
                lengths * (PI * differing / bit_count).cos()
            } else {
                let of_ones = self.low * terms.ones + self.step * measure as f32;
                terms.factor * (2.0 * of_ones - self.sum)
            };
            put(at, product, self.squared_length + terms.squared_length - 2.0 * product);
        }
    }
}

/// Where in a code its terms begin, in bytes.
pub(super) fn bit_bytes(row_lines: usize) -> usize {
    row_lines * LINE_WIDTH / 8
}

fn bit_lines(row_lines: usize) -> usize {
    lines_of(bit_bytes(row_lines))
}

/// A byte of eight bits, the first one lowest.
fn bits_of(bits: [bool; 8]) -> u8 {
    let places = bits.into_iter().enumerate();
    places.fold(0, |byte, (place, bit)| byte | (u8::from(bit) << place))
}

/// The sum over all components, in sixteen sums side by side.
fn sum(components: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut sums = [0.0; LINE_WIDTH];
    for line in components.as_chunks::<LINE_WIDTH>().0 {
        sums.iter_mut().zip(line).for_each(|(sum, &component)| *sum += term(component));
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector_line::push_row;

    #[test]
    fn estimates_come_near_the_truth() {
        let mut state = 1_u64;
        let mut row = || {
            let components: Vec<f32> = std::iter::repeat_with(|| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
                (state >> 40) as f32 / (1 << 23) as f32 - 0.9
            })
            .take(1_030)
            .collect();
            let mut row = Vec::new();
            push_row(&mut row, &components, 1.0);
            row
        };
        let (query, vector) = (row(), row());
        let coder = BinaryCoder::new(vec![VectorLine([0.0; 16]); query.len()]);
        let mut code = vec![CodeLine::ZERO; BinaryCoder::code_lines(query.len())];
        coder.encode(&vector, &mut code, &mut Vec::new());
        let pairs = || query.iter().flat_map(|at| at.0).zip(vector.iter().flat_map(|at| at.0));
        let dot: f32 = pairs().map(|(a, b)| a * b).sum();
        let apart: f32 = pairs().map(|(a, b)| (a - b) * (a - b)).sum();
        let mut planes = Vec::new();
        let asked = coder.encode_query(&query, true, &mut planes, &mut Vec::new());
        let near = |given: f32, truth: f32| (given - truth).abs() < 0.15 * asked.squared_length;
        asked.estimate(&planes, &[&code], query.len(), &mut [0], |_, product, distance| {
            assert!(near(product, dot), "{product} is not {dot}");
            assert!(near(distance, apart), "{distance} is not {apart}");
        });
        let itself = BinaryCoder::query_of_code(&code, query.len(), &mut planes);
        itself.estimate(&planes, &[&code], query.len(), &mut [0], |_, _, distance| {
            assert!(distance.abs() < 1e-3 * itself.squared_length);
        });
    }
}
