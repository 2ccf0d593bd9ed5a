//! From what a kernel measures to the score of a metric.
//!
//! Whatever the metric, a score is higher for closer vectors, is never the negative zero, and is
//! final before it is ranked: two vectors with the same score are tied, however they got it.

use akidb_core::Metric;

use crate::{
    kernel::{Kernels, ScoreRows},
    vector_line::{VectorLine, lines_per_row, push_row},
};

/// How one index turns vectors into rows and rows into scores.
#[derive(Clone, Copy)]
pub(crate) struct Scoring {
    metric: Metric,
    measure: ScoreRows,
    squared_l2: ScoreRows,
}

impl Scoring {
    pub(crate) fn new(metric: Metric, kernels: &Kernels) -> Self {
        let measure = match metric {
            Metric::Cosine | Metric::Dot => kernels.dot,
            Metric::L2 => kernels.squared_l2,
        };
        Self { metric, measure, squared_l2: kernels.squared_l2 }
    }

    pub(crate) fn metric(self) -> Metric {
        self.metric
    }

    /// Pads vectors (row-major, rows x `dimension`) to rows, scaled to unit length for cosine.
    pub(crate) fn rows(self, vectors: &[f32], dimension: usize) -> Vec<VectorLine> {
        let row_count = vectors.len() / dimension;
        let mut rows = Vec::with_capacity(row_count * lines_per_row(dimension));
        for vector in vectors.chunks_exact(dimension) {
            let scale = match self.metric {
                Metric::Cosine => unit_scale(vector),
                Metric::Dot | Metric::L2 => 1.0,
            };
            push_row(&mut rows, vector, scale);
        }
        rows
    }

    /// Writes the inner product of each row and the query, or under L2 their squared distance; both
    /// are padded by [`rows`](Self::rows).
    pub(crate) fn measure(
        self,
        query: &[VectorLine],
        rows: &[&[VectorLine]],
        measures: &mut [f32],
    ) {
        (self.measure)(query, rows, measures);
    }

    /// Writes how far each row is from the query, in a measure that is lower for closer rows: half the
    /// squared distance of unit vectors under cosine, which tells near ones apart where one less
    /// their product would be rounded; the negative product; or the squared distance.
    pub(crate) fn distances(
        self,
        query: &[VectorLine],
        rows: &[&[VectorLine]],
        distances: &mut [f32],
    ) {
        match self.metric {
            Metric::Cosine => {
                (self.squared_l2)(query, rows, distances);
                distances.iter_mut().for_each(|at| *at *= 0.5);
            }
            Metric::Dot => {
                self.measure(query, rows, distances);
                distances.iter_mut().for_each(|at| *at = -*at);
            }
            Metric::L2 => self.measure(query, rows, distances),
        }
    }

    /// Writes the score of each row against the query, both padded by [`rows`](Self::rows).
    pub(crate) fn score(self, query: &[VectorLine], rows: &[&[VectorLine]], scores: &mut [f32]) {
        self.measure(query, rows, scores);
        // Adding to the positive zero turns a negative zero into a positive one.
        match self.metric {
            Metric::Cosine => {
                scores.iter_mut().for_each(|score| *score = 0.0 + score.clamp(-1.0, 1.0));
            }
            Metric::Dot => scores.iter_mut().for_each(|score| *score += 0.0),
            Metric::L2 => scores.iter_mut().for_each(|score| *score = 0.0 - score.sqrt()),
        }
    }
}

/// What to multiply a vector by so that its length is 1; 0 for the zero vector, which has no
/// direction. In `f64` the squares of all finite `f32` values neither overflow nor vanish.
fn unit_scale(vector: &[f32]) -> f64 {
    let square = |&at: &f32| f64::from(at) * f64::from(at);
    let (eights, rest) = vector.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for eight in eights {
        sums.iter_mut().zip(eight).for_each(|(sum, at)| *sum += square(at));
    }
    let squared_length = sums.iter().sum::<f64>() + rest.iter().map(square).sum::<f64>();
    debug_assert!(squared_length != 0.0, "a zero vector has no direction under the cosine metric");
    if squared_length == 0.0 { 0.0 } else { squared_length.sqrt().recip() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel;

    fn score_of(metric: Metric, query: &[f32], vector: &[f32]) -> f32 {
        let scoring = Scoring::new(metric, &kernel::fastest());
        let (query, row) = (scoring.rows(query, query.len()), scoring.rows(vector, vector.len()));
        let mut scores = [f32::NAN];
        scoring.score(&query, &[&row], &mut scores);
        scores[0]
    }

    #[test]
    fn every_metric_scores_closer_vectors_higher() {
        assert_eq!(score_of(Metric::Dot, &[1.0, 2.0], &[3.0, 4.0]), 11.0);
        assert_eq!(score_of(Metric::L2, &[1.0, 1.0], &[4.0, 5.0]), -5.0);
        assert_eq!(score_of(Metric::Cosine, &[0.0, 9.0], &[0.0, 0.5]), 1.0);
        assert_eq!(score_of(Metric::Cosine, &[0.0, 9.0], &[-3.0, 0.0]), 0.0);
        assert_eq!(score_of(Metric::Cosine, &[3.0, 4.0], &[-30.0, -40.0]), -1.0);
    }

    #[test]
    fn cosine_holds_at_the_ends_of_the_number_range() {
        for size in [f32::MAX, f32::MIN_POSITIVE, f32::from_bits(1)] {
            let score = score_of(Metric::Cosine, &[size, size], &[1.0, 1.0]);
            assert!((score - 1.0).abs() < 1e-6, "size {size:e} scores {score}");
        }
    }

    #[test]
    fn zero_is_never_negative() {
        // Enough products that vanish below zero to fill every sum of every kernel.
        let (query, vector) = ([f32::MIN_POSITIVE; 256], [-f32::MIN_POSITIVE; 256]);
        let zero = 0.0_f32.to_bits();
        assert_eq!(score_of(Metric::Dot, &query, &vector).to_bits(), zero);
        assert_eq!(score_of(Metric::L2, &query, &query).to_bits(), zero);
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "a zero vector has no direction")]
    fn a_zero_vector_is_refused_under_cosine() {
        score_of(Metric::Cosine, &[0.0, 0.0], &[1.0, 1.0]);
    }

    #[test]
    #[cfg(not(debug_assertions))]
    fn a_zero_vector_scores_zero_under_cosine() {
        assert_eq!(score_of(Metric::Cosine, &[0.0, 0.0], &[1.0, 1.0]), 0.0);
    }
}
