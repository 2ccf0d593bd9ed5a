//! Weights in bfloat16, which are widened in registers where a product uses them.
//!
//! A bfloat16 is the upper half of a float, so that two columns lie in one integer, and a shift and
//! a mask make two vectors of floats of one vector of integers. Out of scope: the product, which is
//! that of weights in `f32`.

use rten_simd::{
    Isa, Simd,
    ops::{BitOps, IntOps},
};

use super::{PANEL, float::PanelRow};
use crate::bf16;

/// Each integer holds a column of the first half of the panel and, above it, the column that is
/// as far into the second half.
#[derive(Clone, Copy)]
pub(super) struct HalfRow([i32; PANEL / 2]);

impl PanelRow for HalfRow {
    const ZERO: Self = Self([0; PANEL / 2]);

    fn set(&mut self, column: usize, weight: f32) {
        let half = u32::from(bf16::narrow(weight));
        let bits = if column < PANEL / 2 { half } else { half << 16 };
        self.0[column % (PANEL / 2)] |= bits.cast_signed();
    }

    #[inline(always)]
    fn load<I: Isa, const VECTORS: usize>(&self, isa: I) -> [I::F32; VECTORS] {
        let ops = isa.i32();
        let upper = ops.splat(0xffff_0000_u32.cast_signed());
        // A loop, since functions such as `array::from_fn` are not compiled for the vectors' width.
        let mut floats = [isa.f32().zero(); VECTORS];
        for pair in 0..VECTORS / 2 {
            let integers = ops.load(&self.0[pair * ops.len()..]);
            floats[pair] = ops.shift_left::<16>(integers).reinterpret_cast();
            floats[pair + VECTORS / 2] = ops.and(integers, upper).reinterpret_cast();
        }
        floats
    }
}
