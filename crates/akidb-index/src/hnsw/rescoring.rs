//! Scoring the best candidates of a search again with full vectors.
//!
//! What codes say is off by some error, which shows as candidates are scored in full, best first. Where
//! even a few times the largest error so far would not bring the next candidate among the best, it and
//! those behind it are left out: at a limit of 10, 13 are scored in place of 50 at an `ef` of 100.

use super::{blocks::prefetch, pool::Pool, search::Search};
use crate::{Neighbour, Work, best_neighbours::BestNeighbours, lane::Lane};

/// Rows scored in one call of a kernel.
const BATCH_ROWS: usize = 16;

/// How many times as large as the largest error so far a later one may be.
const ERRORS: f32 = 3.0;

impl Search<'_> {
    /// The best of the pool, scored in full unless the request says otherwise.
    pub(super) fn ranked(&self, pool: &Pool, work: &mut Work) -> Vec<Neighbour> {
        let limit = self.request.limit;
        let mut best = BestNeighbours::new(limit, self.request.min_score);
        let coded = pool.returnable().map(|(distance, slot)| (self.space.score_of(distance), slot));
        if !self.request.rescore {
            coded.for_each(|(score, slot)| best.offer(Neighbour { slot, score }));
            return best.into_sorted();
        }
        let mut coded = coded.peekable();
        // So many are scored in any case: as many as are wanted, and about as many as follow them
        // usually, so that one batch will do.
        let mut sure = limit.saturating_add(limit / 8).saturating_add(2);
        let mut left = super::plan::rescored_max(self);
        let mut error = 0.0_f32;
        loop {
            let (bar, count_max) = match sure {
                0 => (best.bar() - ERRORS * error, left.min(BATCH_ROWS)),
                sure => (f32::NEG_INFINITY, left.min(sure).min(BATCH_ROWS)),
            };
            let mut batch = [(0.0, 0); BATCH_ROWS];
            let mut rows: [&[Lane]; BATCH_ROWS] = [&[]; BATCH_ROWS];
            let mut count = 0;
            while count < count_max
                && let Some((score, slot)) = coded.next_if(|&(score, _)| score >= bar)
            {
                if let Some(row) = self.state.row(slot) {
                    prefetch(row);
                    (batch[count], rows[count]) = ((score, slot), row);
                    count += 1;
                }
            }
            if count == 0 {
                return best.into_sorted();
            }
            let mut scores = [0.0; BATCH_ROWS];
            self.space.scoring.score(self.query, &rows[..count], &mut scores[..count]);
            for (&(code_score, slot), &score) in batch[..count].iter().zip(&scores) {
                error = error.max((score - code_score).abs());
                best.offer(Neighbour { slot, score });
            }
            work.rescored += count as u64;
            left -= count;
            sure = sure.saturating_sub(count);
        }
    }
}
