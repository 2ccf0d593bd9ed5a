//! One search over one moment of an index that has a graph.

use super::{
    code_scan::ScanMemory,
    graph::{Graph, View},
    plan::PlannedWalk,
    space::{Space, Target},
    walk::{Ground, Reach, WalkMemory, Walked},
};
use crate::{Approach, Found, SearchRequest, Strategy, Work, exact::State, lane::Lane};

/// What a search needs, kept to be used again without allocating.
#[derive(Default)]
pub(super) struct SearchMemory {
    pub(super) walk: WalkMemory,
    pub(super) target: Target,
    pub(super) scan: ScanMemory,
}

/// A search and what it runs over.
pub(super) struct Search<'a> {
    pub(super) graph: &'a Graph,
    pub(super) view: &'a View,
    pub(super) space: Space<'a>,
    pub(super) state: &'a State,
    /// Padded, and scaled as the metric needs.
    pub(super) query: &'a [Lane],
    pub(super) request: &'a SearchRequest<'a>,
    pub(super) approach: Approach,
    /// Slots from here on are not in the graph.
    pub(super) linked_end: u32,
    /// Candidates that a walk or scan keeps.
    pub(super) ef: usize,
}

impl Search<'_> {
    /// Walks the graph, scans what it does not hold, and scores the best in full.
    pub(super) fn run(&self, memory: &mut SearchMemory) -> Found {
        self.space.prepare(self.query, &mut memory.target);
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
        let neighbours = self.ranked(&memory.walk.pool, &mut work);
        Found { neighbours, work }
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
        let reach = Reach {
            ef: self.ef,
            end: self.state.slot_count() as u32,
            compared_max: planned.compared_max,
            probe: planned.probe,
        };
        let walked = self.walk_layers(reach, memory);
        work.hops += walked.hops;
        work.compared += walked.compared;
        if walked.gave_up {
            return false;
        }
        self.scan_tail(memory, work);
        memory.walk.pool.kept() >= self.request.limit.min(self.returnable_max())
    }

    fn walk_layers(&self, reach: Reach, memory: &mut SearchMemory) -> Walked {
        let SearchMemory { walk, target, .. } = memory;
        let Some(entry) = self.graph.entry() else {
            walk.pool.reset(reach.ef);
            walk.visited.begin(reach.end as usize);
            return Walked::default();
        };
        let (start, descended) = self.view.descend_to(0, entry, self.space, target, walk);
        let ground = Ground { space: self.space, layer: &self.view.layers[0] };
        let walked = if self.returns_all() {
            ground.walk(target, start, reach, walk, |_| true)
        } else {
            ground.walk(target, start, reach, walk, |slot| self.is_returnable(slot))
        };
        descended.and(walked)
    }
}
