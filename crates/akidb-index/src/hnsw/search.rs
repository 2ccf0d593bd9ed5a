//! One search over one moment of an index that has a graph.

use super::{
    code_scan::ScanMemory,
    distance_computer::{DistanceComputer, PreparedQuery},
    graph::{Graph, View},
    plan::PlannedWalk,
    pool::Pool,
    rescoring::RankMemory,
    walk::{Budget, LayerSearch, WalkMemory, Walked},
};
use crate::{
    Approach, SearchRequest, Strategy, Work, exact::State, ranking::Ranking,
    vector_line::VectorLine,
};

/// What a search needs, kept to be used again without allocating.
#[derive(Default)]
pub(super) struct SearchMemory {
    pub(super) walk: WalkMemory,
    pub(super) prepared: PreparedQuery,
    pub(super) scan: ScanMemory,
    rank: RankMemory,
    /// Candidates that have twins.
    representatives: Vec<(f32, u32)>,
}

/// What one round of a search did.
pub(super) struct Round {
    pub(super) work: Work,
    /// Whether full vectors overturned the order of the codes.
    pub(super) is_overturned: bool,
}

/// A search and what it runs over.
pub(super) struct Search<'a> {
    pub(super) graph: &'a Graph,
    pub(super) view: &'a View,
    pub(super) computer: DistanceComputer<'a>,
    pub(super) state: &'a State,
    /// Padded, and scaled as the metric needs.
    pub(super) query: &'a [VectorLine],
    pub(super) request: &'a SearchRequest<'a>,
    pub(super) approach: Approach,
    /// Slots from here on are not in the graph.
    pub(super) linked_end: u32,
    /// Where no more than so many can be returned, they are scanned.
    pub(super) scan_max: usize,
    /// Whether it counts where it shows that the codes do not serve.
    pub(super) is_watched: bool,
    /// Candidates that a walk or scan keeps.
    pub(super) ef: usize,
    /// Whether another round follows where the order of the codes is overturned.
    pub(super) may_widen: bool,
}

impl Search<'_> {
    /// Walks the graph, scans what it does not hold, scores the best in full and gives them.
    pub(super) fn run(&self, memory: &mut SearchMemory, ranking: &mut Ranking) -> Round {
        self.computer.prepare(self.query, &mut memory.prepared);
        let mut work = Work { ef: self.ef, ..Work::default() };
        let found = super::plan::walk(self).is_some_and(|planned| {
            work.strategy = Strategy::Graph;
            self.walk(planned, memory, &mut work)
        });
        if !found {
            match work.strategy {
                Strategy::Graph => work.strategy = Strategy::GraphThenScan,
                Strategy::Scan | Strategy::GraphThenScan => work.ef = 0,
            }
            self.scan(memory, &mut work);
        }
        let SearchMemory { walk, prepared, rank, .. } = memory;
        // A scan knows what it left out: nothing that it could not tell from that has its place yet.
        let is_cut = !found && self.returnable_max() > self.ef;
        let is_overturned = self.rank(&walk.pool, is_cut, prepared, rank, ranking, &mut work);
        Round { work, is_overturned }
    }

    /// Whether a slot may be returned.
    #[inline(always)]
    pub(super) fn is_returnable(&self, slot: u32) -> bool {
        self.request.allowed.is_none_or(|allowed| allowed.contains(slot))
            && self.state.is_live(slot)
    }

    /// How many slots can be returned at most.
    pub(super) fn returnable_max(&self) -> usize {
        self.state.returnable_max(self.request)
    }

    /// Whether every slot can be returned.
    fn returns_all(&self) -> bool {
        self.request.allowed.is_none() && self.state.live_count() == self.state.slot_count()
    }

    /// Fills the pool from the graph and from behind it. Says whether that is an answer: enough
    /// was found before the walk cost as much as it may.
    fn walk(&self, planned: PlannedWalk, memory: &mut SearchMemory, work: &mut Work) -> bool {
        let budget = Budget {
            ef: self.ef,
            end: self.state.slot_count() as u32,
            compared_max: planned.compared_max,
            checkpoint: planned.checkpoint,
        };
        let walked = self.walk_layers(budget, memory);
        work.hops += walked.hops;
        work.compared += walked.compared;
        if walked.gave_up {
            return false;
        }
        self.scan_tail(memory, work);
        memory.walk.pool.kept() >= self.ef.min(self.returnable_max())
    }

    fn walk_layers(&self, budget: Budget, memory: &mut SearchMemory) -> Walked {
        let SearchMemory { walk, prepared, representatives, .. } = memory;
        let Some(entry) = self.graph.entry() else {
            walk.pool.reset(budget.ef);
            walk.visited.begin(budget.end as usize);
            return Walked::default();
        };
        let (start, descended) = self.view.descend_to(0, entry, self.computer, prepared, walk);
        let layer_search = LayerSearch { computer: self.computer, layer: &self.view.layers[0] };
        let starts = std::iter::once(start).chain(self.graph.longest.slots());
        let mut walked = if self.returns_all() {
            layer_search.walk(prepared, starts, budget, walk, |_| true)
        } else {
            layer_search.walk(prepared, starts, budget, walk, |slot| self.is_returnable(slot))
        };
        if self.view.twins.exist() && !walked.gave_up {
            self.offer_twins(budget, walk, representatives, &mut walked);
        }
        descended.and(walked)
    }

    /// Offers the twins of what the walk found, which are as near.
    fn offer_twins(
        &self,
        budget: Budget,
        walk: &mut WalkMemory,
        representatives: &mut Vec<(f32, u32)>,
        walked: &mut Walked,
    ) {
        let WalkMemory { visited, pool, .. } = walk;
        representatives.clear();
        representatives.extend(pool.all().filter(|&(_, slot)| self.view.twins.has_some(slot)));
        for &(distance, representative) in &*representatives {
            for twin in self.view.twins.of(representative) {
                if distance >= pool.bar() {
                    break;
                }
                if walked.compared >= budget.compared_max {
                    walked.gave_up = true;
                    return;
                }
                walked.compared += 1;
                if twin < budget.end && visited.insert(twin) {
                    offer_where(pool, distance, twin, self.is_returnable(twin));
                }
            }
        }
    }
}

/// Offers a twin, which nothing is reached over: one that may not be returned needs no place.
fn offer_where(pool: &mut Pool, distance: f32, twin: u32, is_returnable: bool) {
    if is_returnable {
        pool.offer(distance, twin, true);
    }
}
