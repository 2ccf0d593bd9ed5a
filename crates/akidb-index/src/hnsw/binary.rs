//! Codes of one bit a component after a rotation: RaBitQ, Gao and Long 2024.
//!
//! A vector is taken from the centre, rotated, and of each component the sign is kept. Behind the
//! bits stand three numbers that make the inner product with a query, four bits a component, an
//! estimate without bias. Two codes are compared by the angle that their differing bits stand for.

use std::f32::consts::PI;

use super::rotation::rotate;
use crate::{
    code_kernel::{self, QUERY_PLANES},
    code_line::{CodeLine, LINE_BYTES, lines_of},
    lane::{LANE_WIDTH, Lane},
};

/// The largest step of a component of a query.
const STEP_MAX: f32 = ((1 << QUERY_PLANES) - 1) as f32;

/// How vectors of one graph become codes of bits.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BinaryCoder {
    /// Subtracted from each vector, padded to lanes.
    centre: Vec<Lane>,
}

/// What stands behind the bits of a code.
#[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Terms {
    /// The squared length.
    squared_length: f32,
    /// The inner product with a query is this times the sum of its components by their signs.
    factor: f32,
    /// The bits that are set.
    ones: f32,
    padding: u32,
}

/// A query over bits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BinaryQuery {
    /// The squared length of what was taken from the centre.
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
    pub(super) fn new(centre: Vec<Lane>) -> Self {
        Self { centre }
    }

    pub(super) fn centre(&self) -> &[Lane] {
        &self.centre
    }

    /// Lines of the code of a row of `row_lanes`.
    pub(super) fn code_lines(row_lanes: usize) -> usize {
        bit_lines(row_lanes) + lines_of(size_of::<Terms>())
    }

    /// The rotated components of a row, counted from the centre or as they are.
    fn rotated(&self, row: &[Lane], is_centred: bool) -> Vec<f32> {
        let lanes = row.iter().enumerate().flat_map(|(at, lane)| {
            let centre = if is_centred { self.centre[at].0 } else { [0.0; LANE_WIDTH] };
            std::array::from_fn::<f32, LANE_WIDTH, _>(|place| lane.0[place] - centre[place])
        });
        let mut components: Vec<f32> = lanes.collect();
        rotate(&mut components);
        components
    }

    /// Writes the code of a row.
    pub(super) fn encode(&self, row: &[Lane], code: &mut [CodeLine]) {
        let components = self.rotated(row, true);
        code.fill(CodeLine::ZERO);
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(code);
        let mut ones = 0;
        for (at, component) in components.iter().enumerate() {
            let bit = u8::from(*component > 0.0);
            bytes[at / 8] |= bit << (at % 8);
            ones += u32::from(bit);
        }
        let squared_length: f32 = components.iter().map(|at| at * at).sum();
        let sizes: f32 = components.iter().map(|at| at.abs()).sum();
        let factor = if sizes > 0.0 { squared_length / sizes } else { 0.0 };
        let terms = Terms { squared_length, factor, ones: ones as f32, padding: 0 };
        let begin = bit_lines(row.len()) * LINE_BYTES;
        bytes[begin..begin + size_of::<Terms>()].copy_from_slice(bytemuck::bytes_of(&terms));
    }

    /// Writes the planes of a query; it counts from the centre where distances are Euclidean.
    pub(super) fn encode_query(
        &self,
        row: &[Lane],
        is_centred: bool,
        planes: &mut Vec<CodeLine>,
    ) -> BinaryQuery {
        let components = self.rotated(row, is_centred);
        let finite = || components.iter().copied().filter(|at| at.is_finite());
        let low = finite().fold(f32::INFINITY, f32::min).min(0.0);
        let high = finite().fold(f32::NEG_INFINITY, f32::max).max(0.0);
        let step = if high > low { (high - low) / STEP_MAX } else { 1.0 };
        let plane_lines = bit_lines(row.len());
        planes.clear();
        planes.resize(plane_lines * QUERY_PLANES, CodeLine::ZERO);
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(planes);
        for (at, component) in components.iter().enumerate() {
            let steps = ((component - low) / step + 0.5) as u8;
            for plane in 0..QUERY_PLANES {
                let bit = (steps.min(STEP_MAX as u8) >> plane) & 1;
                bytes[plane * plane_lines * LINE_BYTES + at / 8] |= bit << (at % 8);
            }
        }
        let squared_length = components.iter().map(|at| at * at).sum();
        BinaryQuery { squared_length, low, step, sum: components.iter().sum(), is_code: false }
    }

    /// Makes a query of a code: every plane is its bits.
    pub(super) fn query_of_code(
        code: &[CodeLine],
        row_lanes: usize,
        planes: &mut Vec<CodeLine>,
    ) -> BinaryQuery {
        let bits = &code[..bit_lines(row_lanes)];
        planes.clear();
        (0..QUERY_PLANES).for_each(|_| planes.extend_from_slice(bits));
        let terms = terms_of(code, row_lanes);
        BinaryQuery {
            squared_length: terms.squared_length,
            sum: terms.ones,
            is_code: true,
            ..BinaryQuery::default()
        }
    }
}

impl BinaryQuery {
    /// Estimates the inner product and the squared distance of the query and each row.
    pub(super) fn estimate(
        &self,
        planes: &[CodeLine],
        rows: &[&[CodeLine]],
        row_lanes: usize,
        measures: &mut [i32],
        mut put: impl FnMut(usize, f32, f32),
    ) {
        (code_kernel::fastest().bits)(planes, rows, measures);
        let bit_count = (row_lanes * LANE_WIDTH) as f32;
        for (at, (row, &measure)) in rows.iter().zip(&*measures).enumerate() {
            let terms = terms_of(row, row_lanes);
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

fn bit_lines(row_lanes: usize) -> usize {
    lines_of((row_lanes * LANE_WIDTH).div_ceil(8))
}

fn terms_of(code: &[CodeLine], row_lanes: usize) -> Terms {
    let line = &code[bit_lines(row_lanes)].0;
    bytemuck::pod_read_unaligned(&line[..size_of::<Terms>()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lane::push_row;

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
        let coder = BinaryCoder::new(vec![Lane([0.0; 16]); query.len()]);
        let mut code = vec![CodeLine::ZERO; BinaryCoder::code_lines(query.len())];
        coder.encode(&vector, &mut code);
        let pairs = || query.iter().flat_map(|at| at.0).zip(vector.iter().flat_map(|at| at.0));
        let dot: f32 = pairs().map(|(a, b)| a * b).sum();
        let apart: f32 = pairs().map(|(a, b)| (a - b) * (a - b)).sum();
        let mut planes = Vec::new();
        let asked = coder.encode_query(&query, true, &mut planes);
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
