//! Vectors padded to whole cache lines.
//!
//! A row is a vector followed by zeros up to a whole number of lines. Zeros add nothing to a dot
//! product or a distance, so kernels never see a tail, and every load is aligned. The price is up
//! to 60 bytes a vector, nothing at the usual dimensions (multiples of 16).

use bytemuck::{Pod, Zeroable};

/// Components in a line.
pub(crate) const LINE_WIDTH: usize = 16;

/// One cache line of components, the unit of every kernel.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C, align(64))]
pub(crate) struct VectorLine(pub(crate) [f32; LINE_WIDTH]);

impl VectorLine {
    pub(crate) const ZERO: Self = Self([0.0; LINE_WIDTH]);
}

/// How many lines a vector of `dimension` components takes.
pub(crate) fn lines_per_row(dimension: usize) -> usize {
    dimension.div_ceil(LINE_WIDTH)
}

/// Appends `vector` to `rows`, with each component multiplied by `scale`.
pub(crate) fn push_row(rows: &mut Vec<VectorLine>, vector: &[f32], scale: f64) {
    for part in vector.chunks(LINE_WIDTH) {
        let mut line = VectorLine::ZERO;
        for (kept, &given) in line.0.iter_mut().zip(part) {
            *kept = (f64::from(given) * scale) as f32;
        }
        rows.push(line);
    }
}

/// Copies the components of a row, without its padding, over `vector`.
pub(crate) fn read_row(row: &[VectorLine], vector: &mut [f32]) {
    debug_assert_eq!(row.len(), lines_per_row(vector.len()));
    for (part, line) in vector.chunks_mut(LINE_WIDTH).zip(row) {
        part.copy_from_slice(&line.0[..part.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_vector_and_pad_with_zeros() {
        for dimension in 1..=100 {
            let vector: Vec<f32> = (0..dimension).map(|at| at as f32 - 7.5).collect();
            let mut rows = Vec::new();
            push_row(&mut rows, &vector, 2.0);
            assert_eq!(rows.len(), lines_per_row(dimension));

            let components: Vec<f32> = rows.iter().flat_map(|line| line.0).collect();
            let doubled: Vec<f32> = vector.iter().map(|component| component * 2.0).collect();
            assert_eq!(components[..dimension], doubled);
            assert!(components[dimension..].iter().all(|&padding| padding == 0.0));

            let mut read = vec![0.0; dimension];
            read_row(&rows, &mut read);
            assert_eq!(read, doubled);
        }
    }
}
