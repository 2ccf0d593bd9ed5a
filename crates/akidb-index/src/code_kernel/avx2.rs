//! Kernels for x86-64 with AVX2: bytes are widened before they are multiplied, so that no sum of
//! two products is cut off at 16 bits.
#![expect(unsafe_code, reason = "vector loads and calls behind a check of the CPU")]

use std::arch::x86_64::{
    __m128i, __m256i, _mm_add_epi32, _mm_cvtsi128_si32, _mm_load_si128, _mm_shuffle_epi32,
    _mm256_add_epi32, _mm256_castsi256_si128, _mm256_cvtepi8_epi16, _mm256_cvtepu8_epi16,
    _mm256_extracti128_si256, _mm256_madd_epi16, _mm256_setzero_si256,
};

use super::{CodeKernels, QUERY_PLANES, assert_run, assert_shapes, scalar};
use crate::code_line::CodeLine;

/// Quarters of a line, of 16 bytes each.
const QUARTERS: usize = 4;

/// The kernels, if this machine has the instructions.
pub(super) fn detect() -> Option<CodeKernels> {
    (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt"))
        .then_some(CodeKernels { name: "avx2", dot, bits, bits_in_a_row, bounds: scalar::bounds })
}

fn dot(query: &[CodeLine], rows: &[&[CodeLine]], measures: &mut [i32]) {
    assert_shapes(query.len(), rows, measures);
    // SAFETY: only `detect` gives this function away, and only where AVX2 exists.
    unsafe { dot_rows(query, rows, measures) }
}

fn bits(query: &[CodeLine], rows: &[&[CodeLine]], measures: &mut [i32]) {
    assert_shapes(query.len() / QUERY_PLANES, rows, measures);
    // SAFETY: only `detect` gives this function away, and only where POPCNT exists.
    unsafe { bits_rows(query, rows.iter().copied(), measures) }
}

fn bits_in_a_row(query: &[CodeLine], rows: &[CodeLine], row_lines: usize, measures: &mut [i32]) {
    assert_run(query.len() / QUERY_PLANES, rows, row_lines, measures);
    // SAFETY: only `detect` gives this function away, and only where POPCNT exists.
    unsafe { bits_rows(query, rows.chunks_exact(row_lines.max(1)), measures) }
}

#[target_feature(enable = "avx2")]
fn dot_rows(query: &[CodeLine], rows: &[&[CodeLine]], measures: &mut [i32]) {
    for (measure, row) in measures.iter_mut().zip(rows) {
        let mut sums = [_mm256_setzero_si256(); QUARTERS];
        for (query, row) in query.iter().zip(*row) {
            for (quarter, sum) in sums.iter_mut().enumerate() {
                let query = _mm256_cvtepi8_epi16(load(query, quarter));
                let row = _mm256_cvtepu8_epi16(load(row, quarter));
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(query, row));
            }
        }
        *measure = total(sums);
    }
}

#[target_feature(enable = "popcnt")]
fn bits_rows<'a>(
    query: &[CodeLine],
    rows: impl Iterator<Item = &'a [CodeLine]>,
    measures: &mut [i32],
) {
    scalar::measure_bits(query, rows, measures);
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(line: &CodeLine, quarter: usize) -> __m128i {
    let (quarters, _) = line.0.as_chunks::<16>();
    // SAFETY: each quarter of a line is 16 bytes, aligned to 16.
    unsafe { _mm_load_si128(quarters[quarter].as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn total(sums: [__m256i; QUARTERS]) -> i32 {
    let [a, b, c, d] = sums;
    let eight = _mm256_add_epi32(_mm256_add_epi32(a, b), _mm256_add_epi32(c, d));
    let four = _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256::<1>(eight));
    let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b00_00_11_10>(four));
    _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<0b00_00_00_01>(two)))
}
