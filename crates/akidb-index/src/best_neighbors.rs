//! The bounded list of the best scores seen so far.
//!
//! Neighbors are ordered by score, then by slot, and slots differ; so the best `limit` of a set
//! are one definite set, whatever the order they are offered in and however the set is split
//! between threads.

use std::{cmp::Ordering, collections::BinaryHeap};

use crate::Neighbor;

/// A neighbor ordered so that the greatest is the first to be given up.
#[derive(Clone, Copy)]
struct WorstGreatest(Neighbor);

impl Ord for WorstGreatest {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.score.total_cmp(&self.0.score).then(self.0.slot.cmp(&other.0.slot))
    }
}

impl PartialOrd for WorstGreatest {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for WorstGreatest {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for WorstGreatest {}

/// Keeps the best `limit` of the neighbors offered, in memory for no more than were kept at once.
pub(crate) struct BestNeighbors {
    limit: usize,
    /// Scores below this cannot enter, so that most offers cost one comparison.
    bar: f32,
    kept: BinaryHeap<WorstGreatest>,
}

impl BestNeighbors {
    /// Keeps up to `limit` neighbors whose score is at least `min_score`.
    pub(crate) fn new(limit: usize, min_score: Option<f32>) -> Self {
        Self { limit, bar: min_score.unwrap_or(f32::NEG_INFINITY), kept: BinaryHeap::new() }
    }

    /// Keeps the neighbor if it is among the best so far. A NaN score never is.
    #[inline]
    pub(crate) fn offer(&mut self, neighbor: Neighbor) {
        if neighbor.score >= self.bar {
            self.admit(WorstGreatest(neighbor));
        }
    }

    fn admit(&mut self, candidate: WorstGreatest) {
        if self.kept.len() < self.limit {
            self.kept.push(candidate);
        } else if let Some(mut worst) = self.kept.peek_mut()
            && candidate < *worst
        {
            *worst = candidate;
        }
        if self.kept.len() == self.limit
            && let Some(worst) = self.kept.peek()
        {
            self.bar = worst.0.score;
        }
    }

    /// The best of both.
    pub(crate) fn merged(mut self, other: Self) -> Self {
        if self.kept.len() < other.kept.len() {
            return other.merged(self);
        }
        other.kept.into_iter().for_each(|WorstGreatest(neighbor)| self.offer(neighbor));
        self
    }

    /// What was kept, best first.
    pub(crate) fn into_sorted(self) -> Vec<Neighbor> {
        self.kept.into_sorted_vec().into_iter().map(|WorstGreatest(neighbor)| neighbor).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn best(limit: usize, min_score: Option<f32>, offers: &[Neighbor]) -> BestNeighbors {
        let mut best = BestNeighbors::new(limit, min_score);
        offers.iter().for_each(|&neighbor| best.offer(neighbor));
        best
    }

    fn sorted_model(limit: usize, min_score: Option<f32>, offers: &[Neighbor]) -> Vec<Neighbor> {
        let mut sorted: Vec<Neighbor> = offers.to_vec();
        sorted.retain(|offer| min_score.is_none_or(|min| offer.score >= min));
        sorted.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.slot.cmp(&b.slot)));
        sorted.truncate(limit);
        sorted
    }

    proptest! {
        #[test]
        fn keeps_what_sorting_everything_would(
            scores in prop::collection::vec(-4_i8..4, 0..200),
            order in any::<u64>(),
            limit in 0_usize..40,
            min_score in prop::option::of(-4_i8..4),
            split_at in 0_usize..200,
        ) {
            let mut offers: Vec<Neighbor> = (0..).zip(&scores)
                .map(|(slot, &score)| Neighbor { slot, score: f32::from(score) }).collect();
            offers.sort_by_key(|offer| (u64::from(offer.slot) + 1).wrapping_mul(order | 1));
            let min_score = min_score.map(f32::from);
            let model = sorted_model(limit, min_score, &offers);

            let whole = best(limit, min_score, &offers).into_sorted();
            prop_assert_eq!(&whole, &model);

            let (left, right) = offers.split_at(split_at.min(offers.len()));
            let halves = best(limit, min_score, left).merged(best(limit, min_score, right));
            prop_assert_eq!(&halves.into_sorted(), &model);
        }
    }

    #[test]
    fn infinities_rank_and_nan_never_enters() {
        let scores = [f32::NAN, f32::NEG_INFINITY, f32::INFINITY, -f32::NAN, 0.0, f32::INFINITY];
        let offers: Vec<Neighbor> =
            (0..).zip(scores).map(|(slot, score)| Neighbor { slot, score }).collect();
        let slots = |limit| {
            let kept = best(limit, None, &offers).into_sorted();
            kept.into_iter().map(|kept| kept.slot).collect::<Vec<_>>()
        };
        assert_eq!(slots(10), [2, 5, 4, 1]);
        assert_eq!(slots(1), [2]);
    }
}
