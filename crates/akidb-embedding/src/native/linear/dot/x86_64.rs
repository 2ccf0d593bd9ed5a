//! Sums by AVX-512 with VNNI, AVX-VNNI and AVX2.
#![expect(
    unsafe_code,
    reason = "vectors are loaded and stored through pointers, and functions \
                                 for instructions are called that not every processor has"
)]

use std::{arch::x86_64::*, array};

use super::{PanelLine, Rows, Sums};

pub(super) fn has_avx512_vnni() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni")
}

pub(super) fn has_avx_vnni() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("avxvnni")
}

pub(super) fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
}

/// Calls a kernel that is generic over its rows with `$count` of them.
macro_rules! by_rows {
    ($count:expr, $kernel:ident, $arguments:tt, $($rows:literal)*) => {
        match $count {
            $($rows => $kernel::<$rows> $arguments,)*
            count => unreachable!("{count} rows are too many"),
        }
    };
}

#[inline]
pub(super) fn multiply_avx512_vnni(rows: Rows<'_>, panel: &[PanelLine], sums: &mut Sums) {
    debug_assert!(has_avx512_vnni());
    // SAFETY: `Dot::present` gives this way only where `has_avx512_vnni` said yes.
    unsafe {
        by_rows!(rows.len(), avx512_vnni, (rows, panel, sums), 1 2 3 4 5 6 7 8 9 10 11 12);
    }
}

#[target_feature(enable = "avx512f,avx512vnni")]
fn avx512_vnni<const ROWS: usize>(rows: Rows<'_>, panel: &[PanelLine], sums: &mut Sums) {
    let rows: [_; ROWS] = array::from_fn(|row| &rows.row(row)[..panel.len()]);
    let mut blocks = [[_mm512_setzero_si512(); 2]; ROWS];
    for (line, groups) in panel.iter().enumerate() {
        let lines = rows.map(|row| &row[line].0);
        for (index, group) in groups.0.iter().enumerate() {
            let group: *const __m512i = (&raw const *group).cast();
            // SAFETY: a group of a panel lies in a line and has the alignment and the size of two vectors.
            let weights = unsafe { [_mm512_load_si512(group), _mm512_load_si512(group.add(1))] };
            for (row, block) in lines.iter().zip(&mut blocks) {
                let inputs = _mm512_set1_epi32(i32::from_le_bytes(row[index]));
                for (weights, sum) in weights.iter().zip(block) {
                    *sum = _mm512_dpbusd_epi32(*sum, inputs, *weights);
                }
            }
        }
    }
    for (block, sums) in blocks.iter().zip(&mut sums.0) {
        for (block, sums) in block.iter().zip(sums.as_chunks_mut::<16>().0) {
            // SAFETY: 16 sums have the size of a vector.
            unsafe { _mm512_storeu_si512(sums.as_mut_ptr().cast(), *block) };
        }
    }
}

#[inline]
pub(super) fn multiply_avx_vnni(rows: Rows<'_>, panel: &[PanelLine], sums: &mut Sums) {
    debug_assert!(has_avx_vnni());
    // SAFETY: `Dot::present` gives this way only where `has_avx_vnni` said yes.
    unsafe {
        by_rows!(rows.len(), avx_vnni, (rows, panel, sums), 1 2 3);
    }
}

#[target_feature(enable = "avx2,avxvnni")]
fn avx_vnni<const ROWS: usize>(rows: Rows<'_>, panel: &[PanelLine], sums: &mut Sums) {
    let rows: [_; ROWS] = array::from_fn(|row| &rows.row(row)[..panel.len()]);
    let mut blocks = [[_mm256_setzero_si256(); 4]; ROWS];
    for (line, groups) in panel.iter().enumerate() {
        let lines = rows.map(|row| &row[line].0);
        for (index, group) in groups.0.iter().enumerate() {
            let group: *const __m256i = (&raw const *group).cast();
            // SAFETY: a group of a panel lies in a line and has the alignment and the size of four vectors.
            let weights = array::from_fn::<_, 4, _>(|i| unsafe { _mm256_load_si256(group.add(i)) });
            for (row, block) in lines.iter().zip(&mut blocks) {
                let inputs = _mm256_set1_epi32(i32::from_le_bytes(row[index]));
                for (weights, sum) in weights.iter().zip(block) {
                    *sum = _mm256_dpbusd_avx_epi32(*sum, inputs, *weights);
                }
            }
        }
    }
    store_256(&blocks, sums);
}

#[inline]
pub(super) fn multiply_avx2(rows: Rows<'_>, panel: &[PanelLine], sums: &mut Sums) {
    debug_assert!(has_avx2());
    // SAFETY: `Dot::present` gives this way only where `has_avx2` said yes.
    unsafe {
        by_rows!(rows.len(), avx2, (rows, panel, sums), 1 2 3);
    }
}

/// Even and odd inputs of a group are widened apart, so that no lane has to be moved.
#[target_feature(enable = "avx2")]
fn avx2<const ROWS: usize>(rows: Rows<'_>, panel: &[PanelLine], sums: &mut Sums) {
    let rows: [_; ROWS] = array::from_fn(|row| &rows.row(row)[..panel.len()]);
    let low_bytes = _mm256_set1_epi16(0xff);
    let mut blocks = [[_mm256_setzero_si256(); 4]; ROWS];
    for (line, groups) in panel.iter().enumerate() {
        let lines = rows.map(|row| &row[line].0);
        for (index, group) in groups.0.iter().enumerate() {
            let group: *const __m256i = (&raw const *group).cast();
            for vector in 0..4 {
                // SAFETY: a group of a panel lies in a line and has the alignment and the size of four vectors.
                let weights = unsafe { _mm256_load_si256(group.add(vector)) };
                let even = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(weights));
                let odd = _mm256_srai_epi16::<8>(weights);
                for (row, block) in lines.iter().zip(&mut blocks) {
                    let inputs = _mm256_set1_epi32(i32::from_le_bytes(row[index]));
                    let evens = _mm256_madd_epi16(_mm256_and_si256(inputs, low_bytes), even);
                    let odds = _mm256_madd_epi16(_mm256_srli_epi16::<8>(inputs), odd);
                    block[vector] = _mm256_add_epi32(block[vector], _mm256_add_epi32(evens, odds));
                }
            }
        }
    }
    store_256(&blocks, sums);
}

#[target_feature(enable = "avx2")]
fn store_256(blocks: &[[__m256i; 4]], sums: &mut Sums) {
    for (block, sums) in blocks.iter().zip(&mut sums.0) {
        for (block, sums) in block.iter().zip(sums.as_chunks_mut::<8>().0) {
            // SAFETY: 8 sums have the size of a vector.
            unsafe { _mm256_storeu_si256(sums.as_mut_ptr().cast(), *block) };
        }
    }
}
