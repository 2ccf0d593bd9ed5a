//! Every kernel against plain sums in `f64`, which the scalar reference must meet as well.

use proptest::prelude::*;

use super::{Kernels, ScoreRows, detected, scalar};
use crate::vector_line::{VectorLine, push_row};

/// Components in `[-1, 1]`, different for every seed.
fn components(seed: u32, count: usize) -> Vec<f32> {
    let mut state = u64::from(seed) * 2 + 1;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    })
    .take(count)
    .collect()
}

fn padded(vector: &[f32]) -> Vec<VectorLine> {
    let mut row = Vec::new();
    push_row(&mut row, vector, 1.0);
    row
}

fn measure(kernel: ScoreRows, query: &[f32], vectors: &[Vec<f32>]) -> Vec<f32> {
    let rows: Vec<Vec<VectorLine>> = vectors.iter().map(|vector| padded(vector)).collect();
    let rows: Vec<&[VectorLine]> = rows.iter().map(Vec::as_slice).collect();
    let mut measures = vec![f32::NAN; rows.len()];
    kernel(&padded(query), &rows, &mut measures);
    measures
}

/// The two measures in `f64`, each with the sum of the sizes of its terms.
fn exact_measures(query: &[f32], vector: &[f32]) -> [(f64, f64); 2] {
    let pairs = || query.iter().zip(vector).map(|(&a, &b)| (f64::from(a), f64::from(b)));
    let squared_l2: f64 = pairs().map(|(a, b)| (a - b) * (a - b)).sum();
    [
        (pairs().map(|(a, b)| a * b).sum(), pairs().map(|(a, b)| (a * b).abs()).sum()),
        (squared_l2, squared_l2),
    ]
}

fn check(kernels: Kernels, dimension: usize, row_count: usize) {
    let query = components(0, dimension);
    let vectors: Vec<Vec<f32>> =
        (1..).map(|seed| components(seed, dimension)).take(row_count).collect();
    for (at, kernel) in [kernels.dot, kernels.squared_l2].into_iter().enumerate() {
        let measures = measure(kernel, &query, &vectors);
        for (vector, &measured) in vectors.iter().zip(&measures) {
            let (exact, size) = exact_measures(&query, vector)[at];
            let reference = f64::from(
                measure(
                    [scalar::KERNELS.dot, scalar::KERNELS.squared_l2][at],
                    &query,
                    std::slice::from_ref(vector),
                )[0],
            );
            // Each place of a line adds up at most one term a line, and rounds each time.
            let roundings = (dimension / 16 + 20) as f64;
            let allowed = size * roundings * f64::from(f32::EPSILON / 2.0);
            for expected in [exact, reference] {
                assert!(
                    (f64::from(measured) - expected).abs() <= allowed,
                    "{} measure {at} at dimension {dimension}: {measured} is not {expected}",
                    kernels.name
                );
            }
        }
    }
}

#[test]
fn every_kernel_agrees_with_the_reference_at_every_dimension() {
    for kernels in detected() {
        for dimension in (1..=257).chain([384, 768, 1_000, 1_024, 1_536, 4_096, 16_383, 16_384]) {
            check(kernels, dimension, 3);
        }
    }
}

#[test]
fn a_row_is_measured_alike_at_every_place_of_every_list() {
    for kernels in detected() {
        for kernel in [kernels.dot, kernels.squared_l2] {
            let query = components(0, 100);
            let vectors: Vec<Vec<f32>> = (1..40).map(|seed| components(seed, 100)).collect();
            let alone: Vec<f32> = vectors
                .iter()
                .flat_map(|vector| measure(kernel, &query, std::slice::from_ref(vector)))
                .collect();
            for start in 0..vectors.len() {
                let together = measure(kernel, &query, &vectors[start..]);
                assert_eq!(together, alone[start..], "{} from {start}", kernels.name);
            }
            assert_eq!(measure(kernel, &query, &[]), Vec::<f32>::new());
        }
    }
}

proptest! {
    /// Small whole numbers have exact sums, so every kernel gives the very same bits.
    #[test]
    fn whole_numbers_are_measured_exactly(
        pairs in prop::collection::vec((-50_i16..50, -50_i16..50), 1..300)
    ) {
        let (query, vector): (Vec<f32>, Vec<f32>) =
            pairs.iter().map(|&(a, b)| (f32::from(a), f32::from(b))).unzip();
        let exact = exact_measures(&query, &vector).map(|(exact, _)| exact as f32);
        for kernels in detected() {
            let measured = [kernels.dot, kernels.squared_l2]
                .map(|kernel| measure(kernel, &query, std::slice::from_ref(&vector))[0]);
            prop_assert_eq!(measured, exact, "{}", kernels.name);
        }
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    for kernels in detected() {
        for kernel in [kernels.dot, kernels.squared_l2] {
            let (short, long) = (padded(&[1.0; 16]), padded(&[1.0; 17]));
            let refused = |rows: &[&[VectorLine]], count: usize| {
                let mut measures = vec![0.0; count];
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    kernel(&short, rows, &mut measures);
                }))
                .is_err()
            };
            assert!(!refused(&[&short], 1), "{}", kernels.name);
            assert!(refused(&[&short], 2), "{}", kernels.name);
            assert!(refused(&[&long], 1), "{}", kernels.name);
        }
    }
}
