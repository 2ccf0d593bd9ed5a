//! Codes of one byte a component, with a scale of its own for every row.
//!
//! A row counts from the center, is rotated where single columns dominate, and its components
//! become `round(component / scale)`, stored plus 128, with the scale that makes its largest one
//! 127: no component is cut off, and no row costs another its precision. Products of codes stay
//! exact whole numbers; scales multiply after.
//!
//! Beside the code stand the scale and a term of the distance. Under the Euclidean and the cosine
//! distance the term is the squared length of what the code stands for. It is not that of the row
//! itself: a distance between two codes then is off by no more than their rounding times how far
//! they are apart, and by nothing at all where they are equal, whereas lengths of rows would leave
//! in it the rounding times how far they are from the center. Under the inner product the term is
//! the exact product of the center and the row.

use akidb_core::Metric;
use bytemuck::{Pod, Zeroable};

use super::rotation::Rotation;
use crate::{
    code_kernel,
    code_line::{CodeLine, LINE_BYTES, lines_of},
    vector_line::{LINE_WIDTH, VectorLine},
};

/// What a stored byte means 0.
pub(super) const ZERO_CODE: u8 = 128;

/// The largest size of a component in steps of the scale.
const STEPS_MAX: f32 = 127.0;

/// Bytes that a kernel multiplies those of a code by, to add them up.
static ONES: [CodeLine; 128] = [CodeLine([1; LINE_BYTES]); 128];

/// How vectors of one graph become codes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Int8Coder {
    metric: Metric,
    /// Subtracted from each row, padded to lines; empty for the origin.
    center: Vec<VectorLine>,
    /// Its squared length.
    center_squared: f64,
    rotation: Option<Rotation>,
}

/// What stands beside the code of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub(super) struct RowTerms {
    /// What one step of the code is worth; positive and finite.
    pub(super) scale: f32,
    /// The part of a distance that is the row's alone.
    pub(super) term: f32,
}

/// A vector over codes: its distance to a row is
/// `base + weight * term + scale * (slope * (product - bias))`, of the row's `term` and `scale`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PreparedInt8 {
    /// What the zero of stored bytes adds to a product.
    bias: i32,
    base: f32,
    weight: f32,
    slope: f32,
    /// Of its own code.
    scale: f32,
}

impl Int8Coder {
    /// Rows count from the center, or from the origin where it is empty.
    pub(super) fn new(metric: Metric, center: Vec<VectorLine>, rotation: Option<Rotation>) -> Self {
        let center_squared = dot(&center, &center);
        Self { metric, center, center_squared, rotation }
    }

    pub(super) fn center(&self) -> &[VectorLine] {
        &self.center
    }

    pub(super) fn is_rotated(&self) -> bool {
        self.rotation.is_some()
    }

    /// Lines of the code of a row of `row_lines`.
    pub(super) fn code_lines(row_lines: usize) -> usize {
        lines_of(row_lines * LINE_WIDTH)
    }

    /// Writes the code of a row. `components` is memory to work in.
    pub(super) fn encode(
        &self,
        row: &[VectorLine],
        code: &mut [CodeLine],
        components: &mut Vec<f32>,
    ) -> RowTerms {
        self.place(row, 1.0, components);
        let scale = write_code(components, code);
        let term = match self.metric {
            Metric::L2 => squared_length(code, scale),
            Metric::Cosine => 0.5 * squared_length(code, scale),
            Metric::Dot if self.center.is_empty() => 0.0,
            Metric::Dot => (self.center_squared - dot(&self.center, row)) as f32,
        };
        RowTerms { scale, term }
    }

    /// Writes the code of a query, as signed bytes.
    pub(super) fn encode_query(
        &self,
        row: &[VectorLine],
        code: &mut [CodeLine],
        components: &mut Vec<f32>,
    ) -> PreparedInt8 {
        // What a query has in common with the center is multiplied exactly; codes take the rest.
        let (product, share) = match self.metric {
            Metric::Dot if self.center_squared > 0.0 => {
                let product = dot(&self.center, row);
                (product as f32, (product / self.center_squared) as f32)
            }
            Metric::Dot => (0.0, 0.0),
            Metric::Cosine | Metric::L2 => (0.0, 1.0),
        };
        self.place(row, share, components);
        let scale = write_code(components, code);
        let (base, weight) = match self.metric {
            Metric::L2 => (squared_length(code, scale), 1.0),
            Metric::Cosine => (0.5 * squared_length(code, scale), 1.0),
            Metric::Dot => (-product, share),
        };
        to_signed(code);
        PreparedInt8 { base, weight, ..self.prepared(code, scale) }
    }

    /// Makes a query of a stored code, which becomes signed bytes.
    pub(super) fn prepared_of_code(&self, code: &mut [CodeLine], terms: RowTerms) -> PreparedInt8 {
        to_signed(code);
        let base = match self.metric {
            Metric::Cosine | Metric::L2 => terms.term,
            Metric::Dot => terms.term - self.center_squared as f32,
        };
        PreparedInt8 { base, weight: 1.0, ..self.prepared(code, terms.scale) }
    }

    fn prepared(&self, signed: &[CodeLine], scale: f32) -> PreparedInt8 {
        let slope = match self.metric {
            Metric::L2 => -2.0 * scale,
            Metric::Cosine | Metric::Dot => -scale,
        };
        let bias = i32::from(ZERO_CODE) * signed_sum(signed);
        PreparedInt8 { bias, slope, scale, ..PreparedInt8::default() }
    }

    /// How far a distance may be off, up to a factor that is the same for all rows: rounding is in
    /// proportion to the scales.
    pub(super) fn error_weight(&self, prepared: &PreparedInt8, terms: RowTerms) -> f32 {
        match self.metric {
            Metric::Cosine | Metric::L2 => prepared.scale + terms.scale,
            Metric::Dot => terms.scale,
        }
    }

    /// The components of a row less `share` of the center, rotated where the codes are.
    fn place(&self, row: &[VectorLine], share: f32, components: &mut Vec<f32>) {
        components.clear();
        components.extend_from_slice(bytemuck::cast_slice(row));
        let center: &[f32] = bytemuck::cast_slice(&self.center);
        components.iter_mut().zip(center).for_each(|(at, center)| *at -= share * center);
        if let Some(rotation) = &self.rotation {
            rotation.rotate(components);
        }
    }
}

impl PreparedInt8 {
    /// The distance to each row by the product that a kernel measured. Between equal codes it is 0,
    /// under every metric but the inner product: each term is multiplied in the same order.
    #[inline(always)]
    pub(super) fn distances<const N: usize>(
        &self,
        products: [i32; N],
        terms: [RowTerms; N],
    ) -> [f32; N] {
        std::array::from_fn(|at| {
            let product = self.slope * (products[at] - self.bias) as f32;
            self.base + self.weight * terms[at].term + terms[at].scale * product
        })
    }
}

/// Writes components as stored bytes, and returns what one step is worth.
fn write_code(components: &[f32], code: &mut [CodeLine]) -> f32 {
    let mut sizes = [0.0_f32; LINE_WIDTH];
    let (lines, _) = components.as_chunks::<LINE_WIDTH>();
    for line in lines {
        for (largest, size) in sizes.iter_mut().zip(line.map(f32::abs)) {
            let is_larger = size > *largest && size < f32::INFINITY;
            *largest = if is_larger { size } else { *largest };
        }
    }
    let largest = sizes.into_iter().fold(0.0, f32::max);
    let scale = if largest > 0.0 { bounded(largest / STEPS_MAX) } else { 1.0 };
    let inverse = scale.recip();
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(code);
    let (codes, padding) = bytes.split_at_mut(components.len());
    padding.fill(ZERO_CODE);
    for (line, codes) in lines.iter().zip(codes.as_chunks_mut::<LINE_WIDTH>().0) {
        *codes = line.map(|component| to_code(component * inverse));
    }
    scale
}

/// The squared length of what a stored code stands for, multiplied as distances are.
fn squared_length(code: &[CodeLine], scale: f32) -> f32 {
    let squares = code.iter().map(|line| {
        let square = |&byte: &u8| {
            let steps = i32::from(i16::from(byte) - i16::from(ZERO_CODE));
            steps * steps
        };
        line.0.iter().map(square).sum::<i32>()
    });
    scale * (scale * squares.sum::<i32>() as f32)
}

/// The inner product of two rows; 0 where one is empty.
fn dot(a: &[VectorLine], b: &[VectorLine]) -> f64 {
    let mut sums = [0.0_f64; LINE_WIDTH];
    for (a, b) in a.iter().zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.0.iter().zip(b.0)) {
            *sum += f64::from(*a) * f64::from(b);
        }
    }
    sums.iter().sum()
}

/// A scale near the given one that no sum of products overflows or vanishes with.
fn bounded(scale: f32) -> f32 {
    scale.clamp(1e-18, 1e14)
}

/// Turns stored bytes into signed ones.
fn to_signed(code: &mut [CodeLine]) {
    for line in code {
        line.0.iter_mut().for_each(|byte| *byte ^= ZERO_CODE);
    }
}

/// The sum of signed bytes.
fn signed_sum(code: &[CodeLine]) -> i32 {
    let sum = |lines: &[CodeLine]| {
        let mut sum = [0];
        (code_kernel::fastest().dot)(lines, &[&ONES], &mut sum);
        sum[0]
    };
    code.chunks(ONES.len()).map(sum).sum()
}

/// The nearest step, plus 128. A component that is not a number becomes the lowest.
#[inline(always)]
fn to_code(steps: f32) -> u8 {
    // Where one step is the last place of a number, adding rounds, and the lowest byte is the code.
    const ROUNDING: f32 = (1 << 23) as f32;
    (steps.clamp(-STEPS_MAX, STEPS_MAX) + (ROUNDING + f32::from(ZERO_CODE))).to_bits() as u8
}

/// The median of each component, which a few extreme vectors do not move.
pub(super) fn medians(rows: &[&[VectorLine]]) -> Vec<VectorLine> {
    let mut column = Vec::with_capacity(rows.len());
    let mut median = |at: usize, place: usize| {
        column.clear();
        column.extend(rows.iter().map(|row| row[at].0[place]).filter(|value| value.is_finite()));
        let middle = column.len() / 2;
        if column.is_empty() {
            return 0.0;
        }
        *column.select_nth_unstable_by(middle, f32::total_cmp).1
    };
    let row_lines = rows.first().map_or(0, |row| row.len());
    (0..row_lines).map(|at| VectorLine(std::array::from_fn(|place| median(at, place)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(components: impl IntoIterator<Item = f32>) -> Vec<VectorLine> {
        let mut rows = Vec::new();
        let components: Vec<f32> = components.into_iter().collect();
        crate::vector_line::push_row(&mut rows, &components, 1.0);
        rows
    }

    fn encoded(coder: &Int8Coder, row: &[VectorLine]) -> (Vec<CodeLine>, RowTerms) {
        let mut code = vec![CodeLine::ZERO; Int8Coder::code_lines(row.len())];
        let terms = coder.encode(row, &mut code, &mut Vec::new());
        (code, terms)
    }

    /// The distance that a code gives.
    fn distance(coder: &Int8Coder, query: &[VectorLine], row: &[VectorLine]) -> f32 {
        let mut asked = vec![CodeLine::ZERO; Int8Coder::code_lines(row.len())];
        let prepared = coder.encode_query(query, &mut asked, &mut Vec::new());
        let (code, terms) = encoded(coder, row);
        distance_of(prepared, product(&asked, &code), terms)
    }

    fn distance_of(prepared: PreparedInt8, product: i32, terms: RowTerms) -> f32 {
        prepared.distances([product], [terms])[0]
    }

    fn product(asked: &[CodeLine], code: &[CodeLine]) -> i32 {
        let pairs = asked.iter().flat_map(|it| it.0).zip(code.iter().flat_map(|it| it.0));
        pairs.map(|(a, b)| i32::from(a.cast_signed()) * i32::from(b)).sum()
    }

    fn exact(metric: Metric, query: &[VectorLine], row: &[VectorLine]) -> f64 {
        let product = dot(query, row);
        match metric {
            Metric::Cosine => 1.0 - product,
            Metric::Dot => -product,
            Metric::L2 => dot(query, query) + dot(row, row) - 2.0 * product,
        }
    }

    #[test]
    fn codes_are_the_nearest_steps_of_the_rows_own_scale() {
        let coder = Int8Coder::new(Metric::L2, Vec::new(), None);
        let row = row([0.0, 0.5, -0.5, 0.24, 0.26, 63.5, -63.5, f32::INFINITY]);
        let (code, terms) = encoded(&coder, &row);
        assert_eq!(terms.scale, 0.5);
        assert_eq!(code[0].0[..8], [128, 129, 127, 128, 129, 255, 1, 255]);
        assert!(code[0].0[8..].iter().all(|&padding| padding == ZERO_CODE));
        let zero = encoded(&coder, &super::tests::row([0.0; 5])).1;
        assert_eq!((zero.scale, zero.term), (1.0, 0.0));
    }

    #[test]
    fn distances_are_near_the_truth_whatever_center_and_rotation_are() {
        let component = |seed: usize, at: usize| 5.0 + ((seed * 31 + at * at) % 17) as f32 * 0.01;
        let unit = |row: Vec<VectorLine>| {
            let length = dot(&row, &row).sqrt() as f32;
            row.iter().map(|line| VectorLine(line.0.map(|at| at / length))).collect::<Vec<_>>()
        };
        for metric in Metric::ALL {
            let made = |seed: usize| {
                let row = row((0..40).map(|at| component(seed, at)));
                if metric == Metric::Cosine { unit(row) } else { row }
            };
            let (query, near, center) = (made(1), made(2), made(3));
            for rotation in [None, Some(Rotation::new(48))] {
                let coder = Int8Coder::new(metric, center.clone(), rotation);
                let (given, truth) =
                    (distance(&coder, &query, &near), exact(metric, &query, &near));
                let (a, b) =
                    (exact(Metric::L2, &query, &center), exact(Metric::L2, &near, &center));
                let off = (f64::from(given) - truth).abs();
                assert!(off < 0.02 * (a * b).sqrt() + 1e-5, "{metric}: {given} for {truth}");
            }
        }
    }

    #[test]
    fn equal_codes_are_at_no_distance() {
        for metric in [Metric::Cosine, Metric::L2] {
            let coder = Int8Coder::new(metric, row((0..20).map(|at| at as f32 * 0.3)), None);
            for seed in 0..50 {
                let row = row((0..20).map(|at| ((seed * 13 + at * 7) % 29) as f32 * 0.77));
                let (mut code, terms) = encoded(&coder, &row);
                let stored = code.clone();
                let prepared = coder.prepared_of_code(&mut code, terms);
                assert_eq!(distance_of(prepared, product(&code, &stored), terms), 0.0);
                assert_eq!(distance(&coder, &row, &row), 0.0);
            }
        }
    }

    #[test]
    fn medians_are_not_moved_by_a_few_rows() {
        let mut rows: Vec<Vec<VectorLine>> =
            (0..200).map(|seed| row((0..20).map(|at| 1e4 + ((seed + at) % 10) as f32))).collect();
        rows[7] = row([1e30; 20]);
        let rows: Vec<&[VectorLine]> = rows.iter().map(Vec::as_slice).collect();
        let center = medians(&rows);
        assert!(center[0].0.iter().all(|at| (at - 1e4).abs() < 10.0));
        assert!(center[1].0[4..].iter().all(|&padding| padding == 0.0));
    }
}
