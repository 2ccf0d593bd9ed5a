//! The bounded list of the best scores that the plain contenders keep.

/// Slots with the best scores seen so far, best first.
pub(super) struct Best {
    limit: usize,
    ranked: Vec<(f32, u32)>,
}

impl Best {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, ranked: Vec::with_capacity(limit + 1) }
    }

    /// Takes a score where it is among the best. Almost none is, so this is one comparison.
    #[inline]
    pub(super) fn offer(&mut self, score: f32, slot: u32) {
        let full = self.ranked.len() == self.limit;
        if full && self.ranked.last().is_none_or(|&(worst, _)| score <= worst) {
            return;
        }
        let place = self.ranked.partition_point(|&(better, _)| better >= score);
        self.ranked.insert(place, (score, slot));
        self.ranked.truncate(self.limit);
    }

    /// The best of both, of slots that are not in both.
    pub(super) fn merged(mut self, other: &Self) -> Self {
        other.ranked.iter().for_each(|&(score, slot)| self.offer(score, slot));
        self
    }

    pub(super) fn slots(self) -> Vec<u32> {
        self.ranked.into_iter().map(|(_, slot)| slot).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_are_kept_in_order() {
        let mut best = Best::new(3);
        [0.5, 0.1, 0.9, 0.7, 0.2]
            .into_iter()
            .zip(0..)
            .for_each(|(score, at)| best.offer(score, at));
        let mut other = Best::new(3);
        other.offer(0.8, 9);
        assert_eq!(best.merged(&other).slots(), [2, 9, 3]);
        let mut none = Best::new(0);
        none.offer(1.0, 1);
        assert_eq!(none.slots(), [0; 0]);
    }
}
