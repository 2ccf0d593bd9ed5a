//! Operations on rows of states: gates and normalization.
//!
//! Out of scope: matrix products and attention.

use rten_simd::{
    Isa, SimdIterable, SimdOp, SimdUnaryOp,
    functional::simd_map,
    ops::{BitOps, NumOps},
};
use rten_vecmath::{Normalize, NormalizeOptions, Silu, Sum, SumSquare, SumSquareSub};

/// Layer normalization (Ba, Kiros, Hinton, 2016, arXiv:1607.06450).
pub(super) struct LayerNorm {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
    pub(super) epsilon: f32,
}

impl LayerNorm {
    /// Normalizes every row of `states`.
    pub(super) fn apply(&self, states: &mut [f32]) {
        LayerNormOp { states, norm: self }.dispatch();
    }
}

struct LayerNormOp<'a> {
    states: &'a mut [f32],
    norm: &'a LayerNorm,
}

impl SimdOp for LayerNormOp<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let width = self.norm.weight.len();
        for row in self.states.chunks_exact_mut(width) {
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

/// Root mean square normalization (Zhang, Sennrich, 2019, arXiv:1910.07467).
pub(super) struct RmsNorm {
    pub(super) weight: Vec<f32>,
    pub(super) epsilon: f32,
}

impl RmsNorm {
    /// Normalizes every row of `states`.
    pub(super) fn apply(&self, states: &mut [f32]) {
        RmsNormOp { states, norm: self }.dispatch();
    }

    /// Normalizes one row inside another operation.
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
        let mut states: Vec<f32> = (0..19u8).map(f32::from).collect();
        norm.apply(&mut states);
        let expected: Vec<f32> =
            (0..19u8).map(|i| (f32::from(i) - 9.0) / 30f32.sqrt() * f32::from(i) + 0.5).collect();
        assert_near(&states, &expected);
    }
}
