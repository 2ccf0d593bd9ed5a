//! Codes padded to whole cache lines.
//!
//! A code is a vector in few bits, followed by zeros up to a whole number of lines, so that a
//! kernel sees no tail and every load is aligned.

use bytemuck::{Pod, Zeroable};

/// Bytes in a line.
pub(crate) const LINE_BYTES: usize = 64;

/// One cache line of a code, the unit of every code kernel.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C, align(64))]
pub(crate) struct CodeLine(pub(crate) [u8; LINE_BYTES]);

impl CodeLine {
    pub(crate) const ZERO: Self = Self([0; LINE_BYTES]);
}

/// How many lines `bytes` take.
pub(crate) fn lines_of(bytes: usize) -> usize {
    bytes.div_ceil(LINE_BYTES)
}
