//! Kernels for x86-64 with AVX-512 and its VNNI and VPOPCNTDQ: one instruction for a line.
#![expect(unsafe_code, reason = "vector loads and calls behind a check of the CPU")]

use std::arch::x86_64::{
    __m512, __m512i, _mm_add_epi32, _mm_loadu_ps, _mm_storeu_si128, _mm256_add_epi32,
    _mm256_castsi256_si128, _mm256_extracti128_si256, _mm256_storeu_si256, _mm512_add_epi32,
    _mm512_add_epi64, _mm512_add_ps, _mm512_and_si512, _mm512_castpd_ps, _mm512_castps_pd,
    _mm512_castps128_ps512, _mm512_castsi512_si256, _mm512_cvtepi32_ps, _mm512_cvtepi64_epi32,
    _mm512_dpbusd_epi32, _mm512_extracti64x4_epi64, _mm512_insertf32x4, _mm512_load_si512,
    _mm512_loadu_si512, _mm512_mul_ps, _mm512_popcnt_epi64, _mm512_reduce_add_epi32,
    _mm512_reduce_add_epi64, _mm512_set1_ps, _mm512_setzero_si512, _mm512_shuffle_i64x2,
    _mm512_slli_epi64, _mm512_storeu_ps, _mm512_sub_ps, _mm512_unpackhi_epi32,
    _mm512_unpackhi_epi64, _mm512_unpackhi_pd, _mm512_unpackhi_ps, _mm512_unpacklo_epi32,
    _mm512_unpacklo_epi64, _mm512_unpacklo_pd, _mm512_unpacklo_ps,
};

use super::{
    Bound, CodeKernels, CodeRun, QUERY_PLANES, Terms, assert_run, assert_shapes,
    bound::{assert_bounds, bounds_from},
};
use crate::code_line::{CodeLine, LINE_BYTES};

/// The kernels, if this machine has the instructions.
pub(super) fn detect() -> Option<CodeKernels> {
    (is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vnni")
        && is_x86_feature_detected!("avx512vpopcntdq"))
    .then_some(CodeKernels { name: "avx512vnni", dot, bits, bits_in_a_row, bounds })
}

fn dot(query: &[CodeLine], rows: &[&[CodeLine]], measures: &mut [i32]) {
    assert_shapes(query.len(), rows, measures);
    // SAFETY: only `detect` gives this function away, and only where the instructions exist.
    unsafe { dot_rows(query, rows, measures) }
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
    let (fours, rest) = rows.as_chunks::<4>();
    let (of_fours, of_rest) = measures.as_chunks_mut::<4>();
    for ([a, b, c, d], measures) in fours.iter().zip(of_fours) {
        *measures = totals_of_four([
            products(query, a),
            products(query, b),
            products(query, c),
            products(query, d),
        ]);
    }
    for (measure, row) in of_rest.iter_mut().zip(rest) {
        *measure = _mm512_reduce_add_epi32(products(query, row));
    }
}

/// Sixteen sums of products, which add up to that of the row.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn products(query: &[CodeLine], row: &[CodeLine]) -> __m512i {
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
    _mm512_add_epi32(sums[0], sums[1])
}

/// The sum of the numbers of each of four registers: turned four by four, so that one addition adds
/// up for all of them.
#[inline]
#[target_feature(enable = "avx512f")]
fn totals_of_four([a, b, c, d]: [__m512i; 4]) -> [i32; 4] {
    let pair = |a, b| _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let (ab, cd) = (pair(a, b), pair(c, d));
    let all = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    let half = _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64::<1>(all));
    let sums = _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256::<1>(half));
    let mut totals = [0; 4];
    // SAFETY: four numbers of 32 bits are the 16 bytes written, which need no alignment here.
    unsafe { _mm_storeu_si128(totals.as_mut_ptr().cast(), sums) };
    totals
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
        let mut rows = rows;
        for measures in measures.chunks_mut(8) {
            let mut sums = [_mm512_setzero_si512(); 8];
            for (sum, row) in sums.iter_mut().take(measures.len()).zip(rows.by_ref()) {
                let row = load(&row[0]);
                *sum = weighted(planes.map(|plane| shared_bits(plane, row)));
            }
            measures.copy_from_slice(&totals(sums)[..measures.len()]);
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
        *measure = _mm512_reduce_add_epi64(weighted(sums)) as i32;
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
fn weighted([ones, twos, fours, eights]: [__m512i; QUERY_PLANES]) -> __m512i {
    let low = _mm512_add_epi64(ones, _mm512_slli_epi64::<1>(twos));
    let high = _mm512_add_epi64(fours, _mm512_slli_epi64::<1>(eights));
    _mm512_add_epi64(low, _mm512_slli_epi64::<2>(high))
}

/// The sum of the numbers of each of eight registers.
#[inline]
#[target_feature(enable = "avx512f")]
fn totals(registers: [__m512i; 8]) -> [i32; 8] {
    let [a, b, c, d, e, f, g, h] = registers;
    let pair = |a, b| _mm512_add_epi64(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
    let halve = |a, b| {
        let (even, odd) = (_mm512_shuffle_i64x2::<0x88>(a, b), _mm512_shuffle_i64x2::<0xDD>(a, b));
        _mm512_add_epi64(even, odd)
    };
    let (low, high) = (halve(pair(a, b), pair(c, d)), halve(pair(e, f), pair(g, h)));
    let mut totals = [0; 8];
    // SAFETY: eight numbers of 32 bits are the 32 bytes written, which need no alignment here.
    unsafe {
        let totals = totals.as_mut_ptr().cast();
        _mm256_storeu_si256(totals, _mm512_cvtepi64_epi32(halve(low, high)));
    }
    totals
}

fn bounds(bound: &Bound, run: CodeRun<'_>, measures: &[i32], bounds: &mut [f32]) {
    assert_bounds(run, measures, bounds);
    // SAFETY: only `detect` gives this function away, and only where the instructions exist.
    unsafe { bounds_of_rows(bound, run, measures, bounds) }
}

#[target_feature(enable = "avx512f")]
fn bounds_of_rows(bound: &Bound, run: CodeRun<'_>, measures: &[i32], bounds: &mut [f32]) {
    let sixteens = run.rows.chunks_exact((run.row_lines * 16).max(1));
    let of_sixteens = measures.as_chunks::<16>().0.iter().zip(bounds.as_chunks_mut::<16>().0);
    for (rows, (measures, bounds)) in sixteens.zip(of_sixteens) {
        let [squared_length, factor, ones, error] = terms_of_sixteen(CodeRun { rows, ..run });
        let set = _mm512_set1_ps;
        // SAFETY: sixteen numbers of 32 bits are the 64 bytes read, which need no alignment here.
        let measure = unsafe { _mm512_loadu_si512(measures.as_ptr().cast()) };
        let of_ones = _mm512_mul_ps(set(bound.of_ones), ones);
        let of_measure = _mm512_mul_ps(set(bound.of_measure), _mm512_cvtepi32_ps(measure));
        let product = _mm512_add_ps(_mm512_add_ps(of_ones, of_measure), set(bound.constant));
        let of_length = _mm512_mul_ps(set(bound.of_squared_length), squared_length);
        let distance = _mm512_sub_ps(
            _mm512_add_ps(set(bound.base), of_length),
            _mm512_mul_ps(factor, product),
        );
        let bound = _mm512_sub_ps(distance, _mm512_mul_ps(set(bound.of_error), error));
        // SAFETY: sixteen numbers of 32 bits are the 64 bytes written.
        unsafe { _mm512_storeu_ps(bounds.as_mut_ptr(), bound) };
    }
    bounds_from(measures.len() / 16 * 16, bound, run, measures, bounds);
}

/// Each of the four terms of sixteen codes, in their order.
#[inline]
#[target_feature(enable = "avx512f")]
fn terms_of_sixteen(run: CodeRun<'_>) -> [__m512; 4] {
    let bytes: &[u8] = bytemuck::cast_slice(run.rows);
    let row_bytes = run.row_lines * LINE_BYTES;
    let terms = |row: usize| {
        let begin = row * row_bytes + run.terms_at;
        // SAFETY: the terms are four numbers of 32 bits, which need no alignment here.
        unsafe { _mm_loadu_ps(bytes[begin..begin + Terms::BYTES].as_ptr().cast()) }
    };
    // Every fourth code in one register, so that turning each four by four leaves them in order.
    let every_fourth = |first: usize| {
        let two = _mm512_castps128_ps512(terms(first));
        let two = _mm512_insertf32x4::<1>(two, terms(first + 4));
        let three = _mm512_insertf32x4::<2>(two, terms(first + 8));
        _mm512_insertf32x4::<3>(three, terms(first + 12))
    };
    let [a, b, c, d] = [every_fourth(0), every_fourth(1), every_fourth(2), every_fourth(3)];
    let low = |a, b| _mm512_castps_pd(_mm512_unpacklo_ps(a, b));
    let high = |a, b| _mm512_castps_pd(_mm512_unpackhi_ps(a, b));
    let (ab, cd) = ((low(a, b), high(a, b)), (low(c, d), high(c, d)));
    [
        _mm512_castpd_ps(_mm512_unpacklo_pd(ab.0, cd.0)),
        _mm512_castpd_ps(_mm512_unpackhi_pd(ab.0, cd.0)),
        _mm512_castpd_ps(_mm512_unpacklo_pd(ab.1, cd.1)),
        _mm512_castpd_ps(_mm512_unpackhi_pd(ab.1, cd.1)),
    ]
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(line: &CodeLine) -> __m512i {
    // SAFETY: a line is 64 bytes, aligned to 64 bytes.
    unsafe { _mm512_load_si512(std::ptr::from_ref(line).cast()) }
}
