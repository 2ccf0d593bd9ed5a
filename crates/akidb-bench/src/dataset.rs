//! Vectors of unit length: seeded ones in clusters, the same in every run on every machine, and those
//! of files.
//!
//! Exact scans and inserts cost the same whatever the values are; for approximate indexes, clusters
//! are the milder half of what real data does, so those read real embeddings too.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rayon::prelude::*;

/// How many vectors share a center, on average.
const VECTORS_A_CLUSTER: usize = 200;

/// How far vectors stand from their center, relative to the length of the center.
const SPREAD: f32 = 0.7;

/// Vectors, row-major.
pub(crate) struct Dataset {
    dimension: usize,
    values: Vec<f32>,
}

impl Dataset {
    /// `count` unit vectors around seeded centers. Another `stream` of the same seed has other
    /// vectors around the same centers: queries, where the first stream is what is searched.
    pub(crate) fn clustered(shape: Shape, count: usize, stream: u64) -> Self {
        let Shape { dimension, clusters, seed } = shape;
        let mut values = vec![0.0; count * dimension];
        values.par_chunks_exact_mut(dimension).enumerate().for_each(|(row, vector)| {
            let mut random = generator(seed, stream + 1, row);
            let center = random.random_range(0..clusters);
            fill_uniform(&mut generator(seed, 0, center), vector);
            // Uniform components in -1 to 1 give all centers about the same length.
            vector.iter_mut().for_each(|value| *value += SPREAD * random.random_range(-1.0..1.0));
            normalize(vector);
        });
        Self { dimension, values }
    }

    /// Reads files of little-endian `f32` without a header, row after row, one file after the other,
    /// and gives each row unit length.
    pub(crate) fn read(paths: &[PathBuf], dimension: usize) -> anyhow::Result<Self> {
        let mut values = Vec::new();
        for path in paths {
            let bytes =
                fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            let (words, rest) = bytes.as_chunks::<4>();
            ensure!(
                rest.is_empty() && words.len().is_multiple_of(dimension),
                "{} does not hold whole vectors of {dimension} components",
                path.display()
            );
            values.extend(words.iter().map(|&word| f32::from_le_bytes(word)));
        }
        ensure!(values.iter().all(|value| value.is_finite()), "the vectors are not all finite");
        values.par_chunks_exact_mut(dimension).for_each(normalize);
        Ok(Self { dimension, values })
    }

    /// Takes `count` vectors out, spread evenly: the vectors that are left, and those.
    pub(crate) fn split_off(self, count: usize) -> (Self, Self) {
        let step = (self.len() / count.max(1)).max(1);
        let is_taken = |row: usize| row.is_multiple_of(step) && row / step < count;
        let (mut left, mut taken) = (Vec::with_capacity(self.values.len()), Vec::new());
        for (row, vector) in self.values.chunks_exact(self.dimension).enumerate() {
            if is_taken(row) { &mut taken } else { &mut left }.extend_from_slice(vector);
        }
        let with = |values| Self { dimension: self.dimension, values };
        (with(left), with(taken))
    }

    /// Only the vectors of some rows.
    pub(crate) fn of_rows(&self, rows: impl Iterator<Item = u32>) -> Self {
        let values = rows.flat_map(|row| self.vector(row as usize).iter().copied()).collect();
        Self { dimension: self.dimension, values }
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

fn normalize(vector: &mut [f32]) {
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

    #[test]
    fn vectors_come_back_from_files_and_are_split_evenly() {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("vectors");
        let written = Dataset::clustered(Shape::of(10, 3, 1), 10, 0);
        written.write(&path).unwrap();
        let read = Dataset::read(&[path.clone(), path.clone()], 3).unwrap();
        assert_eq!(read.len(), 20);
        let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-6;
        assert!(read.rows(10..20).iter().zip(written.values()).all(near));
        let (left, taken) = read.split_off(3);
        assert_eq!((left.len(), taken.len()), (17, 3));
        assert!(taken.vector(1).iter().zip(written.vector(6)).all(near));
        assert!(left.vector(0).iter().zip(written.vector(1)).all(near));
        assert!(Dataset::read(&[path], 4).is_err());
    }
}
