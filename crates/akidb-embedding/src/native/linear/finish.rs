//! The way of a product's values to where they are kept.
//!
//! Out of scope: making the values.

use rten_simd::{
    Isa, SimdUnaryOp,
    ops::{BitOps, NumOps},
};
use rten_vecmath::{ApproxGelu, Swish};

use super::PANEL;
use crate::{model::Activation, native::activations::Gelu};

/// What is done with a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::native) enum Then {
    /// It is written.
    Store,
    /// It is added to what is there.
    Add,
    /// It goes through an activation and is written.
    Activate(Activation),
}

/// Writes the values of a row of a panel, as many as `target` takes; `VECTORS` vectors are as long
/// as a panel is wide.
#[inline(always)]
pub(super) fn finish_row<I: Isa, const VECTORS: usize>(
    isa: I,
    values: [I::F32; VECTORS],
    target: &mut [f32],
    then: Then,
) {
    if let Ok(target) = <&mut [f32; PANEL]>::try_from(&mut *target) {
        finish_panel(isa, values, target, then);
    } else {
        let mut panel = [0.0; PANEL];
        panel[..target.len()].copy_from_slice(target);
        finish_panel(isa, values, &mut panel, then);
        target.copy_from_slice(&panel[..target.len()]);
    }
}

#[inline(always)]
fn finish_panel<I: Isa, const VECTORS: usize>(
    isa: I,
    mut values: [I::F32; VECTORS],
    target: &mut [f32; PANEL],
    then: Then,
) {
    let ops = isa.f32();
    match then {
        Then::Store => {}
        Then::Add => {
            for (value, present) in values.iter_mut().zip(target.chunks_exact(ops.len())) {
                *value = ops.add(*value, ops.load(present));
            }
        }
        Then::Activate(Activation::Gelu) => activate(isa, &mut values, &Gelu),
        Then::Activate(Activation::GeluTanh) => activate(isa, &mut values, &ApproxGelu {}),
        Then::Activate(Activation::QuickGelu) => {
            activate(isa, &mut values, &Swish { alpha: 1.702 });
        }
        Then::Activate(Activation::Relu) => {
            for value in &mut values {
                *value = ops.max(*value, ops.zero());
            }
        }
    }
    for (value, target) in values.iter().zip(target.chunks_exact_mut(ops.len())) {
        ops.store(*value, target);
    }
}

#[inline(always)]
fn activate<I: Isa, const VECTORS: usize>(
    isa: I,
    values: &mut [I::F32; VECTORS],
    activation: &impl SimdUnaryOp<f32>,
) {
    for value in values {
        *value = activation.eval(isa, *value);
    }
}
