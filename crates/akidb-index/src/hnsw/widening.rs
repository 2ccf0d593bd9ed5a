//! How many more candidates than `ef` a search of the default keeps, so that hard vectors are found as
//! plain ones are: measured, not assumed.
//!
//! Of vectors whose lengths are very unequal, or whose dimension is high throughout, a walk with the same
//! `ef` finds less. So vectors that are about to be linked are asked for first: what a walk over those
//! that are linked finds of their nearest is the recall that a query has. Where it is too little,
//! searches keep half as many candidates again, up to four times as many, and it is measured anew.

use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;
use roaring::RoaringBitmap;

use super::{HnswIndex, distance_computer::Coder, graph::Graph};
use crate::{Approach, SearchRequest, VectorIndex, exact::State};

/// Candidates of the walks that are measured: those of the default, whatever the settings say, as one
/// who sets fewer wants less to be found.
const EF: usize = 100;

/// Neighbors of each vector that is asked for.
const NEIGHBORS: usize = 10;

/// Vectors asked for at once, and neighbors found or not before they are judged by.
const PROBES: usize = 128;
const JUDGED_MIN: usize = 1_000;

/// The share of the nearest that has to be found: 0.995 of 141,000 sentence vectors are.
const SHARE_MIN: f64 = 0.99;

/// Candidates to keep in place of two, step by step.
const STEPS: [u32; 5] = [2, 3, 4, 6, 8];

/// What was measured of a graph.
#[derive(Debug, Default)]
pub(super) struct Widening {
    /// A place in `STEPS`.
    step: AtomicU32,
    measured: Mutex<Measured>,
}

#[derive(Debug, Default)]
struct Measured {
    /// Slots linked when the last measurement was over.
    linked: u32,
    found: usize,
    wanted: usize,
}

impl Widening {
    /// One that was at `step` before, of a graph of which `linked` slots are linked.
    pub(super) fn at(step: u32, linked: u32) -> Self {
        let measured = Measured { linked, ..Measured::default() };
        let step = step.min(STEPS.len() as u32 - 1);
        Self { step: AtomicU32::new(step), measured: Mutex::new(measured) }
    }

    pub(super) fn step(&self) -> u32 {
        self.step.load(Ordering::Relaxed)
    }

    /// The candidates that a search keeps where `ef` are asked for.
    pub(super) fn of(&self, ef: usize) -> usize {
        ef.saturating_mul(STEPS[self.step() as usize] as usize) / 2
    }

    /// Whether half as many slots again are linked as when it was last measured.
    fn is_due(&self, linked: u32) -> bool {
        let before = self.measured.lock().linked;
        self.step() + 1 < STEPS.len() as u32 && linked >= before.saturating_add(before / 2).max(1)
    }

    /// Counts what was found; goes a step on where it is too little.
    fn count(&self, linked: u32, found: usize, wanted: usize) {
        let mut measured = self.measured.lock();
        measured.found += found;
        measured.wanted += wanted;
        if measured.wanted < JUDGED_MIN {
            return;
        }
        if (measured.found as f64) < measured.wanted as f64 * SHARE_MIN {
            self.step.fetch_add(1, Ordering::Relaxed);
        } else {
            measured.linked = linked;
        }
        (measured.found, measured.wanted) = (0, 0);
    }
}

impl HnswIndex {
    /// Measures what searches find, where that is due and there are vectors to ask for. Of codes of
    /// bits less is expected, and less is found whatever the candidates. What these searches see of
    /// the codes does not count: vectors that are about to come may be unlike all queries.
    pub(super) fn measure_searches(&self, graph: &Graph, state: &State) {
        let linked = graph.linked_end();
        let is_walked = linked as usize >= self.graph_min && linked > 0;
        let is_of_bits = matches!(graph.coder, Coder::Binary(_));
        if !is_walked || is_of_bits || !graph.widening.is_due(linked) {
            return;
        }
        let pending = linked..state.slot_count() as u32;
        let step = (pending.len() / PROBES).max(1);
        let allowed: RoaringBitmap = (0..linked).collect();
        let (mut found, mut wanted) = (0, 0);
        for slot in pending.step_by(step).take(PROBES) {
            let Some(vector) = self.core.vector(slot) else { continue };
            let ef = graph.widening.of(EF);
            let nearest = SearchRequest::nearest(NEIGHBORS).with_ef(ef);
            let request = SearchRequest { allowed: Some(&allowed), ..nearest };
            let nearest = self.search_watched(false, Approach::Scan, &vector, &request).neighbors;
            let Some(last) = nearest.last() else { continue };
            let walked = self.search_watched(false, Approach::Walk, &vector, &request).neighbors;
            wanted += nearest.len();
            found += walked.iter().filter(|near| near.score >= last.score).count();
        }
        graph.widening.count(linked, found, wanted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_grow_until_enough_is_found_and_are_measured_again_as_a_graph_grows() {
        let widening = Widening::default();
        assert_eq!((widening.of(100), widening.of(1)), (100, 1));
        assert!(!widening.is_due(0) && widening.is_due(1));
        widening.count(1_000, 900, 900);
        assert!(widening.is_due(1_000), "too little was asked for");
        widening.count(1_000, 80, 100);
        assert_eq!(widening.of(100), 150);
        assert!(widening.is_due(1_000));
        widening.count(1_000, 1_000, 1_000);
        assert_eq!(widening.of(100), 150);
        assert!(!widening.is_due(1_499) && widening.is_due(1_500));
        (0..5).filter(|_| widening.is_due(1_500)).for_each(|_| widening.count(1_500, 0, 1_000));
        assert_eq!(widening.of(100), 400);
        assert!(!widening.is_due(u32::MAX));
        assert_eq!(Widening::at(99, 10).of(10), 40);
    }
}
