//! From the states of a text's tokens to its vector.
//!
//! Out of scope: how the states are made, and whether a vector is fit for use.

use crate::identity::Pooling;

/// Pools `token_states`, row-major `[tokens, vector.len()]` with at least one token, into `vector`.
pub(crate) fn pool(pooling: Pooling, token_states: &[f32], vector: &mut [f32]) {
    let dimension = vector.len();
    let mut rows = token_states.chunks_exact(dimension);
    let Some(first) = rows.next() else { return };
    vector.copy_from_slice(first);
    match pooling {
        Pooling::Cls => {}
        Pooling::LastToken => {
            vector.copy_from_slice(&token_states[token_states.len() - dimension..]);
        }
        Pooling::Mean => {
            for row in rows {
                vector.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
            let tokens = (token_states.len() / dimension) as f32;
            vector.iter_mut().for_each(|sum| *sum /= tokens);
        }
        Pooling::Max => {
            for row in rows {
                vector.iter_mut().zip(row).for_each(|(most, value)| *most = most.max(*value));
            }
        }
    }
}

/// Scales `vector` to length 1; a zero vector stays as it is.
///
/// The divisor is at least 1e-12, as in `torch.nn.functional.normalize`.
pub(crate) fn normalize(vector: &mut [f32]) {
    let squares: f64 = vector.iter().map(|value| f64::from(*value) * f64::from(*value)).sum();
    let length = squares.sqrt().max(1e-12) as f32;
    vector.iter_mut().for_each(|value| *value /= length);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pooling_reads_the_rows_it_should() {
        let states = [1.0, 4.0, 3.0, 2.0];
        let cases = [
            (Pooling::Mean, [2.0, 3.0]),
            (Pooling::Cls, [1.0, 4.0]),
            (Pooling::Max, [3.0, 4.0]),
            (Pooling::LastToken, [3.0, 2.0]),
        ];
        for (pooling, expected) in cases {
            let mut vector = [0.0; 2];
            pool(pooling, &states, &mut vector);
            assert_eq!(vector, expected, "{pooling}");
        }
    }

    #[test]
    fn normalizing_leaves_zero_alone() {
        let mut zero = [0.0; 3];
        normalize(&mut zero);
        assert_eq!(zero, [0.0; 3]);
        let mut vector = [3.0, 4.0];
        normalize(&mut vector);
        assert_eq!(vector, [0.6, 0.8]);
    }
}
