//! Kernels for AArch64 with NEON: four instructions for a line.
#![expect(unsafe_code, reason = "vector loads and calls behind a check of the CPU")]

use std::arch::aarch64::{
    float32x4_t, vaddq_f32, vaddvq_f32, vdupq_n_f32, vfmaq_f32, vld1q_f32, vsubq_f32,
};

use super::{Kernels, assert_shapes};
use crate::vector_line::VectorLine;

/// Registers that hold one line, and sums that grow side by side within a row.
const PARTS: usize = 4;

/// The kernels, if this machine has the instructions.
pub(super) fn detect() -> Option<Kernels> {
    std::arch::is_aarch64_feature_detected!("neon").then_some(Kernels {
        name: "neon",
        dot,
        squared_l2,
    })
}

fn dot(query: &[VectorLine], rows: &[&[VectorLine]], measures: &mut [f32]) {
    assert_shapes(query, rows, measures);
    // SAFETY: only `detect` gives this function away, and only where NEON exists.
    unsafe { dot_rows(query, rows, measures) }
}

fn squared_l2(query: &[VectorLine], rows: &[&[VectorLine]], measures: &mut [f32]) {
    assert_shapes(query, rows, measures);
    // SAFETY: only `detect` gives this function away, and only where NEON exists.
    unsafe { squared_l2_rows(query, rows, measures) }
}

#[target_feature(enable = "neon")]
fn dot_rows(query: &[VectorLine], rows: &[&[VectorLine]], measures: &mut [f32]) {
    for (measure, row) in measures.iter_mut().zip(rows) {
        let mut sums = [vdupq_n_f32(0.0); PARTS];
        for (query, row) in query.iter().zip(*row) {
            let (query, row) = (load(query), load(row));
            for part in 0..PARTS {
                sums[part] = vfmaq_f32(sums[part], query[part], row[part]);
            }
        }
        *measure = total(sums);
    }
}

#[target_feature(enable = "neon")]
fn squared_l2_rows(query: &[VectorLine], rows: &[&[VectorLine]], measures: &mut [f32]) {
    for (measure, row) in measures.iter_mut().zip(rows) {
        let mut sums = [vdupq_n_f32(0.0); PARTS];
        for (query, row) in query.iter().zip(*row) {
            let (query, row) = (load(query), load(row));
            for part in 0..PARTS {
                let apart = vsubq_f32(query[part], row[part]);
                sums[part] = vfmaq_f32(sums[part], apart, apart);
            }
        }
        *measure = total(sums);
    }
}

#[inline]
#[target_feature(enable = "neon")]
fn load(line: &VectorLine) -> [float32x4_t; PARTS] {
    let (quarters, _) = line.0.as_chunks::<4>();
    // SAFETY: each of the four quarters of a line is 4 components.
    std::array::from_fn(|part| unsafe { vld1q_f32(quarters[part].as_ptr()) })
}

#[inline]
#[target_feature(enable = "neon")]
fn total(sums: [float32x4_t; PARTS]) -> f32 {
    let [a, b, c, d] = sums;
    vaddvq_f32(vaddq_f32(vaddq_f32(a, b), vaddq_f32(c, d)))
}
