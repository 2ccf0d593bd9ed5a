//! The graph of the crate `hnsw_rs` behind the contract of the others.
//!
//! It is there to be chosen and to be measured against. It holds a second copy of each vector, never
//! gives one back before the index is compacted, and is filled again after a restart: the files of
//! the crate are not used, as reading a damaged one ends the process. What it finds is scored by the
//! exact index, which also answers for what is not linked yet and where the graph finds too little.

use akidb_core::{IndexSettings, Metric};
use hnsw_rs::prelude::{Distance, Hnsw};
use parking_lot::{Mutex, RwLock};
use roaring::RoaringBitmap;

use crate::{
    Codes, ExactIndex, Found, SearchRequest, Strategy, VectorIndex, Work,
    exact::State,
    hnsw::GRAPH_MIN,
    ranking::Ranking,
    scoring::Scoring,
    vector_line::{VectorLine, lines_per_row},
};

/// Layers of the crate's graph, as many as it allows.
const LAYERS_MAX: usize = 16;

/// The most neighbors that the crate allows.
const M_MAX: usize = 256;

/// What the crate allocates for each vector besides its components, measured at 16 neighbors.
const BYTES_PER_POINT: usize = 2_600;

/// Filters that pass fewer than one vector in this many are answered by a scan: the crate applies a
/// filter to what it has found, and finds nothing where few pass.
const FILTER_SHARE_MIN: usize = 10;

/// An index over the graph of the crate `hnsw_rs`, full vectors only.
pub struct HnswRsIndex {
    core: ExactIndex,
    settings: IndexSettings,
    graph_min: usize,
    graph: RwLock<Linked>,
    /// Held through each call of `link`.
    linking: Mutex<()>,
}

/// The graph, and the slot that linking goes on at. Locked for writing only to advance that.
struct Linked {
    graph: Hnsw<'static, VectorLine, Closeness>,
    end: u32,
}

/// The distance of a metric, never negative and never NaN, as the crate demands.
struct Closeness(Scoring);

impl Distance<VectorLine> for Closeness {
    fn eval(&self, a: &[VectorLine], b: &[VectorLine]) -> f32 {
        let mut measure = [0.0];
        self.0.measure(a, &[b], &mut measure);
        let distance = match self.0.metric() {
            Metric::Cosine => 1.0 - measure[0],
            // Falls from 2 to 0 as the product grows without a bound.
            Metric::Dot => 1.0 - measure[0] / (1.0 + measure[0].abs()),
            Metric::L2 => measure[0].sqrt(),
        };
        if distance.is_nan() { f32::MAX } else { distance.max(0.0) }
    }
}

impl HnswRsIndex {
    /// An index with no slots. Of the settings, `m`, `ef_construction` and `ef` count.
    ///
    /// # Panics
    ///
    /// If `dimension` is 0.
    #[must_use]
    pub fn new(dimension: usize, metric: Metric, settings: IndexSettings) -> Self {
        Self::with_graph_min(dimension, metric, settings, GRAPH_MIN)
    }

    /// The same, with a graph from `graph_min` vectors on.
    ///
    /// # Panics
    ///
    /// If `dimension` is 0.
    #[must_use]
    pub fn with_graph_min(
        dimension: usize,
        metric: Metric,
        settings: IndexSettings,
        graph_min: usize,
    ) -> Self {
        Self::over(ExactIndex::new(dimension, metric), settings, graph_min)
    }

    fn over(core: ExactIndex, settings: IndexSettings, graph_min: usize) -> Self {
        let graph = Hnsw::new(
            (settings.m as usize).clamp(2, M_MAX),
            graph_min,
            LAYERS_MAX,
            (settings.ef_construction as usize).max(8),
            Closeness(core.scoring()),
        );
        let graph = RwLock::new(Linked { graph, end: 0 });
        Self { core, settings, graph_min, graph, linking: Mutex::default() }
    }

    /// Searches over more and more candidates until enough is given.
    fn search_in_rounds(
        &self,
        state: &State,
        query: &[VectorLine],
        request: &SearchRequest<'_>,
    ) -> Found {
        let mut ranking = Ranking::new(request.limit, request.effort.min_score);
        let mut work: Option<Work> = None;
        let mut ef = request.effort.ef.unwrap_or(self.settings.ef as usize).max(1);
        while !ranking.is_full() && !request.is_late() {
            let is_last = state.returnable_max(request) <= ef.max(self.graph_min);
            let walked = if is_last { None } else { self.walk(state, query, request, ef) };
            let done = if let Some(found) = walked {
                found.neighbors.into_iter().for_each(|neighbor| ranking.give(neighbor));
                found.work
            } else {
                let mut work = Work::default();
                ranking.give_exact(|limit| {
                    let request = SearchRequest { limit, ..*request };
                    let found = self.core.search_state(state, query, &request);
                    work = Work { strategy: Strategy::GraphThenScan, ..work.and(found.work) };
                    found.neighbors
                });
                work
            };
            let is_exact = done.strategy == Strategy::GraphThenScan;
            work = Some(work.map_or(done, |work| work.and(done)));
            if is_exact {
                break;
            }
            ef = if ranking.is_full() { ef } else { ranking.next_round(ef) };
        }
        Found { neighbors: ranking.finish(), work: work.unwrap_or_default() }
    }

    /// The best `ef` of what the graph finds and of what it does not hold, or `None` where that may
    /// be less than there is.
    fn walk(
        &self,
        state: &State,
        query: &[VectorLine],
        request: &SearchRequest<'_>,
        ef: usize,
    ) -> Option<Found> {
        let linked = self.graph.read();
        let wanted = ef.min(state.returnable_max(request));
        let is_returnable = |slot: &usize| {
            let slot = *slot as u32;
            slot < linked.end
                && state.is_live(slot)
                && request.allowed.is_none_or(|allowed| allowed.contains(slot))
        };
        let near = linked.graph.search_filter(query, ef, ef, Some(&is_returnable));
        let mut candidates: RoaringBitmap = near.iter().map(|near| near.d_id as u32).collect();
        if linked.end < state.slot_count() as u32 {
            candidates.insert_range(linked.end..state.slot_count() as u32);
        }
        if let Some(allowed) = request.allowed {
            candidates &= allowed;
        }
        let request = SearchRequest { allowed: Some(&candidates), limit: ef, ..*request }
            .with_min_score(None);
        let enough = candidates.iter().filter(|&slot| state.is_live(slot)).take(wanted).count();
        (enough >= wanted).then(|| {
            let mut found = self.core.search_state(state, query, &request);
            found.work =
                Work { strategy: Strategy::Graph, ef, rescored: near.len() as u64, ..found.work };
            found
        })
    }
}

impl VectorIndex for HnswRsIndex {
    fn dimension(&self) -> usize {
        self.core.dimension()
    }

    fn metric(&self) -> Metric {
        self.core.metric()
    }

    fn slot_count(&self) -> usize {
        self.core.slot_count()
    }

    fn live_count(&self) -> usize {
        self.core.live_count()
    }

    fn memory_bytes(&self) -> usize {
        let row_bytes = lines_per_row(self.dimension()) * size_of::<VectorLine>();
        let points = self.graph.read().graph.get_nb_point();
        self.core.memory_bytes() + points * (row_bytes + BYTES_PER_POINT)
    }

    fn append(&self, first_slot: u32, vectors: &[f32]) {
        self.core.append(first_slot, vectors);
    }

    fn remove(&self, slots: &[u32]) {
        self.core.remove(slots);
    }

    fn search(&self, query: &[f32], request: &SearchRequest<'_>) -> Found {
        assert_eq!(query.len(), self.dimension(), "the query has the dimension of the index");
        if request.limit == 0 {
            return Found::default();
        }
        let query = self.core.scoring().rows(query, self.dimension());
        let state = self.core.snapshot();
        let has_graph = self.graph.read().end > 0;
        let is_rare = state.returnable_max(request) * FILTER_SHARE_MIN < state.slot_count();
        if request.effort.exact || is_rare || !has_graph {
            return self.core.search_state(&state, &query, request);
        }
        self.search_in_rounds(&state, &query, request)
    }

    /// Links vectors in the order of their slots, in parallel.
    fn link(&self, vectors_max: usize) -> usize {
        let _linking = self.linking.lock();
        let state = self.core.snapshot();
        if state.live_count() < self.graph_min {
            return 0;
        }
        let end = {
            let linked = self.graph.read();
            let end = state.slot_count().min((linked.end as usize).saturating_add(vectors_max));
            let live = (linked.end..end as u32).filter_map(|slot| Some((slot, state.row(slot)?)));
            let rows: Vec<(&[VectorLine], usize)> =
                live.map(|(slot, row)| (row, slot as usize)).collect();
            linked.graph.parallel_insert_slice(&rows);
            end as u32
        };
        self.graph.write().end = end;
        self.pending_count()
    }

    fn pending_count(&self) -> usize {
        let end = self.graph.read().end as usize;
        if end == 0 && self.live_count() < self.graph_min { 0 } else { self.slot_count() - end }
    }

    fn codes(&self) -> Option<Codes> {
        (self.graph.read().end > 0).then_some(Codes::F32)
    }

    fn compact(&self) -> (Box<dyn VectorIndex>, Vec<u32>) {
        let (core, old_slots) = self.core.compacted();
        (Box::new(Self::over(core, self.settings, self.graph_min)), old_slots)
    }

    fn vector(&self, slot: u32) -> Option<Vec<f32>> {
        self.core.vector(slot)
    }

    fn for_each_live(&self, visit: &mut dyn FnMut(u32, &[f32])) {
        self.core.for_each_live(visit);
    }
}
