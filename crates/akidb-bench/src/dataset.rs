//! Seeded vectors: unit length, in clusters, the same ones in every run on every machine.
//!
//! What does not live here: real embeddings. Exact scans and inserts cost the same whatever the
//! values are; for approximate indexes, clusters are the milder half of what real data does.

use std::{fs, path::Path};

use anyhow::Context;
use rand::{Rng, SeedableRng, rngs::StdRng};
use rayon::prelude::*;

/// How many vectors share a centre, on average.
const VECTORS_A_CLUSTER: usize = 200;

/// How far vectors stand from their centre, relative to the length of the centre.
const SPREAD: f32 = 0.7;

/// Vectors, row-major.
pub(crate) struct Dataset {
    dimension: usize,
    values: Vec<f32>,
}

impl Dataset {
    /// `count` unit vectors around seeded centres. Another `stream` of the same seed has other
    /// vectors around the same centres: queries, where the first stream is what is searched.
    pub(crate) fn clustered(shape: Shape, count: usize, stream: u64) -> Self {
        let Shape { dimension, clusters, seed } = shape;
        let mut values = vec![0.0; count * dimension];
        values.par_chunks_exact_mut(dimension).enumerate().for_each(|(row, vector)| {
            let mut random = generator(seed, stream + 1, row);
            let centre = random.random_range(0..clusters);
            fill_uniform(&mut generator(seed, 0, centre), vector);
            // Uniform components in -1 to 1 give all centres about the same length.
            vector.iter_mut().for_each(|value| *value += SPREAD * random.random_range(-1.0..1.0));
            normalise(vector);
        });
        Self { dimension, values }
    }

    pub(crate) fn dimension(&self) -> usize {
        self.dimension
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len() / self.dimension
    }

    /// All vectors, one after another.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    pub(crate) fn vector(&self, at: usize) -> &[f32] {
        &self.values[at * self.dimension..][..self.dimension]
    }

    /// The vectors of a range of rows.
    pub(crate) fn rows(&self, rows: std::ops::Range<usize>) -> &[f32] {
        &self.values[rows.start * self.dimension..rows.end * self.dimension]
    }

    /// Writes all vectors as little-endian `f32`, without a header.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let bytes: Vec<u8> = self.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
    }

    /// The size of the vectors alone.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(self.values.as_slice())
    }
}

/// What all streams of a dataset have in common.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) dimension: usize,
    clusters: usize,
    seed: u64,
}

impl Shape {
    /// Clusters for about `count` vectors.
    pub(crate) fn of(count: usize, dimension: usize, seed: u64) -> Self {
        Self { dimension, clusters: count.div_ceil(VECTORS_A_CLUSTER), seed }
    }
}

/// The random numbers of one row of one stream, independent of how many threads fill the rows.
fn generator(seed: u64, stream: u64, row: usize) -> StdRng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&stream.to_le_bytes());
    bytes[16..24].copy_from_slice(&(row as u64).to_le_bytes());
    StdRng::from_seed(bytes)
}

fn fill_uniform(random: &mut StdRng, vector: &mut [f32]) {
    vector.iter_mut().for_each(|value| *value = random.random_range(-1.0..1.0));
}

fn normalise(vector: &mut [f32]) {
    let squared: f64 = vector.iter().map(|&value| f64::from(value) * f64::from(value)).sum();
    let scale = squared.sqrt().recip();
    vector.iter_mut().for_each(|value| *value = (f64::from(*value) * scale) as f32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_repeatable_unit_long_and_clustered() {
        let shape = Shape::of(400, 32, 7);
        let vectors = Dataset::clustered(shape, 400, 0);
        assert_eq!(vectors.values(), Dataset::clustered(shape, 400, 0).values());
        assert_ne!(vectors.vector(0), Dataset::clustered(shape, 1, 1).vector(0));
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        assert!((dot(vectors.vector(9), vectors.vector(9)) - 1.0).abs() < 1e-5);
        // Two clusters: about half of the others are near, and the other half is not.
        let near =
            (1..400).filter(|&row| dot(vectors.vector(0), vectors.vector(row)) > 0.4).count();
        assert!((120..280).contains(&near), "{near} of 399 are near");
    }
}
