//! A rotation of vectors that spreads each component over all others.
//!
//! Random signs and the Walsh-Hadamard transform in turn, as in Ailon and Chazelle 2009; where the
//! number of components is no power of two, over as many of the first and then of the last as are
//! one. It keeps lengths and angles, and takes `n log n` additions where a matrix takes `n * n`.

/// Passes over the components; after two of each kind no input is left that stays sparse.
const PASSES: usize = 4;

/// A rotation of so many components; every one of as many is the same.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rotation {
    /// 1 or -1 for each component, pass by pass.
    signs: Vec<f32>,
}

impl Rotation {
    pub(super) fn new(count: usize) -> Self {
        let sign = |at: usize| if is_negated(at) { -1.0 } else { 1.0 };
        Self { signs: (0..count * PASSES).map(sign).collect() }
    }

    /// Rotates as many components as the rotation was made for in place.
    pub(super) fn rotate(&self, components: &mut [f32]) {
        let count = components.len();
        let Some(log2) = count.checked_ilog2() else { return };
        let window = 1 << log2;
        for (pass, signs) in self.signs.chunks_exact(count).enumerate() {
            components.iter_mut().zip(signs).for_each(|(component, sign)| *component *= sign);
            let begin = if pass % 2 == 0 { 0 } else { count - window };
            transform(&mut components[begin..begin + window]);
        }
    }
}

fn is_negated(at: usize) -> bool {
    let mixed = (at as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 63 == 1
}

/// The Walsh-Hadamard transform of a power of two of components, scaled to keep lengths.
fn transform(components: &mut [f32]) {
    let count = components.len();
    let mut half = 1;
    // The nearest pairs first, four components at a time.
    let (fours, _) = components.as_chunks_mut::<4>();
    if !fours.is_empty() {
        for four in fours {
            let [a, b, c, d] = *four;
            let (ab, a_b, cd, c_d) = (a + b, a - b, c + d, c - d);
            *four = [ab + cd, a_b + c_d, ab - cd, a_b - c_d];
        }
        half = 4;
    }
    while half < count {
        for pair in components.chunks_exact_mut(half * 2) {
            let (left, right) = pair.split_at_mut(half);
            for (left, right) in left.iter_mut().zip(right) {
                (*left, *right) = (*left + *right, *left - *right);
            }
        }
        half *= 2;
    }
    let scale = (count as f32).sqrt().recip();
    components.iter_mut().for_each(|component| *component *= scale);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_angles_are_kept_and_nothing_stays_sparse() {
        for count in [16, 48, 1_024, 1_040, 1_536] {
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            let mut unit = vec![0.0; count];
            unit[count - 1] = 1.0;
            let mut other: Vec<f32> = (0..count).map(|at| (at % 7) as f32 - 3.0).collect();
            let (length, angle) = (dot(&other, &other), dot(&unit, &other));
            let rotation = Rotation::new(count);
            rotation.rotate(&mut unit);
            rotation.rotate(&mut other);
            assert!((dot(&unit, &unit) - 1.0).abs() < 1e-4);
            assert!((dot(&other, &other) / length - 1.0).abs() < 1e-4);
            assert!((dot(&unit, &other) - angle).abs() < 1e-3 * length.sqrt());
            let largest = unit.iter().fold(0.0, |most: f32, at| most.max(at.abs()));
            assert!(largest < 8.0 / (count as f32).sqrt(), "{largest} of {count}");
        }
    }
}
