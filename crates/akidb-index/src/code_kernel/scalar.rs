//! The reference: plain Rust, for machines without wider instructions and to test the others by.

use super::{
    Bound, CodeKernels, CodeRun, QUERY_PLANES, assert_run, assert_shapes,
    bound::{assert_bounds, bounds_from},
};
use crate::code_line::CodeLine;

pub(super) const KERNELS: CodeKernels =
    CodeKernels { name: "scalar", dot, bits, bits_in_a_row, bounds };

fn dot(query: &[CodeLine], rows: &[&[CodeLine]], measures: &mut [i32]) {
    assert_shapes(query.len(), rows, measures);
    for (measure, row) in measures.iter_mut().zip(rows) {
        let pairs = query.iter().flat_map(|line| line.0).zip(row.iter().flat_map(|line| line.0));
        *measure = pairs.map(|(query, row)| i32::from(query.cast_signed()) * i32::from(row)).sum();
    }
}

pub(super) fn bits(query: &[CodeLine], rows: &[&[CodeLine]], measures: &mut [i32]) {
    assert_shapes(query.len() / QUERY_PLANES, rows, measures);
    measure_bits(query, rows.iter().copied(), measures);
}

pub(super) fn bits_in_a_row(
    query: &[CodeLine],
    rows: &[CodeLine],
    row_lines: usize,
    measures: &mut [i32],
) {
    assert_run(query.len() / QUERY_PLANES, rows, row_lines, measures);
    measure_bits(query, rows.chunks_exact(row_lines.max(1)), measures);
}

pub(super) fn bounds(bound: &Bound, run: CodeRun<'_>, measures: &[i32], bounds: &mut [f32]) {
    assert_bounds(run, measures, bounds);
    bounds_from(0, bound, run, measures, bounds);
}

#[inline(always)]
pub(super) fn measure_bits<'a>(
    query: &[CodeLine],
    rows: impl Iterator<Item = &'a [CodeLine]>,
    measures: &mut [i32],
) {
    let plane_lines = query.len() / QUERY_PLANES;
    if plane_lines == 0 {
        return measures.fill(0);
    }
    for (measure, row) in measures.iter_mut().zip(rows) {
        let planes = query.chunks_exact(plane_lines).enumerate();
        *measure = planes.map(|(plane, lines)| shared_bits(lines, row) << plane).sum();
    }
}

#[inline(always)]
fn shared_bits(plane: &[CodeLine], row: &[CodeLine]) -> i32 {
    let words = |lines: &CodeLine| -> [u64; 8] { bytemuck::cast(*lines) };
    let mut shared = 0;
    for (plane, row) in plane.iter().zip(row) {
        for (plane, row) in words(plane).into_iter().zip(words(row)) {
            shared += (plane & row).count_ones();
        }
    }
    shared.cast_signed()
}
