//! The reference: plain Rust, for machines without wider instructions and to test the others by.

use super::{CodeKernels, QUERY_PLANES, assert_shapes};
use crate::code_line::CodeLine;

pub(super) const KERNELS: CodeKernels = CodeKernels { name: "scalar", dot, squared_l2, bits };

fn dot(query: &[CodeLine], rows: &[&[CodeLine]], measures: &mut [i32]) {
    sum_terms(query, rows, measures, |query, row| i32::from(query.cast_signed()) * i32::from(row));
}

fn squared_l2(query: &[CodeLine], rows: &[&[CodeLine]], measures: &mut [i32]) {
    sum_terms(query, rows, measures, |query, row| {
        let apart = i32::from(query) - i32::from(row);
        apart * apart
    });
}

#[inline(always)]
fn sum_terms(
    query: &[CodeLine],
    rows: &[&[CodeLine]],
    measures: &mut [i32],
    term: impl Fn(u8, u8) -> i32,
) {
    assert_shapes(query.len(), rows, measures);
    for (measure, row) in measures.iter_mut().zip(rows) {
        let pairs = query.iter().flat_map(|line| line.0).zip(row.iter().flat_map(|line| line.0));
        *measure = pairs.map(|(query, row)| term(query, row)).sum();
    }
}

pub(super) fn bits(query: &[CodeLine], rows: &[&[CodeLine]], measures: &mut [i32]) {
    let plane_lines = query.len() / QUERY_PLANES;
    assert_shapes(plane_lines, rows, measures);
    if plane_lines == 0 {
        return measures.fill(0);
    }
    for (measure, row) in measures.iter_mut().zip(rows) {
        let planes = query.chunks_exact(plane_lines).enumerate();
        *measure = planes.map(|(plane, lines)| shared_bits(lines, row) << plane).sum();
    }
}

#[inline(always)]
pub(super) fn shared_bits(plane: &[CodeLine], row: &[CodeLine]) -> i32 {
    let words = |lines: &CodeLine| -> [u64; 8] { bytemuck::cast(*lines) };
    let mut shared = 0;
    for (plane, row) in plane.iter().zip(row) {
        for (plane, row) in words(plane).into_iter().zip(words(row)) {
            shared += (plane & row).count_ones();
        }
    }
    shared.cast_signed()
}
