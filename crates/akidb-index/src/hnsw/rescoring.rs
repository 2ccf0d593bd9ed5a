//! Scoring the best candidates of a search again with full vectors.
//!
//! What codes say is off by some error, in proportion to the scales of the codes, which shows as
//! candidates are scored in full, best first. One is given as soon as even a few times the largest
//! error so far would bring none of those that are left before it: at a limit of 10, 16 are scored of
//! the 100 that a search keeps. When it is given does not depend on how many are wanted. The same holds
//! against those that a scan left out: which of its last candidates come before them, a longer scan says.
//!
//! Where all candidates are scored and the first of them still can not be told from those that were
//! not kept, full vectors have overturned the order of the codes: more candidates have to be kept.

use std::{cmp::Ordering, collections::BinaryHeap};

use super::{
    blocks::prefetch,
    distance_computer::{Coder, PreparedQuery},
    pool::Pool,
    search::Search,
};
use crate::{Neighbor, Work, ranking::Ranking, vector_line::VectorLine};

/// Rows scored in one call of a kernel.
const BATCH_ROWS: usize = 16;

/// How many times as large as the largest error so far a later one may be.
const ERRORS: f32 = 3.0;

/// The order is overturned where fewer than one in so many of the candidates are sure.
const SURE_ONE_IN: usize = 8;

/// With fewer candidates, nothing is said of their order.
const JUDGED_MIN: usize = 64;

/// Scores that differ by less, relative to their size, are equal but for the order of additions.
const ROUNDING: f32 = 1e-6;

/// What ranking needs, kept to be used again without allocating.
#[derive(Default)]
pub(super) struct RankMemory {
    /// Scores by codes, best first.
    coded: Vec<Coded>,
    /// Scored in full and not given yet.
    waiting: BinaryHeap<Nearest>,
}

/// A candidate by its code.
#[derive(Clone, Copy)]
struct Coded {
    score: f32,
    slot: u32,
    /// How far off the score may be, and the most that one from here on may be, up to a factor.
    weight: f32,
    weight_max: f32,
}

/// A neighbor ordered so that the greatest is the next to be given.
#[derive(Clone, Copy, PartialEq)]
struct Nearest(Neighbor);

impl Eq for Nearest {}

impl Ord for Nearest {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.score.total_cmp(&other.0.score).then(other.0.slot.cmp(&self.0.slot))
    }
}

impl PartialOrd for Nearest {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The errors of codes seen so far, each in proportion to its weight.
struct Errors {
    least: f32,
    most: f32,
}

impl Errors {
    fn see(&mut self, error: f32) {
        self.least = self.least.min(error);
        self.most = self.most.max(error);
    }

    /// The most that a score may be above that of its code. An error that all have is none.
    fn bound(&self, weight: f32) -> f32 {
        let spread = (self.most - self.least).max(0.0);
        weight * (self.most + spread * ((ERRORS - 1.0) / 2.0))
    }
}

impl Search<'_> {
    /// Gives the best of the pool, scored in full unless the request says otherwise. Says whether
    /// full vectors overturned the order of the codes; what is not sure is not given then, where
    /// another round follows, nor where the pool is that of a scan which was cut.
    pub(super) fn rank(
        &self,
        pool: &Pool,
        is_cut: bool,
        prepared: &PreparedQuery,
        memory: &mut RankMemory,
        ranking: &mut Ranking,
        work: &mut Work,
    ) -> bool {
        if !self.request.effort.rescore {
            for (distance, slot) in pool.returnable() {
                ranking.give(Neighbor { slot, score: self.computer.score_of(distance) });
            }
            return false;
        }
        self.collect(pool, prepared, &mut memory.coded);
        let RankMemory { coded, waiting } = memory;
        waiting.clear();
        let mut errors = Errors { least: f32::INFINITY, most: f32::NEG_INFINITY };
        let (mut scored, mut sure) = (0, 0);
        while scored < coded.len() && !ranking.is_full() {
            let batch = &coded[scored..coded.len().min(scored + BATCH_ROWS)];
            self.score_batch(batch, &mut errors, waiting);
            work.rescored += batch.len() as u64;
            scored += batch.len();
            let Some(next) = coded.get(scored) else { break };
            let bar = next.score + errors.bound(next.weight_max);
            sure += give_above(bar, waiting, ranking);
        }
        if ranking.is_full() {
            return false;
        }
        let outside = outside(coded, &errors);
        let is_overturned = self.is_overturned(coded.len(), outside, sure, waiting);
        let follows = is_overturned && self.may_widen;
        match is_cut {
            _ if follows => {}
            true if scored < BATCH_ROWS => {}
            true => _ = give_above(outside, waiting, ranking),
            false => _ = give_above(f32::NEG_INFINITY, waiting, ranking),
        }
        is_overturned
    }

    fn collect(&self, pool: &Pool, prepared: &PreparedQuery, coded: &mut Vec<Coded>) {
        coded.clear();
        coded.extend(pool.returnable().map(|(distance, slot)| {
            let score = self.computer.score_of(distance);
            let weight = self.computer.error_weight(prepared, slot);
            Coded { score, slot, weight, weight_max: weight }
        }));
        let mut weight_max = 0.0_f32;
        for coded in coded.iter_mut().rev() {
            weight_max = weight_max.max(coded.weight);
            coded.weight_max = weight_max;
        }
    }

    fn score_batch(&self, batch: &[Coded], errors: &mut Errors, waiting: &mut BinaryHeap<Nearest>) {
        let mut rows: [&[VectorLine]; BATCH_ROWS] = [&[]; BATCH_ROWS];
        let mut places = [0; BATCH_ROWS];
        let mut count = 0;
        for (place, coded) in batch.iter().enumerate() {
            if let Some(row) = self.state.row(coded.slot) {
                prefetch(row);
                (rows[count], places[count]) = (row, place);
                count += 1;
            }
        }
        let mut scores = [0.0; BATCH_ROWS];
        self.computer.scoring.score(self.query, &rows[..count], &mut scores[..count]);
        for (&place, &score) in places[..count].iter().zip(&scores) {
            let coded = batch[place];
            errors.see((score - coded.score) / coded.weight);
            waiting.push(Nearest(Neighbor { slot: coded.slot, score }));
        }
    }

    /// Whether those that were not kept may well be nearer than some that should be sure.
    fn is_overturned(
        &self,
        candidates: usize,
        outside: f32,
        sure: usize,
        waiting: &BinaryHeap<Nearest>,
    ) -> bool {
        let wanted = self.ef / SURE_ONE_IN;
        let is_judged = matches!(self.computer.coder, Coder::Int8(_))
            && self.ef >= JUDGED_MIN
            && candidates >= self.ef;
        if !is_judged || sure >= wanted {
            return false;
        }
        let waiting = waiting.clone().into_sorted_vec();
        let place = waiting.len().checked_sub(wanted - sure);
        let least_sure = place.map_or(f32::NEG_INFINITY, |place| waiting[place].0.score);
        outside - least_sure > ROUNDING * outside.abs()
    }
}

/// The most that those which were not kept may score.
fn outside(coded: &[Coded], errors: &Errors) -> f32 {
    let (Some(first), Some(last)) = (coded.first(), coded.last()) else { return f32::INFINITY };
    last.score + errors.bound(first.weight_max)
}

/// Gives those that score more than `bar`, best first, and says how many.
fn give_above(bar: f32, waiting: &mut BinaryHeap<Nearest>, ranking: &mut Ranking) -> usize {
    let mut given = 0;
    while let Some(&Nearest(best)) = waiting.peek()
        && best.score > bar
    {
        waiting.pop();
        given += 1;
        ranking.give(best);
    }
    given
}
