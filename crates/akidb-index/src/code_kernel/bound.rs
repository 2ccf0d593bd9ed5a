//! Bounds of distances from what a kernel measured of the bits of sketches.

use crate::code_line::CodeLine;

/// What stands behind the bits of a code.
#[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(crate) struct Terms {
    /// The squared length.
    pub(crate) squared_length: f32,
    /// The inner product with a query is this times the sum of its components by their signs.
    pub(crate) factor: f32,
    /// The bits that are set.
    pub(crate) ones: f32,
    /// The standard deviation of the estimated inner product with a query of length 1.
    pub(crate) error: f32,
}

/// A bound of the distance is `base + of_squared_length * squared_length - factor *
/// (of_ones * ones + of_measure * measure + constant) - of_error * error`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bound {
    pub(crate) base: f32,
    pub(crate) of_squared_length: f32,
    pub(crate) of_ones: f32,
    pub(crate) of_measure: f32,
    pub(crate) constant: f32,
    pub(crate) of_error: f32,
}

/// Codes that lie one behind the other.
#[derive(Clone, Copy)]
pub(crate) struct CodeRun<'a> {
    pub(crate) rows: &'a [CodeLine],
    /// Lines of a code.
    pub(crate) row_lines: usize,
    /// Where in a code its terms begin, in bytes.
    pub(crate) terms_at: usize,
}

impl Terms {
    pub(crate) const BYTES: usize = size_of::<Self>();

    /// The terms of a code, which begin at byte `at`.
    #[inline(always)]
    pub(crate) fn of(code: &[CodeLine], at: usize) -> Self {
        let bytes: &[u8] = bytemuck::cast_slice(code);
        bytemuck::pod_read_unaligned(&bytes[at..at + Self::BYTES])
    }
}

impl Bound {
    /// The bound of the vector of a code, of which a kernel has measured the bits.
    #[inline(always)]
    pub(crate) fn of(&self, terms: Terms, measure: i32) -> f32 {
        let product = self.of_ones * terms.ones + self.of_measure * measure as f32 + self.constant;
        self.base + self.of_squared_length * terms.squared_length
            - terms.factor * product
            - self.of_error * terms.error
    }
}

/// The reference, for all rows from one on.
pub(super) fn bounds_from(
    first: usize,
    bound: &Bound,
    run: CodeRun<'_>,
    measures: &[i32],
    bounds: &mut [f32],
) {
    let rows = run.rows.chunks_exact(run.row_lines.max(1)).skip(first);
    for ((row, &measure), to) in rows.zip(&measures[first..]).zip(&mut bounds[first..]) {
        *to = bound.of(Terms::of(row, run.terms_at), measure);
    }
}

/// Asserts what [`MeasureBounds`](super::MeasureBounds) demands.
pub(super) fn assert_bounds(run: CodeRun<'_>, measures: &[i32], bounds: &[f32]) {
    super::assert_run(0, run.rows, run.row_lines, measures);
    assert_eq!(measures.len(), bounds.len(), "one bound for each measure");
    assert!(run.terms_at + Terms::BYTES <= run.row_lines * size_of::<CodeLine>(), "terms in a row");
}
