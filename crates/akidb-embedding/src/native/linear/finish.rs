//! The way of a product's values to where they are kept.
//!
//! Out of scope: making the values.

use rten_simd::{
    Isa, Simd, SimdUnaryOp,
    ops::{BitOps, NumOps},
};
use rten_vecmath::{ApproxGelu, Swish};

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

/// Writes the values of a row of a panel, as many as `target` takes; `value` gives a vector by the
/// number of its first value.
#[inline(always)]
pub(super) fn finish_row<I: Isa>(
    isa: I,
    target: &mut [f32],
    then: Then,
    value: impl Fn(usize) -> I::F32,
) {
    let ops = isa.f32();
    // Each closure is inlined by force, else it is compiled without the instructions of `isa`.
    match then {
        Then::Store => each(
            isa,
            target,
            #[inline(always)]
            |first, _| value(first),
        ),
        Then::Add => each(
            isa,
            target,
            #[inline(always)]
            |first, present| ops.add(value(first), ops.load_pad(present).0),
        ),
        Then::Activate(Activation::Gelu) => activate(isa, target, &value, &Gelu),
        Then::Activate(Activation::GeluTanh) => activate(isa, target, &value, &ApproxGelu {}),
        Then::Activate(Activation::QuickGelu) => {
            activate(isa, target, &value, &Swish { alpha: 1.702 });
        }
        Then::Activate(Activation::Relu) => each(
            isa,
            target,
            #[inline(always)]
            |first, _| ops.max(value(first), ops.zero()),
        ),
    }
}

#[inline(always)]
fn activate<I: Isa>(
    isa: I,
    target: &mut [f32],
    value: &impl Fn(usize) -> I::F32,
    activation: &impl SimdUnaryOp<f32>,
) {
    each(
        isa,
        target,
        #[inline(always)]
        |first, _| activation.eval(isa, value(first)),
    );
}

#[inline(always)]
fn each<I: Isa>(isa: I, target: &mut [f32], function: impl Fn(usize, &[f32]) -> I::F32) {
    let ops = isa.f32();
    let mut first = 0;
    for target in target.chunks_mut(ops.len()) {
        let vector = function(first, target);
        store_part(isa, vector, target);
        first += ops.len();
    }
}

/// The first values of `vector`, as many as `target` takes.
#[inline(always)]
fn store_part<I: Isa>(isa: I, vector: I::F32, target: &mut [f32]) {
    let ops = isa.f32();
    if target.len() == ops.len() {
        ops.store(vector, target);
    } else {
        for (target, value) in target.iter_mut().zip(vector.to_array()) {
            *target = value;
        }
    }
}
