//! Rotary positions (Su et al., "RoFormer", 2021, arXiv:2104.09864) of queries and keys.
//!
//! A head's values are the real parts of some numbers and then their imaginary parts, as in
//! transformers. Out of scope: attention, and stretching a model's positions.

use rten_simd::{Isa, SimdOp};

use super::rows::RmsNorm;

/// The angles by which one position turns the numbers of a head.
pub(super) struct Frequencies(Vec<f32>);

impl Frequencies {
    /// Those of heads of `head_size` values with wavelengths that grow to the base `theta`.
    pub(super) fn new(theta: f32, head_size: usize) -> Self {
        let exponents = (0..head_size / 2).map(|pair| (2 * pair) as f32 / head_size as f32);
        Self(exponents.map(|exponent| 1.0 / theta.powf(exponent)).collect())
    }

    /// Writes the cosines and then the sines of a position, each as many as there are numbers.
    pub(super) fn write(&self, position: usize, rotation: &mut [f32]) {
        let (cosines, sines) = rotation.split_at_mut(self.0.len());
        for ((frequency, cosine), sine) in self.0.iter().zip(cosines).zip(sines) {
            (*sine, *cosine) = (position as f32 * frequency).sin_cos();
        }
    }
}

/// Normalizes every head's query and key of some tokens and turns it by the token's position.
pub(super) struct NormalizeAndRotate<'a> {
    /// Queries, keys and values of all heads, a row for each token.
    pub(super) qkv: &'a mut [f32],
    /// The values of a row.
    pub(super) row_size: usize,
    /// The values of all queries of a row, with which it begins.
    pub(super) query_size: usize,
    /// The values of all keys of a row, which come next.
    pub(super) key_size: usize,
    pub(super) query_norm: &'a RmsNorm,
    pub(super) key_norm: &'a RmsNorm,
    /// What [`Frequencies::write`] wrote for each token.
    pub(super) rotations: &'a [f32],
}

impl SimdOp for NormalizeAndRotate<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let head_size = self.query_norm.weight.len();
        let rows = self.qkv.chunks_exact_mut(self.row_size);
        for (row, rotation) in rows.zip(self.rotations.chunks_exact(head_size)) {
            let (queries, others) = row.split_at_mut(self.query_size);
            let keys = &mut others[..self.key_size];
            for (heads, norm) in [(queries, self.query_norm), (keys, self.key_norm)] {
                for head in heads.chunks_exact_mut(head_size) {
                    norm.eval(isa, head);
                    rotate(head, rotation);
                }
            }
        }
    }
}

/// Multiplies each number of a head by the cosine and sine of its angle.
#[inline(always)]
fn rotate(head: &mut [f32], rotation: &[f32]) {
    let (real, imaginary) = head.split_at_mut(head.len() / 2);
    let (cosines, sines) = rotation.split_at(real.len());
    let numbers = real.iter_mut().zip(imaginary);
    for ((real, imaginary), (cosine, sine)) in numbers.zip(cosines.iter().zip(sines)) {
        (*real, *imaginary) =
            (*real * cosine - *imaginary * sine, *imaginary * cosine + *real * sine);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_turned_vectors_have_in_common_depends_on_their_distance() {
        let frequencies = Frequencies::new(10_000.0, 8);
        let turned = |values: [f32; 8], position: usize| {
            let (mut values, mut rotation) = (values, [0.0; 8]);
            frequencies.write(position, &mut rotation);
            rotate(&mut values, &rotation);
            values
        };
        let query = [0.3, -1.0, 0.5, 2.0, 1.0, 0.25, -0.75, 1.5];
        let key = [1.0, 0.5, -2.0, 0.125, 0.75, -1.0, 0.5, 1.0];
        let product = |query_position, key_position| -> f32 {
            let (query, key) = (turned(query, query_position), turned(key, key_position));
            query.iter().zip(key).map(|(query, key)| query * key).sum()
        };
        assert!((product(7, 3) - product(104, 100)).abs() < 1e-4);
        assert!((product(7, 3) - product(7, 4)).abs() > 1e-2);
        assert_eq!(turned(key, 0), key);
    }
}
