//! Kernels for AArch64 with NEON. Bytes are widened before they are multiplied, as the dot-product
//! extension has no product of signed and unsigned bytes.
#![expect(unsafe_code, reason = "vector loads and calls behind a check of the CPU")]

use std::arch::aarch64::{
    int16x8_t, int32x4_t, uint8x16_t, vaddq_s32, vaddvq_s32, vdupq_n_s32, vget_high_s8,
    vget_high_s16, vget_high_u8, vget_low_s8, vget_low_s16, vget_low_u8, vld1q_u8, vmlal_s16,
    vmovl_s8, vmovl_u8, vreinterpretq_s8_u8, vreinterpretq_s16_u16,
};

use super::{CodeKernels, assert_shapes, scalar};
use crate::code_line::CodeLine;

/// Quarters of a line, of 16 bytes each.
const QUARTERS: usize = 4;

/// The kernels, if this machine has the instructions.
pub(super) fn detect() -> Option<CodeKernels> {
    std::arch::is_aarch64_feature_detected!("neon").then_some(CodeKernels {
        name: "neon",
        dot,
        bits: scalar::bits,
        bits_in_a_row: scalar::bits_in_a_row,
        bounds: scalar::bounds,
    })
}

fn dot(query: &[CodeLine], rows: &[&[CodeLine]], measures: &mut [i32]) {
    assert_shapes(query.len(), rows, measures);
    // SAFETY: only `detect` gives this function away, and only where NEON exists.
    unsafe { dot_rows(query, rows, measures) }
}

#[target_feature(enable = "neon")]
fn dot_rows(query: &[CodeLine], rows: &[&[CodeLine]], measures: &mut [i32]) {
    for (measure, row) in measures.iter_mut().zip(rows) {
        let mut sums = [vdupq_n_s32(0); QUARTERS];
        for (query, row) in query.iter().zip(*row) {
            for (quarter, sum) in sums.iter_mut().enumerate() {
                let query = vreinterpretq_s8_u8(load(query, quarter));
                let row = load(row, quarter);
                let low = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(row)));
                let high = vreinterpretq_s16_u16(vmovl_u8(vget_high_u8(row)));
                *sum = add_products(*sum, vmovl_s8(vget_low_s8(query)), low);
                *sum = add_products(*sum, vmovl_s8(vget_high_s8(query)), high);
            }
        }
        let [a, b, c, d] = sums;
        *measure = vaddvq_s32(vaddq_s32(vaddq_s32(a, b), vaddq_s32(c, d)));
    }
}

#[inline]
#[target_feature(enable = "neon")]
fn add_products(sum: int32x4_t, query: int16x8_t, row: int16x8_t) -> int32x4_t {
    let sum = vmlal_s16(sum, vget_low_s16(query), vget_low_s16(row));
    vmlal_s16(sum, vget_high_s16(query), vget_high_s16(row))
}

#[inline]
#[target_feature(enable = "neon")]
fn load(line: &CodeLine, quarter: usize) -> uint8x16_t {
    let (quarters, _) = line.0.as_chunks::<16>();
    // SAFETY: each quarter of a line is 16 bytes.
    unsafe { vld1q_u8(quarters[quarter].as_ptr()) }
}
