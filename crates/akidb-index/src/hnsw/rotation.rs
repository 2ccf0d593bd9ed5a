//! A rotation of vectors that spreads each component over all others.
//!
//! Random signs and the Walsh-Hadamard transform in turn, as in Ailon and Chazelle 2009; where the
//! number of components is no power of two, over as many of the first and then of the last as are
//! one. It keeps lengths and angles, and takes `n log n` additions where a matrix takes `n * n`.

/// Passes over the components; after two of each kind no input is left that stays sparse.
const PASSES: usize = 4;

/// Rotates in place; every call rotates alike.
pub(super) fn rotate(components: &mut [f32]) {
    let count = components.len();
    let Some(log2) = count.checked_ilog2() else { return };
    let window = 1 << log2;
    for pass in 0..PASSES {
        for (at, component) in components.iter_mut().enumerate() {
            if is_negated(pass, at) {
                *component = -*component;
            }
        }
        let begin = if pass % 2 == 0 { 0 } else { count - window };
        transform(&mut components[begin..begin + window]);
    }
}

fn is_negated(pass: usize, at: usize) -> bool {
    let mixed = ((at * PASSES + pass) as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 63 == 1
}

/// The Walsh-Hadamard transform of a power of two of components, scaled to keep lengths.
fn transform(components: &mut [f32]) {
    let mut half = 1;
    while half < components.len() {
        for pair in components.chunks_exact_mut(half * 2) {
            let (left, right) = pair.split_at_mut(half);
            for (left, right) in left.iter_mut().zip(right) {
                (*left, *right) = (*left + *right, *left - *right);
            }
        }
        half *= 2;
    }
    let scale = (components.len() as f32).sqrt().recip();
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
            rotate(&mut unit);
            rotate(&mut other);
            assert!((dot(&unit, &unit) - 1.0).abs() < 1e-4);
            assert!((dot(&other, &other) / length - 1.0).abs() < 1e-4);
            assert!((dot(&unit, &other) - angle).abs() < 1e-3 * length.sqrt());
            let largest = unit.iter().fold(0.0, |most: f32, at| most.max(at.abs()));
            assert!(largest < 8.0 / (count as f32).sqrt(), "{largest} of {count}");
        }
    }
}
