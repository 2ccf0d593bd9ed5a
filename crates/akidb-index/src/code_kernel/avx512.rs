//! Kernels for x86-64 with AVX-512 and its VNNI and VPOPCNTDQ: one instruction for a line.
#![expect(unsafe_code, reason = "vector loads and calls behind a check of the CPU")]

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_add_epi64, _mm512_and_si512, _mm512_dpbusd_epi32,
    _mm512_dpwssd_epi32, _mm512_load_si512, _mm512_popcnt_epi64, _mm512_reduce_add_epi32,
    _mm512_reduce_add_epi64, _mm512_setzero_si512, _mm512_slli_epi64, _mm512_sub_epi16,
    _mm512_unpackhi_epi8, _mm512_unpacklo_epi8,
};

use super::{CodeKernels, QUERY_PLANES, assert_run, assert_shapes};
use crate::code_line::CodeLine;

/// The kernels, if this machine has the instructions.
pub(super) fn detect() -> Option<CodeKernels> {
    (is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vnni")
        && is_x86_feature_detected!("avx512vpopcntdq"))
    .then_some(CodeKernels { name: "avx512vnni", dot, squared_l2, bits, bits_in_a_row })
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
    unsafe { bits_rows(query, rows.iter().copied(), measures) }
}

fn bits_in_a_row(query: &[CodeLine], rows: &[CodeLine], row_lines: usize, measures: &mut [i32]) {
    assert_run(query.len() / QUERY_PLANES, rows, row_lines, measures);
    // SAFETY: only `detect` gives this function away, and only where the instructions exist.
    unsafe { bits_rows(query, rows.chunks_exact(row_lines.max(1)), measures) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn dot_rows(query: &[CodeLine], rows: &[&[CodeLine]], measures: &mut [i32]) {
    for (measure, row) in measures.iter_mut().zip(rows) {
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
    for (measure, row) in measures.iter_mut().zip(rows) {
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
fn bits_rows<'a>(
    query: &[CodeLine],
    rows: impl Iterator<Item = &'a [CodeLine]>,
    measures: &mut [i32],
) {
    if let [ones, twos, fours, eights] = query {
        // The usual dimensions have one line, and the planes stay in registers.
        let planes = [load(ones), load(twos), load(fours), load(eights)];
        for (measure, row) in measures.iter_mut().zip(rows) {
            let row = load(&row[0]);
            *measure = weighted(planes.map(|plane| shared_bits(plane, row)));
        }
        return;
    }
    let plane_lines = query.len() / QUERY_PLANES;
    for (measure, row) in measures.iter_mut().zip(rows) {
        let mut sums = [_mm512_setzero_si512(); QUERY_PLANES];
        for (line_at, row) in row[..plane_lines].iter().enumerate() {
            let row = load(row);
            for (plane, sum) in sums.iter_mut().enumerate() {
                let shared = shared_bits(load(&query[plane * plane_lines + line_at]), row);
                *sum = _mm512_add_epi64(*sum, shared);
            }
        }
        *measure = weighted(sums);
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512vpopcntdq")]
fn shared_bits(plane: __m512i, row: __m512i) -> __m512i {
    _mm512_popcnt_epi64(_mm512_and_si512(plane, row))
}

/// The sum of what each plane counts, by its weight.
#[inline]
#[target_feature(enable = "avx512f")]
fn weighted([ones, twos, fours, eights]: [__m512i; QUERY_PLANES]) -> i32 {
    let low = _mm512_add_epi64(ones, _mm512_slli_epi64::<1>(twos));
    let high = _mm512_add_epi64(fours, _mm512_slli_epi64::<1>(eights));
    _mm512_reduce_add_epi64(_mm512_add_epi64(low, _mm512_slli_epi64::<2>(high))) as i32
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(line: &CodeLine) -> __m512i {
    // SAFETY: a line is 64 bytes, aligned to 64 bytes.
    unsafe { _mm512_load_si512(std::ptr::from_ref(line).cast()) }
}
