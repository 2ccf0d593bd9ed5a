//! Vectors to test with, the same at every run.

/// A generator of numbers that look random.
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        self.0 >> 33
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.next() as usize % end
    }

    /// Close to a normal distribution of variance 1.
    pub(crate) fn normal(&mut self) -> f32 {
        let sum: f64 = (0..12).map(|_| self.next() as f64 / (1_u64 << 31) as f64).sum();
        (sum - 6.0) as f32
    }
}

/// Vectors around `centers` points, row-major, in no order: as far from their point as the points
/// are from one another in a tenth of the directions.
pub(crate) fn clustered(seed: u64, count: usize, dimension: usize, centers: usize) -> Vec<f32> {
    let mut places = Numbers::new(99);
    let centers: Vec<f32> = (0..centers * dimension).map(|_| places.normal()).collect();
    let mut numbers = Numbers::new(seed);
    (0..count)
        .flat_map(|_| {
            let center = numbers.below(centers.len() / dimension) * dimension;
            let near = |at: usize| centers[center + at] + 0.6 * numbers.normal();
            (0..dimension).map(near).collect::<Vec<f32>>()
        })
        .collect()
}

/// The share of the nearest `limit` of `exact` that `found` has.
pub(crate) fn recall(found: &[akidb_index::Neighbor], exact: &[akidb_index::Neighbor]) -> f64 {
    let hits = exact.iter().filter(|exact| found.iter().any(|found| found.slot == exact.slot));
    hits.count() as f64 / exact.len().max(1) as f64
}
