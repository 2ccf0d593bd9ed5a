//! Every kernel against sums written out, to the last bit.

use super::{Bound, CodeKernels, CodeRun, QUERY_PLANES, Terms, detected};
use crate::code_line::{CodeLine, LINE_BYTES, lines_of};

/// Bytes that differ for every seed and hold the extremes often.
fn bytes(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed * 2 + 1;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        match state >> 61 {
            0 => 0,
            1 => 255,
            2 => 128,
            3 => 127,
            _ => (state >> 40) as u8,
        }
    })
    .take(count)
    .collect()
}

fn padded(bytes: &[u8]) -> Vec<CodeLine> {
    let mut lines = vec![CodeLine::ZERO; lines_of(bytes.len())];
    bytemuck::cast_slice_mut(&mut lines)[..bytes.len()].copy_from_slice(bytes);
    lines
}

fn check(kernels: CodeKernels, dimension: usize, row_count: u64) {
    let query = bytes(0, dimension);
    let rows: Vec<Vec<u8>> = (1..=row_count).map(|seed| bytes(seed, dimension)).collect();
    let lines: Vec<Vec<CodeLine>> = rows.iter().map(|row| padded(row)).collect();
    let lines: Vec<&[CodeLine]> = lines.iter().map(Vec::as_slice).collect();
    let mut measures = vec![-1; rows.len()];
    let product = |row: &Vec<u8>| -> i64 {
        let pairs = query.iter().zip(row);
        pairs.map(|(&a, &b)| i64::from(a.cast_signed()) * i64::from(b)).sum()
    };
    let as_wide = |measures: &[i32]| measures.iter().map(|&at| i64::from(at)).collect::<Vec<_>>();

    (kernels.dot)(&padded(&query), &lines, &mut measures);
    let products: Vec<i64> = rows.iter().map(product).collect();
    assert_eq!(as_wide(&measures), products, "{} dot at {dimension}", kernels.name);
}

fn check_bits(kernels: CodeKernels, bit_count: usize) {
    let plane_bytes = bit_count.div_ceil(8);
    let planes: Vec<Vec<u8>> =
        (0..QUERY_PLANES as u64).map(|seed| bytes(seed, plane_bytes)).collect();
    let query: Vec<CodeLine> = planes.iter().flat_map(|plane| padded(plane)).collect();
    let row = bytes(9, plane_bytes);
    let mut lines = padded(&row);
    // What a row carries behind its bits must not count.
    lines.push(CodeLine([255; LINE_BYTES]));
    let mut measures = [-1; 7];
    (kernels.bits)(&query, &[lines.as_slice(); 7], &mut measures);
    let shared = |plane: &Vec<u8>| -> u32 {
        plane.iter().zip(&row).map(|(&a, &b)| (a & b).count_ones()).sum()
    };
    let expected: u32 = (0..).zip(&planes).map(|(at, plane)| shared(plane) << at).sum();
    assert_eq!(measures, [expected.cast_signed(); 7], "{} at {bit_count} bits", kernels.name);
    let mut measures = [-1; 19];
    (kernels.bits_in_a_row)(&query, &lines.repeat(19), lines.len(), &mut measures);
    assert_eq!(measures, [expected.cast_signed(); 19], "{} in a row", kernels.name);
}

#[test]
fn every_kernel_equals_the_sums_at_every_dimension() {
    for kernels in detected() {
        for dimension in (1..=257).chain([384, 768, 1_000, 1_024, 1_536, 4_096, 16_383, 16_384]) {
            check(kernels, dimension, 9);
            check_bits(kernels, dimension);
        }
    }
}

#[test]
fn every_kernel_gives_the_bounds_of_the_reference() {
    let bound = Bound {
        base: 0.7,
        of_squared_length: 1.3,
        of_ones: -0.01,
        of_measure: 0.003,
        constant: 2.5,
        of_error: 1.9,
    };
    for kernels in detected() {
        for (row_lines, terms_at, count) in [(1, 48, 32), (1, 26, 17), (2, 96, 16), (3, 160, 9)] {
            let mut rows = padded(&bytes(count as u64, count * row_lines * LINE_BYTES));
            let measures: Vec<i32> = (0..count as i32).map(|at| at * 37 - 50).collect();
            for (at, row) in rows.chunks_exact_mut(row_lines).enumerate() {
                let at = at as f32;
                let terms = Terms {
                    squared_length: 1.0 + at,
                    factor: 0.1 * at,
                    ones: 200.0 - at,
                    error: 0.01 * at,
                };
                let row: &mut [u8] = bytemuck::cast_slice_mut(row);
                row[terms_at..terms_at + Terms::BYTES].copy_from_slice(bytemuck::bytes_of(&terms));
            }
            let expected: Vec<f32> = rows
                .chunks_exact(row_lines)
                .zip(&measures)
                .map(|(row, &measure)| bound.of(Terms::of(row, terms_at), measure))
                .collect();
            let mut bounds = vec![f32::NAN; count];
            let run = CodeRun { rows: &rows, row_lines, terms_at };
            (kernels.bounds)(&bound, run, &measures, &mut bounds);
            assert_eq!(bounds, expected, "{}, {count} of {row_lines} lines", kernels.name);
        }
    }
}

#[test]
fn the_largest_sums_fit() {
    let ends = [(127, 255), (128, 255), (0, 255), (255, 0)];
    for kernels in detected() {
        for (query, row) in ends {
            let (query_lines, row_lines) = (padded(&[query; 16_384]), padded(&[row; 16_384]));
            let mut measures = [0];
            (kernels.dot)(&query_lines, &[&row_lines], &mut measures);
            let product = i32::from(query.cast_signed()) * i32::from(row);
            assert_eq!(measures, [product * 16_384], "{}", kernels.name);
        }
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let (short, long) = (padded(&[1; 64]), padded(&[1; 4 * 65]));
    for kernels in detected() {
        for kernel in [kernels.dot, kernels.bits] {
            let refused = |rows: &[&[CodeLine]], count: usize| {
                let mut measures = vec![0; count];
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    kernel(&long, rows, &mut measures);
                }))
                .is_err()
            };
            assert!(!refused(&[&long], 1), "{}", kernels.name);
            assert!(refused(&[&long], 2), "{}", kernels.name);
            assert!(refused(&[&[]], 1), "{}", kernels.name);
        }
        assert!(short.len() < long.len());
    }
}
