//! Functions of single values, fitted for this use: fewer steps than the general ones, and no
//! division.
//!
//! Out of scope: functions that are not in the way of every token, which are from `rten-vecmath`.

use std::f32::consts::LN_2;

use rten_simd::{
    Isa, Simd, SimdUnaryOp,
    ops::{BitOps, FloatOps, IntOps, NumOps},
};

/// Beyond this, a value's share of the normal distribution is taken to be 0 or 1, which is off by
/// less than `3e-7`.
const MOST_DEVIATIONS: f32 = 5.0;

/// `(Φ(x) - 1/2) / x` by powers of `2 x² / 25 - 1`, a Chebyshev fit over 5 standard deviations.
const NORMAL_SHARE: [f32; 12] = [
    1.413_637_7e-1,
    -7.029_831_4e-2,
    5.152_394e-2,
    -4.038_921_4e-2,
    3.137_131_4e-2,
    -2.364_756_7e-2,
    1.686_100_5e-2,
    -1.009_659_1e-2,
    5.178_695e-3,
    -3.973_263_3e-3,
    3.164_762_2e-3,
    -1.058_645_2e-3,
];

/// `2^x` for `x` of at most half, by powers of `x`, a Chebyshev fit with a relative error below
/// `1e-7`.
const POWER: [f32; 7] =
    [1.0, LN_2, 2.402_264_6e-1, 5.550_329e-2, 9.618_52e-3, 1.339_986e-3, 1.533_757_7e-4];

/// Added to a value of at most 22 bits, it leaves the nearest whole number in the lowest bits.
const ROUNDING: f32 = 12_582_912.0;

/// `x Φ(x)` (Hendrycks, Gimpel, arXiv:1606.08415), off by less than `5e-6`.
pub(super) struct Gelu;

impl SimdUnaryOp<f32> for Gelu {
    #[inline(always)]
    fn eval<I: Isa>(&self, isa: I, x: I::F32) -> I::F32 {
        let ops = isa.f32();
        let most = ops.splat(MOST_DEVIATIONS);
        // In this order of operands a value that is not a number stays one.
        let near = ops.min(most, ops.max(ops.neg(most), x));
        let scale = ops.splat(2.0 / (MOST_DEVIATIONS * MOST_DEVIATIONS));
        let square = ops.mul_add(ops.mul(near, near), scale, ops.splat(-1.0));
        let share = polynomial(isa, square, &NORMAL_SHARE);
        ops.mul(x, ops.mul_add(near, share, ops.splat(0.5)))
    }
}

/// `2^x` for `x` of at most 0; below -125 it is `2^-125`.
pub(super) struct PowerOfTwo;

impl SimdUnaryOp<f32> for PowerOfTwo {
    #[inline(always)]
    fn eval<I: Isa>(&self, isa: I, x: I::F32) -> I::F32 {
        let (ops, ints) = (isa.f32(), isa.i32());
        let rounding = ops.splat(ROUNDING);
        let x = ops.max(ops.splat(-125.0), x);
        let rounded = ops.add(x, rounding);
        let rest = ops.sub(x, ops.sub(rounded, rounding));
        let power = polynomial(isa, rest, &POWER);
        // The whole number goes to the exponent; the other bits of the sum leave at the top.
        let exponent = ints.shift_left::<23>(rounded.reinterpret_cast());
        ints.add(power.reinterpret_cast(), exponent).reinterpret_cast()
    }
}

/// By Horner's rule.
#[inline(always)]
fn polynomial<I: Isa, const TERMS: usize>(
    isa: I,
    x: I::F32,
    coefficients: &[f32; TERMS],
) -> I::F32 {
    let ops = isa.f32();
    let mut value = ops.splat(coefficients[TERMS - 1]);
    for coefficient in coefficients[..TERMS - 1].iter().rev() {
        value = ops.mul_add(value, x, ops.splat(*coefficient));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each(from: f32, to: f32, check: impl Fn(f32)) {
        for index in 0..=20_000 {
            check(from + (to - from) * index as f32 / 20_000.0);
        }
    }

    /// Φ by the series of Marsaglia, 2004, "Evaluating the normal distribution".
    fn normal_share(x: f64) -> f64 {
        let (mut sum, mut term, mut count) = (x, x, 1.0);
        while term.abs() > 1e-17 {
            count += 2.0;
            term *= x * x / count;
            sum += term;
        }
        0.5 + sum * (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt()
    }

    #[test]
    fn gelu_is_its_formula() {
        each(-9.0, 9.0, |x| {
            let expected = f64::from(x) * normal_share(f64::from(x));
            let found = f64::from(Gelu.scalar_eval(x));
            assert!((found - expected).abs() < 5e-6, "{x}: {found}, {expected}");
        });
        assert!(Gelu.scalar_eval(f32::NAN).is_nan());
        assert!((Gelu.scalar_eval(1e30) / 1e30 - 1.0).abs() < 1e-6);
    }

    #[test]
    fn powers_of_two_are_their_formula() {
        each(-124.9, 0.0, |x| {
            let expected = f64::from(x).exp2();
            let found = f64::from(PowerOfTwo.scalar_eval(x));
            assert!((found / expected - 1.0).abs() < 3e-7, "{x}: {found}, {expected}");
        });
        assert_eq!(PowerOfTwo.scalar_eval(0.0), 1.0);
        assert!(PowerOfTwo.scalar_eval(-1e30) < 1e-37);
        assert!(PowerOfTwo.scalar_eval(f32::NAN).is_nan());
    }
}
