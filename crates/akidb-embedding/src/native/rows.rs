//! Operations on rows of states: bias with activation, gates, and normalisation with residual.
//!
//! What does not live here: matrix products and attention.

use rten_simd::{
    Isa, SimdIterable, SimdOp, SimdUnaryOp,
    functional::simd_map,
    ops::{BitOps, NumOps},
};
use rten_vecmath::{
    ApproxGelu, Gelu, Normalize, NormalizeOptions, Silu, Sum, SumSquare, SumSquareSub, Swish,
};

use crate::model::Activation;

/// Adds a bias to every row of `states` and applies the activation.
pub(super) fn add_bias_and_activate(states: &mut [f32], bias: &[f32], activation: Activation) {
    match activation {
        Activation::Gelu => BiasedUnary { states, bias, function: Gelu {} }.dispatch(),
        Activation::GeluTanh => BiasedUnary { states, bias, function: ApproxGelu {} }.dispatch(),
        Activation::QuickGelu => {
            BiasedUnary { states, bias, function: Swish { alpha: 1.702 } }.dispatch();
        }
        Activation::Relu => BiasedUnary { states, bias, function: Relu }.dispatch(),
    }
}

struct Relu;

impl SimdUnaryOp<f32> for Relu {
    #[inline(always)]
    fn eval<I: Isa>(&self, isa: I, x: I::F32) -> I::F32 {
        let ops = isa.f32();
        ops.max(x, ops.zero())
    }
}

struct BiasedUnary<'a, F> {
    states: &'a mut [f32],
    bias: &'a [f32],
    function: F,
}

impl<F: SimdUnaryOp<f32>> SimdOp for BiasedUnary<'_, F> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let ops = isa.f32();
        for row in self.states.chunks_exact_mut(self.bias.len()) {
            let mut bias = self.bias.simd_iter_pad(ops);
            simd_map(
                ops,
                row,
                #[inline(always)]
                |x| {
                    let bias = bias.next().unwrap_or_else(|| ops.zero());
                    self.function.eval(isa, ops.add(x, bias))
                },
            );
        }
    }
}

/// Layer normalisation (Ba, Kiros, Hinton, 2016, arXiv:1607.06450).
pub(super) struct LayerNorm {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
    pub(super) epsilon: f32,
}

impl LayerNorm {
    /// Normalises every row of `states`.
    pub(super) fn apply(&self, states: &mut [f32]) {
        BiasedNorm { states, added: None, norm: self }.dispatch();
    }

    /// Adds `added` to every row of `states` and normalises it.
    pub(super) fn add_and_apply(&self, states: &mut [f32], added: &[f32]) {
        BiasedNorm { states, added: Some(added), norm: self }.dispatch();
    }
}

struct BiasedNorm<'a> {
    states: &'a mut [f32],
    added: Option<&'a [f32]>,
    norm: &'a LayerNorm,
}

impl SimdOp for BiasedNorm<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let ops = isa.f32();
        let width = self.norm.weight.len();
        for row in self.states.chunks_exact_mut(width) {
            if let Some(added) = self.added {
                let mut added = added.simd_iter_pad(ops);
                simd_map(
                    ops,
                    &mut *row,
                    #[inline(always)]
                    |x| ops.add(x, added.next().unwrap_or_else(|| ops.zero())),
                );
            }
            let mean = Sum::new(row).eval(isa) / width as f32;
            let variance = SumSquareSub::new(row, mean).eval(isa) / width as f32;
            let options = NormalizeOptions {
                pre_scale_bias: mean,
                scale: 1.0 / (variance + self.norm.epsilon).sqrt(),
                element_scale: Some(&self.norm.weight),
                element_bias: Some(&self.norm.bias),
                ..NormalizeOptions::default()
            };
            Normalize::new_mut(row, options).eval(isa);
        }
    }
}

/// Root mean square normalisation (Zhang, Sennrich, 2019, arXiv:1910.07467).
pub(super) struct RmsNorm {
    pub(super) weight: Vec<f32>,
    pub(super) epsilon: f32,
}

impl RmsNorm {
    /// Normalises every row of `states`.
    pub(super) fn apply(&self, states: &mut [f32]) {
        RmsNormOp { states, norm: self }.dispatch();
    }

    /// Normalises one row inside another operation.
    #[inline(always)]
    pub(super) fn eval<I: Isa>(&self, isa: I, row: &mut [f32]) {
        let mean_square = SumSquare::new(row).eval(isa) / row.len() as f32;
        let options = NormalizeOptions {
            scale: 1.0 / (mean_square + self.epsilon).sqrt(),
            element_scale: Some(&self.weight),
            ..NormalizeOptions::default()
        };
        Normalize::new_mut(row, options).eval(isa);
    }
}

struct RmsNormOp<'a> {
    states: &'a mut [f32],
    norm: &'a RmsNorm,
}

impl SimdOp for RmsNormOp<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        for row in self.states.chunks_exact_mut(self.norm.weight.len()) {
            self.norm.eval(isa, row);
        }
    }
}

/// The gate of a SwiGLU feed-forward part (Shazeer, 2020, arXiv:2002.05202): writes
/// `silu(gate) * up` to every row of `gated`, of `width` values, from the rows of `states`, of
/// the gate's values and then as many others.
pub(super) fn gate(states: &[f32], width: usize, gated: &mut [f32]) {
    Gate { states, width, gated }.dispatch();
}

struct Gate<'a> {
    states: &'a [f32],
    width: usize,
    gated: &'a mut [f32],
}

impl SimdOp for Gate<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let ops = isa.f32();
        let rows = self.states.chunks_exact(2 * self.width);
        for (row, gated) in rows.zip(self.gated.chunks_exact_mut(self.width)) {
            let (gate, up) = row.split_at(self.width);
            gated.copy_from_slice(gate);
            let mut up = up.simd_iter_pad(ops);
            simd_map(
                ops,
                gated,
                #[inline(always)]
                |x| {
                    let up = up.next().unwrap_or_else(|| ops.zero());
                    ops.mul(Silu {}.eval(isa, x), up)
                },
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_near(found: &[f32], expected: &[f32]) {
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
        }
    }

    #[test]
    fn activations_are_their_formulas_at_any_width() {
        // 19 values: a whole vector and a part of one, whatever its width.
        let bias: Vec<f32> = (0..19u8).map(|i| f32::from(i) * 0.25 - 2.0).collect();
        let cases = [
            (Activation::Relu, vec![0.0, 0.0, 2.5]),
            (Activation::Gelu, vec![-0.045_500_26, 0.0, 2.484_475_8]),
            (Activation::QuickGelu, vec![-0.064_341_38, 0.0, 2.465_013_8]),
            (Activation::GeluTanh, vec![-0.045_402_306, 0.0, 2.484_915_7]),
        ];
        for (activation, expected) in cases {
            let mut states = vec![0.0; 38];
            add_bias_and_activate(&mut states, &bias, activation);
            assert_near(&[states[0], states[27], states[37]], &expected);
        }
    }

    #[test]
    fn rms_norm_is_its_formula_at_any_width() {
        let norm = RmsNorm { weight: (0..19u8).map(f32::from).collect(), epsilon: 1e-12 };
        let mut states: Vec<f32> = (0..19u8).map(f32::from).collect();
        norm.apply(&mut states);
        // The mean of the squares of 0 to 18 is 111.
        let expected: Vec<f32> = (0..19u8).map(|i| f32::from(i).powi(2) / 111f32.sqrt()).collect();
        assert_near(&states, &expected);
    }

    #[test]
    fn a_gate_is_its_formula_at_any_width() {
        let states: Vec<f32> = (0..76u8).map(|i| f32::from(i % 19) * 0.25 - 2.0).collect();
        let mut gated = vec![0.0; 38];
        gate(&states, 19, &mut gated);
        let expected: Vec<f32> = states[..38].iter().map(|x| x / (1.0 + (-x).exp()) * x).collect();
        assert_near(&gated, &expected);
    }

    #[test]
    fn layer_norm_is_its_formula_at_any_width() {
        let norm = LayerNorm {
            weight: (0..19u8).map(f32::from).collect(),
            bias: vec![0.5; 19],
            epsilon: 1e-12,
        };
        let mut states: Vec<f32> = (0..19u8).map(|i| f32::from(i) - 1.0).collect();
        norm.add_and_apply(&mut states, &[1.0; 19]);
        let expected: Vec<f32> =
            (0..19u8).map(|i| (f32::from(i) - 9.0) / 30f32.sqrt() * f32::from(i) + 0.5).collect();
        assert_near(&states, &expected);
    }
}
