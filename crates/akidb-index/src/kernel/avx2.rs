//! Kernels for x86-64 with AVX2 and FMA: two instructions for a line.
#![expect(unsafe_code, reason = "vector loads and calls behind a check of the CPU")]

use std::arch::x86_64::{
    __m256, _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_movehdup_ps, _mm_movehl_ps, _mm256_add_ps,
    _mm256_castps256_ps128, _mm256_extractf128_ps, _mm256_fmadd_ps, _mm256_load_ps,
    _mm256_setzero_ps, _mm256_sub_ps,
};

use super::{Kernels, assert_shapes};
use crate::vector_line::VectorLine;

/// Lines added up side by side within a row, to hide the latency of one addition.
const GROUP: usize = 2;

/// The kernels, if this machine has the instructions.
pub(super) fn detect() -> Option<Kernels> {
    (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Kernels {
        name: "avx2",
        dot,
        squared_l2,
    })
}

fn dot(query: &[VectorLine], rows: &[&[VectorLine]], measures: &mut [f32]) {
    assert_shapes(query, rows, measures);
    // SAFETY: only `detect` gives this function away, and only where AVX2 and FMA exist.
    unsafe { dot_rows(query, rows, measures) }
}

fn squared_l2(query: &[VectorLine], rows: &[&[VectorLine]], measures: &mut [f32]) {
    assert_shapes(query, rows, measures);
    // SAFETY: only `detect` gives this function away, and only where AVX2 and FMA exist.
    unsafe { squared_l2_rows(query, rows, measures) }
}

#[target_feature(enable = "avx2,fma")]
fn dot_rows(query: &[VectorLine], rows: &[&[VectorLine]], measures: &mut [f32]) {
    for (measure, row) in measures.iter_mut().zip(rows) {
        let (query_groups, query_rest) = query.as_chunks::<GROUP>();
        let (row_groups, row_rest) = row.as_chunks::<GROUP>();
        let mut sums = [[_mm256_setzero_ps(); 2]; GROUP];
        for (query, row) in query_groups.iter().zip(row_groups) {
            for (sum, (query, row)) in sums.iter_mut().zip(query.iter().zip(row)) {
                *sum = add_products(*sum, query, row);
            }
        }
        for (query, row) in query_rest.iter().zip(row_rest) {
            sums[0] = add_products(sums[0], query, row);
        }
        *measure = total(sums);
    }
}

#[target_feature(enable = "avx2,fma")]
fn squared_l2_rows(query: &[VectorLine], rows: &[&[VectorLine]], measures: &mut [f32]) {
    for (measure, row) in measures.iter_mut().zip(rows) {
        let (query_groups, query_rest) = query.as_chunks::<GROUP>();
        let (row_groups, row_rest) = row.as_chunks::<GROUP>();
        let mut sums = [[_mm256_setzero_ps(); 2]; GROUP];
        for (query, row) in query_groups.iter().zip(row_groups) {
            for (sum, (query, row)) in sums.iter_mut().zip(query.iter().zip(row)) {
                *sum = add_squares(*sum, query, row);
            }
        }
        for (query, row) in query_rest.iter().zip(row_rest) {
            sums[0] = add_squares(sums[0], query, row);
        }
        *measure = total(sums);
    }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn add_products(sums: [__m256; 2], query: &VectorLine, row: &VectorLine) -> [__m256; 2] {
    let (query, row) = (load(query), load(row));
    [_mm256_fmadd_ps(query[0], row[0], sums[0]), _mm256_fmadd_ps(query[1], row[1], sums[1])]
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn add_squares(sums: [__m256; 2], query: &VectorLine, row: &VectorLine) -> [__m256; 2] {
    let (query, row) = (load(query), load(row));
    let apart = [_mm256_sub_ps(query[0], row[0]), _mm256_sub_ps(query[1], row[1])];
    [_mm256_fmadd_ps(apart[0], apart[0], sums[0]), _mm256_fmadd_ps(apart[1], apart[1], sums[1])]
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn load(line: &VectorLine) -> [__m256; 2] {
    let (halves, _) = line.0.as_chunks::<8>();
    // SAFETY: a line is two halves of 8 components, aligned to 64 bytes, so each half to 32.
    unsafe { [_mm256_load_ps(halves[0].as_ptr()), _mm256_load_ps(halves[1].as_ptr())] }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn total(sums: [[__m256; 2]; GROUP]) -> f32 {
    let [[a, b], [c, d]] = sums;
    let eight = _mm256_add_ps(_mm256_add_ps(a, b), _mm256_add_ps(c, d));
    let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
}
