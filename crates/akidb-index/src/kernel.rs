//! Dot product and squared distance, in the widest instructions of this machine.
//!
//! A kernel measures one query against a list of rows, which may lie anywhere. It reads each row
//! from start to end, one row at a time, and leaves prefetching to the processor: on Zen 4 that
//! streams from memory as fast as a bare sum does (25 GB/s), where four rows side by side reach
//! half of it and software prefetches gain nothing. Each row is added up in the same order whatever
//! its place in the list, so a score does not depend on how a search was split.
//!
//! The modules below offer themselves with `detect`, and only on a machine that has their
//! instructions; that is what makes calling their functions sound.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use crate::vector_line::VectorLine;

/// Measures `query` against each of `rows`, into the same place of `measures`.
///
/// Panics if the lists differ in length, or a row differs from the query in length.
pub(crate) type ScoreRows = fn(query: &[VectorLine], rows: &[&[VectorLine]], measures: &mut [f32]);

/// The kernels of one instruction set.
#[derive(Clone, Copy)]
pub(crate) struct Kernels {
    #[cfg_attr(not(test), expect(dead_code, reason = "names the kernel in failed tests"))]
    pub(crate) name: &'static str,
    /// The inner product.
    pub(crate) dot: ScoreRows,
    /// The square of the Euclidean distance.
    pub(crate) squared_l2: ScoreRows,
}

/// The fastest kernels that this machine can run, found once.
pub(crate) fn fastest() -> Kernels {
    static FASTEST: LazyLock<Kernels> =
        LazyLock::new(|| detected().next().unwrap_or(scalar::KERNELS));
    *FASTEST
}

/// Every set of kernels that this machine can run, fastest first; the reference is the last.
fn detected() -> impl Iterator<Item = Kernels> {
    #[cfg(target_arch = "x86_64")]
    let native = [avx512::detect(), avx2::detect()];
    #[cfg(target_arch = "aarch64")]
    let native = [neon::detect()];
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let native: [Option<Kernels>; 0] = [];
    native.into_iter().flatten().chain([scalar::KERNELS])
}

/// Asserts what [`ScoreRows`] demands, once for the whole list.
fn assert_shapes(query: &[VectorLine], rows: &[&[VectorLine]], measures: &[f32]) {
    assert_eq!(rows.len(), measures.len(), "one measure for each row");
    assert!(rows.iter().all(|row| row.len() == query.len()), "rows as long as the query");
}
