//! Kernels for x86-64 with AVX-512F: one instruction for a line.
#![expect(unsafe_code, reason = "vector loads and calls behind a check of the CPU")]

use std::arch::x86_64::{
    __m512, _mm512_add_ps, _mm512_fmadd_ps, _mm512_load_ps, _mm512_reduce_add_ps,
    _mm512_setzero_ps, _mm512_sub_ps,
};

use super::{Kernels, assert_shapes};
use crate::vector_line::VectorLine;

/// Sums that grow side by side within a row, to hide the latency of one addition.
const SUMS: usize = 4;

/// The kernels, if this machine has the instructions.
pub(super) fn detect() -> Option<Kernels> {
    is_x86_feature_detected!("avx512f").then_some(Kernels { name: "avx512f", dot, squared_l2 })
}

fn dot(query: &[VectorLine], rows: &[&[VectorLine]], measures: &mut [f32]) {
    assert_shapes(query, rows, measures);
    // SAFETY: only `detect` gives this function away, and only where AVX-512F exists.
    unsafe { dot_rows(query, rows, measures) }
}

fn squared_l2(query: &[VectorLine], rows: &[&[VectorLine]], measures: &mut [f32]) {
    assert_shapes(query, rows, measures);
    // SAFETY: only `detect` gives this function away, and only where AVX-512F exists.
    unsafe { squared_l2_rows(query, rows, measures) }
}

#[target_feature(enable = "avx512f")]
fn dot_rows(query: &[VectorLine], rows: &[&[VectorLine]], measures: &mut [f32]) {
    for (measure, row) in measures.iter_mut().zip(rows) {
        let (query_groups, query_rest) = query.as_chunks::<SUMS>();
        let (row_groups, row_rest) = row.as_chunks::<SUMS>();
        let mut sums = [_mm512_setzero_ps(); SUMS];
        for (query, row) in query_groups.iter().zip(row_groups) {
            for part in 0..SUMS {
                sums[part] = _mm512_fmadd_ps(load(&query[part]), load(&row[part]), sums[part]);
            }
        }
        for (query, row) in query_rest.iter().zip(row_rest) {
            sums[0] = _mm512_fmadd_ps(load(query), load(row), sums[0]);
        }
        *measure = total(sums);
    }
}

#[target_feature(enable = "avx512f")]
fn squared_l2_rows(query: &[VectorLine], rows: &[&[VectorLine]], measures: &mut [f32]) {
    for (measure, row) in measures.iter_mut().zip(rows) {
        let (query_groups, query_rest) = query.as_chunks::<SUMS>();
        let (row_groups, row_rest) = row.as_chunks::<SUMS>();
        let mut sums = [_mm512_setzero_ps(); SUMS];
        for (query, row) in query_groups.iter().zip(row_groups) {
            for part in 0..SUMS {
                let apart = _mm512_sub_ps(load(&query[part]), load(&row[part]));
                sums[part] = _mm512_fmadd_ps(apart, apart, sums[part]);
            }
        }
        for (query, row) in query_rest.iter().zip(row_rest) {
            let apart = _mm512_sub_ps(load(query), load(row));
            sums[0] = _mm512_fmadd_ps(apart, apart, sums[0]);
        }
        *measure = total(sums);
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(line: &VectorLine) -> __m512 {
    // SAFETY: a line is 16 components, aligned to 64 bytes.
    unsafe { _mm512_load_ps(line.0.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn total(sums: [__m512; SUMS]) -> f32 {
    let [a, b, c, d] = sums;
    _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d)))
}
