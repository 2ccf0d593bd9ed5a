//! The reference: plain Rust, for machines without wider instructions and to test the others by.

use super::{Kernels, assert_shapes};
use crate::vector_line::{LINE_WIDTH, VectorLine};

pub(super) const KERNELS: Kernels = Kernels { name: "scalar", dot, squared_l2 };

fn dot(query: &[VectorLine], rows: &[&[VectorLine]], measures: &mut [f32]) {
    score_rows(query, rows, measures, |query, row| query * row);
}

fn squared_l2(query: &[VectorLine], rows: &[&[VectorLine]], measures: &mut [f32]) {
    score_rows(query, rows, measures, |query, row| (query - row) * (query - row));
}

/// Adds up `term` over the components of each row, in a sum for each place of the line.
#[inline(always)]
fn score_rows(
    query: &[VectorLine],
    rows: &[&[VectorLine]],
    measures: &mut [f32],
    term: impl Fn(f32, f32) -> f32,
) {
    assert_shapes(query, rows, measures);
    for (measure, row) in measures.iter_mut().zip(rows) {
        let mut sums = [0.0; LINE_WIDTH];
        for (query_line, row_line) in query.iter().zip(*row) {
            for ((sum, &query), &row) in sums.iter_mut().zip(&query_line.0).zip(&row_line.0) {
                *sum += term(query, row);
            }
        }
        *measure = sums.iter().sum();
    }
}
