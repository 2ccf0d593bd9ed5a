//! Kernels for x86-64 with AVX-512 and its VNNI and VPOPCNTDQ: one instruction for a line.
#![expect(unsafe_code, reason = "vector loads and calls behind a check of the CPU")]

use std::arch::x86_64::{
    __m512i, _MM_HINT_T0, _mm_prefetch, _mm512_add_epi32, _mm512_add_epi64, _mm512_and_si512,
    _mm512_dpbusd_epi32, _mm512_dpwssd_epi32, _mm512_load_si512, _mm512_popcnt_epi64,
    _mm512_reduce_add_epi32, _mm512_reduce_add_epi64, _mm512_setzero_si512, _mm512_sub_epi16,
    _mm512_unpackhi_epi8, _mm512_unpacklo_epi8,
};

use super::{CodeKernels, QUERY_PLANES, assert_shapes};
use crate::code_line::CodeLine;

/// Rows fetched ahead of the one that is measured.
const FETCH_AHEAD_ROWS: usize = 4;

/// The kernels, if this machine has the instructions.
pub(super) fn detect() -> Option<CodeKernels> {
    (is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vnni")
        && is_x86_feature_detected!("avx512vpopcntdq"))
    .then_some(CodeKernels { name: "avx512vnni", dot, squared_l2, bits })
}

fn dot(query: &[CodeLine], rows: &[&[CodeLine]], measures: &mut [i32]) {
    assert_shapes(query.len(), rows, measures);
    // SAFETY: only `detect` gives this function away, and only where the instructions exist.
    unsafe { dot_rows(query, rows, measures) }
}

fn squared_l2(query: &[CodeLine], rows: &[&[CodeLine]], measures: &mut [i32]) {
    assert_shapes(query.len(), rows, measures);
    // SAFETY: only `detect` gives this function away, and only where the instructions exist.
    unsafe { squared_l2_rows(query, rows, measures) }
}

fn bits(query: &[CodeLine], rows: &[&[CodeLine]], measures: &mut [i32]) {
    assert_shapes(query.len() / QUERY_PLANES, rows, measures);
    // SAFETY: only `detect` gives this function away, and only where the instructions exist.
    unsafe { bits_rows(query, rows, measures) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn dot_rows(query: &[CodeLine], rows: &[&[CodeLine]], measures: &mut [i32]) {
    for (at, (measure, row)) in measures.iter_mut().zip(rows).enumerate() {
        fetch(rows.get(at + FETCH_AHEAD_ROWS));
        let (query_pairs, query_rest) = query.as_chunks::<2>();
        let (row_pairs, row_rest) = row[..query.len()].as_chunks::<2>();
        let mut sums = [_mm512_setzero_si512(); 2];
        for (query, row) in query_pairs.iter().zip(row_pairs) {
            sums[0] = _mm512_dpbusd_epi32(sums[0], load(&row[0]), load(&query[0]));
            sums[1] = _mm512_dpbusd_epi32(sums[1], load(&row[1]), load(&query[1]));
        }
        for (query, row) in query_rest.iter().zip(row_rest) {
            sums[0] = _mm512_dpbusd_epi32(sums[0], load(row), load(query));
        }
        *measure = _mm512_reduce_add_epi32(_mm512_add_epi32(sums[0], sums[1]));
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn squared_l2_rows(query: &[CodeLine], rows: &[&[CodeLine]], measures: &mut [i32]) {
    let zero = _mm512_setzero_si512();
    for (at, (measure, row)) in measures.iter_mut().zip(rows).enumerate() {
        fetch(rows.get(at + FETCH_AHEAD_ROWS));
        let mut sums = [zero; 2];
        for (query, row) in query.iter().zip(*row) {
            let (query, row) = (load(query), load(row));
            let low = _mm512_sub_epi16(
                _mm512_unpacklo_epi8(query, zero),
                _mm512_unpacklo_epi8(row, zero),
            );
            let high = _mm512_sub_epi16(
                _mm512_unpackhi_epi8(query, zero),
                _mm512_unpackhi_epi8(row, zero),
            );
            sums[0] = _mm512_dpwssd_epi32(sums[0], low, low);
            sums[1] = _mm512_dpwssd_epi32(sums[1], high, high);
        }
        *measure = _mm512_reduce_add_epi32(_mm512_add_epi32(sums[0], sums[1]));
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vpopcntdq")]
fn bits_rows(query: &[CodeLine], rows: &[&[CodeLine]], measures: &mut [i32]) {
    let plane_lines = query.len() / QUERY_PLANES;
    for (at, (measure, row)) in measures.iter_mut().zip(rows).enumerate() {
        fetch(rows.get(at + FETCH_AHEAD_ROWS));
        let mut sums = [_mm512_setzero_si512(); QUERY_PLANES];
        for (line_at, row) in row[..plane_lines].iter().enumerate() {
            let row = load(row);
            for (plane, sum) in sums.iter_mut().enumerate() {
                let shared = _mm512_and_si512(load(&query[plane * plane_lines + line_at]), row);
                *sum = _mm512_add_epi64(*sum, _mm512_popcnt_epi64(shared));
            }
        }
        let planes = sums.iter().enumerate();
        *measure = planes.map(|(plane, &sum)| (_mm512_reduce_add_epi64(sum) as i32) << plane).sum();
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(line: &CodeLine) -> __m512i {
    // SAFETY: a line is 64 bytes, aligned to 64 bytes.
    unsafe { _mm512_load_si512(std::ptr::from_ref(line).cast()) }
}

/// Asks for a row that is measured soon.
#[inline(always)]
fn fetch(row: Option<&&[CodeLine]>) {
    for line in row.into_iter().flat_map(|row| row.iter()) {
        // SAFETY: a prefetch of an address that is valid to read has no effect but speed.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(line).cast()) }
    }
}
