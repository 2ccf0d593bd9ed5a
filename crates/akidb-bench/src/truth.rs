//! Exact neighbours in double precision, and recall against them.

use akidb_core::Metric;
use rayon::prelude::*;

use crate::dataset::Dataset;

/// Two scores closer than this are a tie: engines add up in different orders.
const TIE: f64 = 1e-6;

/// The exact neighbours of each query.
pub(crate) struct Truth {
    metric: Metric,
    /// For each query the score of its neighbour at rank `limit`.
    thresholds: Vec<f64>,
    limit: usize,
}

impl Truth {
    /// Scores every vector against every query.
    pub(crate) fn of(vectors: &Dataset, queries: &Dataset, metric: Metric, limit: usize) -> Self {
        let limit = limit.min(vectors.len());
        let threshold = |query: &[f32]| {
            let rows = vectors.values().chunks_exact(vectors.dimension());
            let mut scores: Vec<f64> = rows.map(|row| score(metric, query, row)).collect();
            *scores.select_nth_unstable_by(limit - 1, |a, b| b.total_cmp(a)).1
        };
        let thresholds = queries.values().par_chunks_exact(queries.dimension()).map(threshold);
        Self { metric, thresholds: thresholds.collect(), limit }
    }

    /// How many of the exact neighbours of a query `found` holds. A vector as near as the last
    /// exact neighbour counts as one; a vector named twice counts once.
    pub(crate) fn hits(
        &self,
        vectors: &Dataset,
        queries: &Dataset,
        query: usize,
        found: &[u32],
    ) -> usize {
        let mut found = found.to_vec();
        found.sort_unstable();
        found.dedup();
        let near = |slot: &&u32| {
            let vector = vectors.vector(**slot as usize);
            score(self.metric, queries.vector(query), vector) >= self.thresholds[query] - TIE
        };
        found.iter().filter(near).count().min(self.limit)
    }

    /// How many neighbours each query has.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }
}

/// Higher is nearer. Vectors are of unit length, so cosine is the inner product.
fn score(metric: Metric, a: &[f32], b: &[f32]) -> f64 {
    let pairs = a.iter().zip(b).map(|(&a, &b)| (f64::from(a), f64::from(b)));
    match metric {
        Metric::Cosine | Metric::Dot => pairs.map(|(a, b)| a * b).sum(),
        Metric::L2 => -pairs.map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Shape;

    #[test]
    fn only_the_exact_neighbours_count() {
        let shape = Shape::of(1_000, 24, 1);
        let (vectors, queries) =
            (Dataset::clustered(shape, 1_000, 0), Dataset::clustered(shape, 1, 1));
        for metric in Metric::ALL {
            let truth = Truth::of(&vectors, &queries, metric, 10);
            let mut ranked: Vec<u32> = (0..1_000).collect();
            let score_of =
                |slot: u32| score(metric, queries.vector(0), vectors.vector(slot as usize));
            ranked.sort_by(|&a, &b| score_of(b).total_cmp(&score_of(a)));
            assert_eq!(truth.hits(&vectors, &queries, 0, &ranked[..10]), 10);
            assert_eq!(truth.hits(&vectors, &queries, 0, &ranked[3..13]), 7);
            assert_eq!(truth.hits(&vectors, &queries, 0, &[ranked[0]; 10]), 1);
            assert_eq!(truth.hits(&vectors, &queries, 0, &[]), 0);
        }
    }
}
