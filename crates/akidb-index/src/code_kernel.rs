//! Measures over codes, in the widest instructions of this machine.
//!
//! All sums are of whole numbers and fit an `i32` up to 16,384 components, so every kernel gives the
//! very same result. As those of `kernel`, they leave fetching to the processor in a scan; a walk,
//! whose rows lie anywhere, asks for all of a hop before it measures them.
//!
//! The modules below offer themselves with `detect`, and only on a machine that has their
//! instructions; that is what makes calling their functions sound.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod bound;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

pub(crate) use self::bound::{Bound, CodeRun, Terms};
use crate::code_line::CodeLine;

/// Planes of a query that is measured against codes of one bit a component.
pub(crate) const QUERY_PLANES: usize = 4;

/// Measures a query against each of `rows`, into the same place of `measures`.
///
/// Panics if the lists differ in length, or a row is shorter than the query needs.
pub(crate) type MeasureCodes = fn(query: &[CodeLine], rows: &[&[CodeLine]], measures: &mut [i32]);

/// Measures a query against each of the rows of `row_lines` lines that `rows` is made of.
///
/// Panics if there are not as many rows as measures, or they are shorter than the query needs.
pub(crate) type MeasureRun =
    fn(query: &[CodeLine], rows: &[CodeLine], row_lines: usize, measures: &mut [i32]);

/// Bounds the distance of each row of a run, of which `bits_in_a_row` has measured the bits.
///
/// Panics if there are not as many rows as measures and bounds, or their terms lie outside them.
pub(crate) type MeasureBounds =
    fn(bound: &Bound, run: CodeRun<'_>, measures: &[i32], bounds: &mut [f32]);

/// The kernels of one instruction set.
#[derive(Clone, Copy)]
pub(crate) struct CodeKernels {
    #[cfg_attr(not(test), expect(dead_code, reason = "names the kernel in failed tests"))]
    pub(crate) name: &'static str,
    /// The sum of the products of the bytes of the query, signed, and of a row, unsigned.
    pub(crate) dot: MeasureCodes,
    /// The sum over the planes `p` of the query of `2^p` times the bits that plane and row share.
    /// The query is [`QUERY_PLANES`] planes one after another; what a row has behind as many lines
    /// as a plane is left out.
    pub(crate) bits: MeasureCodes,
    /// The same for rows that lie one behind the other.
    pub(crate) bits_in_a_row: MeasureRun,
    /// Bounds of distances by what these measured; the same to the last bit with every kernel.
    pub(crate) bounds: MeasureBounds,
}

/// The fastest kernels that this machine can run, found once.
pub(crate) fn fastest() -> CodeKernels {
    static FASTEST: LazyLock<CodeKernels> =
        LazyLock::new(|| detected().next().unwrap_or(scalar::KERNELS));
    *FASTEST
}

/// Every set of kernels that this machine can run, fastest first; the reference is the last.
fn detected() -> impl Iterator<Item = CodeKernels> {
    #[cfg(target_arch = "x86_64")]
    let native = [avx512::detect(), avx2::detect()];
    #[cfg(target_arch = "aarch64")]
    let native = [neon::detect()];
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let native: [Option<CodeKernels>; 0] = [];
    native.into_iter().flatten().chain([scalar::KERNELS])
}

/// Asserts what [`MeasureCodes`] demands, once for the whole list; `lines` is what a row needs.
fn assert_shapes(lines: usize, rows: &[&[CodeLine]], measures: &[i32]) {
    assert_eq!(rows.len(), measures.len(), "one measure for each row");
    assert!(rows.iter().all(|row| row.len() >= lines), "rows as long as the query");
}

/// Asserts what [`MeasureRun`] demands.
fn assert_run(lines: usize, rows: &[CodeLine], row_lines: usize, measures: &[i32]) {
    assert_eq!(rows.len(), measures.len() * row_lines, "one measure for each row");
    assert!(row_lines >= lines, "rows as long as the query");
}
