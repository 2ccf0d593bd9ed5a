//! Sums by NEON with the dot product of FEAT_DotProd.
//!
//! Its operands are both signed: 128 is taken from every input, and 128 times the column's weights
//! is added again.
#![expect(
    unsafe_code,
    reason = "vectors are loaded and stored through pointers, and functions \
                                 for instructions are called that not every processor has"
)]

use std::{
    arch::{aarch64::*, asm, is_aarch64_feature_detected},
    array,
};

use super::{PanelLine, Rows, Sums};

/// The vectors of 4 columns in a panel.
const VECTORS: usize = 8;

pub(super) fn has_dot() -> bool {
    is_aarch64_feature_detected!("dotprod")
}

#[inline]
pub(super) fn multiply_dot(rows: Rows<'_>, panel: &[PanelLine], sums: &mut Sums) {
    debug_assert!(has_dot());
    // SAFETY: `Dot::present` gives this way only where `has_dot` said yes.
    unsafe {
        match rows.len() {
            1 => dot::<1>(rows, panel, sums),
            2 => dot::<2>(rows, panel, sums),
            _ => dot::<3>(rows, panel, sums),
        }
    }
}

#[target_feature(enable = "neon,dotprod")]
fn dot<const ROWS: usize>(rows: Rows<'_>, panel: &[PanelLine], sums: &mut Sums) {
    let rows: [_; ROWS] = array::from_fn(|row| &rows.row(row)[..panel.len()]);
    let sign = vdupq_n_u8(0x80);
    let mut blocks = [[vdupq_n_s32(0); VECTORS]; ROWS];
    let mut offsets = [vdupq_n_s32(0); VECTORS];
    for (line, groups) in panel.iter().enumerate() {
        let lines = rows.map(|row| &row[line].0);
        for (index, group) in groups.0.iter().enumerate() {
            let inputs = lines.map(|row| {
                let inputs = vreinterpretq_u8_u32(vdupq_n_u32(u32::from_le_bytes(row[index])));
                vreinterpretq_s8_u8(veorq_u8(inputs, sign))
            });
            let group: *const i8 = (&raw const *group).cast();
            for vector in 0..VECTORS {
                // SAFETY: a group of a panel has the size of eight vectors.
                let weights = unsafe { vld1q_s8(group.add(vector * 16)) };
                offsets[vector] = vpadalq_s16(offsets[vector], vpaddlq_s8(weights));
                for (inputs, block) in inputs.iter().zip(&mut blocks) {
                    block[vector] = sdot(block[vector], *inputs, weights);
                }
            }
        }
    }
    for (block, sums) in blocks.iter().zip(&mut sums.0) {
        let parts = block.iter().zip(&offsets).zip(sums.as_chunks_mut::<4>().0);
        for ((block, offset), sums) in parts {
            let sum = vaddq_s32(*block, vshlq_n_s32::<7>(*offset));
            // SAFETY: 4 sums have the size of a vector.
            unsafe { vst1q_s32(sums.as_mut_ptr(), sum) };
        }
    }
}

/// `sum + a · b` by groups of four; the intrinsic is not stable yet.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn sdot(mut sum: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: the instruction reads and writes the named registers alone.
    unsafe {
        asm!("sdot {0:v}.4s, {1:v}.16b, {2:v}.16b", inout(vreg) sum, in(vreg) a, in(vreg) b,
             options(pure, nomem, nostack, preserves_flags));
    }
    sum
}
