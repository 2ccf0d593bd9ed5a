//! What one core can read from memory.

use std::{hint::black_box, time::Instant};

/// Sums that run side by side, so that additions do not wait for each other.
const SUMS: usize = 32;

/// The best of some passes of a bare sum over `values`, in bytes a second: no exact scan of the
/// same bytes on one core can be faster, where they do not fit its caches.
pub(crate) fn read_bandwidth(values: &[f32], passes: usize) -> f64 {
    let seconds = (0..passes.max(1)).map(|_| {
        let started = Instant::now();
        black_box(bare_sum(black_box(values)));
        started.elapsed().as_secs_f64()
    });
    size_of_val(values) as f64 / seconds.fold(f64::INFINITY, f64::min)
}

/// Adds the bits up as integers: one load and one addition each, in the vectors of any machine.
fn bare_sum(values: &[f32]) -> u32 {
    let mut sums = [0_u32; SUMS];
    let (chunks, rest) = values.as_chunks::<SUMS>();
    for chunk in chunks {
        for (sum, value) in sums.iter_mut().zip(chunk) {
            *sum = sum.wrapping_add(value.to_bits());
        }
    }
    let rest = rest.iter().map(|value| value.to_bits());
    sums.into_iter().chain(rest).fold(0, u32::wrapping_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_reads_every_value() {
        for length in [0, 1, SUMS, 3 * SUMS + 5] {
            let values: Vec<f32> = (0..length as u32).map(f32::from_bits).collect();
            assert_eq!(bare_sum(&values), (0..length as u32).sum::<u32>());
        }
    }
}
