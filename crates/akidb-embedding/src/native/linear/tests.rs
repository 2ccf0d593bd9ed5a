//! All precisions against the formula.

use super::*;
use crate::model::Activation;

/// Rows, inputs and outputs around the edges of groups, panels and blocks.
const SHAPES: [[usize; 3]; 9] = [
    [1, 1, 1],
    [2, 3, 31],
    [3, 4, 32],
    [4, 5, 33],
    [11, 64, 64],
    [12, 65, 65],
    [13, 66, 95],
    [24, 127, 96],
    [25, 384, 97],
];

fn pseudo_random(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| ((i + seed) * 7919 % 1013) as f32 / 506.5 - 1.0).collect()
}

fn reference(input: &[f32], weights: &[f32], bias: &[f32], inputs: usize) -> Vec<f64> {
    let rows = input.chunks_exact(inputs);
    let products = rows.flat_map(|row| {
        weights.chunks_exact(inputs).zip(bias).map(|(weights, bias)| {
            let products = row.iter().zip(weights).map(|(a, w)| f64::from(*a) * f64::from(*w));
            products.sum::<f64>() + f64::from(*bias)
        })
    });
    products.collect()
}

fn applied(linear: &Linear, input: &[f32], then: Then, present: f32) -> Vec<f32> {
    applied_by(Dot::best(), linear, input, then, present)
}

fn applied_by(dot: Dot, linear: &Linear, input: &[f32], then: Then, present: f32) -> Vec<f32> {
    let mut output = vec![present; input.len() / linear.inputs * linear.outputs];
    let mut quantized = QuantizedRows::default();
    quantized.dot = dot;
    linear.apply(input, &mut output, then, &mut quantized);
    output
}

#[test]
fn products_are_the_formula_at_every_edge() {
    // In int8 a factor is off by half a step of 255 or 127, against each other at random; in bf16
    // a weight by at most a 256th of itself.
    let cases = [(Precision::F32, 1e-5), (Precision::Bf16, 0.004), (Precision::Int8, 0.02)];
    for (precision, tolerance) in cases {
        for [rows, inputs, outputs] in SHAPES {
            let input = pseudo_random(rows * inputs, 1);
            let weights = pseudo_random(outputs * inputs, 5);
            let bias = pseudo_random(outputs, 9);
            let linear = Linear::pack(precision, &weights, bias.clone());
            let stored = applied(&linear, &input, Then::Store, f32::NAN);
            let added = applied(&linear, &input, Then::Add, 3.0);
            let expected = reference(&input, &weights, &bias, inputs);
            for ((stored, added), expected) in stored.iter().zip(&added).zip(expected) {
                let difference = (f64::from(*stored) - expected).abs();
                let limit = tolerance * (inputs as f64).sqrt();
                assert!(difference < limit, "{precision} {rows}x{inputs}x{outputs}: {difference}");
                assert!((added - stored - 3.0).abs() < 1e-5);
            }
        }
    }
}

#[test]
fn a_row_does_not_depend_on_those_beside_it() {
    for precision in [Precision::F32, Precision::Bf16, Precision::Int8] {
        let (inputs, outputs) = (131, 70);
        let weights = pseudo_random(outputs * inputs, 5);
        let linear = Linear::pack(precision, &weights, pseudo_random(outputs, 9));
        let input = pseudo_random(40 * inputs, 1);
        let then = Then::Activate(Activation::Gelu);
        let together = applied(&linear, &input, then, 0.0);
        for rows in [1, 2, 5, 8, 13, 20] {
            for (part, expected) in input.chunks(rows * inputs).zip(together.chunks(rows * outputs))
            {
                assert_eq!(applied(&linear, part, then, 0.0), expected, "{precision}, {rows} rows");
            }
        }
    }
}

#[test]
fn every_way_gives_the_same_products_of_bytes_of_any_number_of_rows() {
    for (inputs, outputs) in [(384, 100), (70, 33)] {
        let weights = pseudo_random(outputs * inputs, 5);
        let linear = Linear::pack(Precision::Int8, &weights, pseudo_random(outputs, 9));
        let input = pseudo_random(64 * inputs, 1);
        for then in [Then::Store, Then::Add, Then::Activate(Activation::Gelu)] {
            let expected = applied_by(Dot::Portable, &linear, &input, then, 3.0);
            for (dot, rows) in Dot::present().flat_map(|dot| (1..=64).map(move |rows| (dot, rows)))
            {
                let found = applied_by(dot, &linear, &input[..rows * inputs], then, 3.0);
                assert_eq!(found, expected[..rows * outputs], "{dot:?}, {rows} rows");
            }
        }
    }
}

#[test]
fn blocks_cover_all_rows_once() {
    for (most, granule) in [(12, 1), (32, 16), (1, 1)] {
        for rows in 0..100 {
            let mut next = 0;
            for (first, count) in blocks(rows, most, granule) {
                assert_eq!((first, first % granule), (next, 0));
                assert!((1..=most).contains(&count), "{count} of {rows} rows");
                next += count;
            }
            assert_eq!(next, rows);
        }
    }
}

#[test]
fn activations_are_their_formulas() {
    // Without inputs to speak of, a product is its bias.
    let bias = vec![-2.0, 0.0, 0.25, 2.5];
    let cases = [
        (Activation::Relu, [0.0, 0.0, 0.25, 2.5]),
        (Activation::Gelu, [-0.045_500_26, 0.0, 0.149_676_6, 2.484_475_8]),
        (Activation::GeluTanh, [-0.045_402_306, 0.0, 0.149_677_8, 2.484_915_7]),
        (Activation::QuickGelu, [-0.064_341_37, 0.0, 0.151_199_5, 2.465_013_8]),
    ];
    for precision in [Precision::F32, Precision::Bf16, Precision::Int8] {
        let linear = Linear::pack(precision, &[1.0; 4], bias.clone());
        for (activation, expected) in cases {
            let found = applied(&linear, &[0.0], Then::Activate(activation), 0.0);
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-5, "{activation:?}: {found}, {expected}");
            }
        }
    }
}
