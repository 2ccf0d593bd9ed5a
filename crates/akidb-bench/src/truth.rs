//! Exact neighbors in double precision, and recall against them.

use akidb_core::Metric;
use akidb_index::{SearchRequest, VectorIndex};
use rayon::prelude::*;

use crate::dataset::Dataset;

/// Two scores closer than this are a tie: engines add up in different orders.
const TIE: f64 = 1e-6;

/// The exact neighbors of each query.
pub(crate) struct Truth {
    metric: Metric,
    /// For each query the score of its neighbor at rank `limit`.
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

    /// Finds the neighbors with an exact index, which is as exact for this but for ties and takes a
    /// fraction of the time: only the last neighbor of each query is scored in double precision.
    pub(crate) fn by_index(
        index: &dyn VectorIndex,
        vectors: &Dataset,
        queries: &Dataset,
        limit: usize,
    ) -> Self {
        let (metric, limit) = (index.metric(), limit.min(vectors.len()));
        let request = SearchRequest::nearest(limit).exactly();
        let threshold = |query: &[f32]| {
            let found = index.search(query, &request).neighbors;
            let scores =
                found.iter().map(|found| score(metric, query, vectors.vector(found.slot as usize)));
            scores.fold(f64::INFINITY, f64::min)
        };
        let thresholds = queries.values().par_chunks_exact(queries.dimension()).map(threshold);
        Self { metric, thresholds: thresholds.collect(), limit }
    }

    /// The share of the exact neighbors of all queries that is among what was found for each.
    pub(crate) fn recall(&self, vectors: &Dataset, queries: &Dataset, found: &[Vec<u32>]) -> f64 {
        let hits = (0..).zip(found).map(|(query, found)| self.hits(vectors, queries, query, found));
        hits.sum::<usize>() as f64 / (self.limit * found.len()).max(1) as f64
    }

    /// How many of the exact neighbors of a query `found` holds. A vector as near as the last
    /// exact neighbor counts as one; a vector named twice counts once.
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

    /// How many neighbors each query has.
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
    use akidb_index::ExactIndex;

    use super::*;
    use crate::dataset::Shape;

    #[test]
    fn only_the_exact_neighbors_count() {
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
            let index = ExactIndex::new(24, metric);
            index.append(0, vectors.values());
            let by_index = Truth::by_index(&index, &vectors, &queries, 10);
            assert!((by_index.thresholds[0] - truth.thresholds[0]).abs() < TIE);
            assert_eq!(by_index.recall(&vectors, &queries, &[ranked[3..13].to_vec()]), 0.7);
        }
    }
}
