//! What a search gives, in an order that does not depend on how much of it is asked for.
//!
//! An approximate search keeps `ef` candidates. One that is asked for more looks for more, and finds
//! others too: were its answer sorted as a whole, a page of it would repeat or miss what another page
//! had. So an answer is given in *rounds*, each over four times as many candidates as the one before.
//! What a round gave stays where it is; a later one goes on behind it, and what it finds that is
//! nearer than the last one given comes at the very end, when nothing else is left. So an answer is
//! the beginning of every longer answer to the same question, as long as nothing is written. Scans have
//! nothing late: they give only what is sure against all that they left out.

use std::collections::HashSet;

use crate::Neighbor;

/// How many times as many candidates a round keeps as the one before.
const ROUND_GROWTH: usize = 4;

/// An answer while it is given.
pub(crate) struct Ranking {
    limit: usize,
    min_score: Option<f32>,
    given: Vec<Neighbor>,
    /// The slots of earlier rounds, from the second round on.
    earlier: HashSet<u32>,
    /// Where this round began.
    round_begin: usize,
    /// Found too late for their place.
    late: Vec<Neighbor>,
    /// Whether what follows scores too low.
    is_over: bool,
}

impl Ranking {
    /// Gives up to `limit` neighbors whose score is at least `min_score`.
    pub(crate) fn new(limit: usize, min_score: Option<f32>) -> Self {
        Self {
            limit,
            min_score,
            given: Vec::new(),
            earlier: HashSet::new(),
            round_begin: 0,
            late: Vec::new(),
            is_over: limit == 0,
        }
    }

    /// Whether nothing more is wanted.
    pub(crate) fn is_full(&self) -> bool {
        self.is_over || self.given.len() >= self.limit
    }

    /// Gives the next of a round, each slot once.
    pub(crate) fn give(&mut self, neighbor: Neighbor) {
        if self.is_full() || neighbor.score.is_nan() || self.earlier.contains(&neighbor.slot) {
            return;
        }
        if self.given.last().is_some_and(|last| neighbor.score > last.score) {
            self.late.push(neighbor);
        } else if self.min_score.is_some_and(|least| neighbor.score < least) {
            self.is_over = true;
        } else {
            self.given.push(neighbor);
        }
    }

    /// Ends a round; returns how many candidates the next one keeps, of which this one kept `ef`.
    pub(crate) fn next_round(&mut self, ef: usize) -> usize {
        self.earlier.extend(self.given[self.round_begin..].iter().map(|given| given.slot));
        self.round_begin = self.given.len();
        self.late.clear();
        ef.saturating_mul(ROUND_GROWTH)
    }

    /// Gives what an exact search finds, which is asked for as many as that takes, and so ends the
    /// answer.
    pub(crate) fn give_exact(&mut self, mut search: impl FnMut(usize) -> Vec<Neighbor>) {
        let mut asked = self.limit.saturating_add(self.earlier.len());
        loop {
            let found = search(asked);
            let is_all = found.len() < asked;
            self.late.clear();
            found.into_iter().for_each(|neighbor| self.give(neighbor));
            if is_all || self.is_full() {
                return;
            }
            self.next_round(0);
            asked = asked.saturating_mul(2);
        }
    }

    /// The answer, after a round over everything or when no more is wanted.
    pub(crate) fn finish(mut self) -> Vec<Neighbor> {
        let room = self.limit - self.given.len();
        if room > 0 && !self.late.is_empty() {
            self.late.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.slot.cmp(&b.slot)));
            let is_wanted =
                |late: &Neighbor| self.min_score.is_none_or(|least| late.score >= least);
            self.given.extend(self.late.into_iter().filter(is_wanted).take(room));
        }
        self.given
    }
}
