//! The graph index: a hierarchical navigable small world (Malkov and Yashunin 2018) over codes.
//!
//! The full vectors lie in an [`ExactIndex`], which answers alone as long as there are few. From
//! then on each vector has a code, and [`link`](HnswIndex::link), called in the background, puts
//! the vectors into a graph in the order of their slots. A search walks the graph over the codes,
//! scans the codes of what is not linked yet, and scores the best again with full vectors.
//!
//! | module | what it is |
//! |---|---|
//! | `blocks` | rows by index at addresses that never move |
//! | `int8` | codes of one byte a component |
//! | `binary`, `rotation` | codes of one bit a component |
//! | `sketch` | codes of bits beside those of bytes, for scans |
//! | `calibration`, `order_watch` | which codes serve, as measured and as searches see it |
//! | `distance_computer` | distances from a query to slots |
//! | `layer`, `graph` | lists of neighbors, layers, codes and the entry |
//! | `pool`, `visited`, `walk` | the walk over one layer |
//! | `longest`, `widening` | where walks begin besides, and how many candidates they keep more |
//! | `select`, `insertion`, `linker` | how nodes get their neighbors |
//! | `twins` | equal vectors, of which one is a node |
//! | `repair`, `compaction` | what happens to the neighbors of removed nodes |
//! | `plan`, `search`, `code_scan`, `rescoring` | how a search goes about it |
//! | `parts`, `from_parts` | the index as sections of a file |

mod binary;
mod blocks;
mod calibration;
mod code_scan;
mod compaction;
mod distance_computer;
mod from_parts;
mod graph;
mod insertion;
mod int8;
mod layer;
mod linker;
mod longest;
mod order_watch;
pub(crate) mod parts;
mod plan;
mod pool;
mod repair;
mod rescoring;
mod rotation;
mod search;
mod select;
pub(crate) mod sketch;
mod twins;
mod visited;
mod walk;
mod widening;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use akidb_core::{IndexSettings, Metric, Quantization};
use parking_lot::{Mutex, RwLock};

use self::{
    calibration::{Calibration, Coding},
    distance_computer::Coder,
    graph::{Graph, Shape},
    linker::MemoryStore,
    search::{Search, SearchMemory},
};
use crate::{
    Approach, Codes, ExactIndex, Found, IndexHeader, SearchRequest, Section, VectorIndex, Work,
    exact::State, ranking::Ranking,
};

/// Vectors from which on there is a graph. Below, scanning takes less than 0.25 ms; and as an answer
/// holds no more by default, one that holds all of an index comes from a scan, in order and whole.
pub(crate) const GRAPH_MIN: usize = 10_000;

/// Rounds more that a search makes where full vectors overturn the order of the codes.
const WIDENINGS_MAX: usize = 2;

/// An approximate index whose searches look at a small part of the vectors.
///
/// Memory beside the full vectors, from [`GRAPH_MIN`] vectors on: a byte a component and, from 193
/// components on, a bit a component and 16 bytes, each rounded up to 64, and `8 * m + 8` bytes for
/// links and scales. Where no codes serve the vectors, it walks over these, and has links alone.
pub struct HnswIndex {
    core: ExactIndex,
    settings: IndexSettings,
    graph_min: usize,
    graph: RwLock<Option<Arc<Graph>>>,
    searches: Mutex<Vec<SearchMemory>>,
    insertions: MemoryStore,
    /// Held through each call of `link`.
    linking: Mutex<()>,
}

impl HnswIndex {
    /// An index with no slots. Of the settings, `engine` is not looked at.
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
        let core = match settings.quantization {
            Quantization::None => ExactIndex::keeping_dead_rows(dimension, metric),
            Quantization::Int8 | Quantization::Binary => ExactIndex::new(dimension, metric),
        };
        Self {
            core,
            settings,
            graph_min: graph_min.max(1),
            graph: RwLock::default(),
            searches: Mutex::default(),
            insertions: MemoryStore::default(),
            linking: Mutex::default(),
        }
    }

    fn graph(&self) -> Option<Arc<Graph>> {
        self.graph.read().clone()
    }

    /// A new index that holds only the live vectors, in the same order under new slots from 0, and
    /// the old slot of each new one. The graph comes along: nodes whose neighbors are gone get
    /// others, which takes a small part of the time that building it takes.
    ///
    /// It holds one moment of this index. Writes made here meanwhile are not in it; the caller
    /// either holds them back or makes them again on the new index. Linking waits.
    #[must_use]
    pub fn compacted(&self) -> (Self, Vec<u32>) {
        let graph = self.graph();
        let state = self.core.snapshot();
        let (core, old_slots) = self.core.compacted_state(&state);
        let graph = graph.filter(|_| old_slots.len() >= self.graph_min).and_then(|graph| {
            let compacted = core.snapshot();
            let recoded = self.recoded(&graph, &compacted)?;
            let scoring = core.scoring();
            Some(graph.compacted(
                &state,
                &compacted,
                &old_slots,
                scoring,
                recoded,
                &self.insertions,
            ))
        });
        let index = Self {
            core,
            settings: self.settings,
            graph_min: self.graph_min,
            graph: RwLock::new(graph.map(Arc::new)),
            searches: Mutex::default(),
            insertions: MemoryStore::default(),
            linking: Mutex::default(),
        };
        (index, old_slots)
    }

    /// How a graph that holds only the live vectors of `state` is coded: `Some(None)` as it is, and
    /// `None` where it is to be built anew.
    fn recoded(&self, graph: &Graph, state: &State) -> Option<Option<Coding>> {
        if self.settings.quantization == Quantization::None {
            return Some(None);
        }
        if graph.order.has_failed() {
            return matches!(graph.coder, Coder::Full).then_some(None);
        }
        let calibration = Calibration::new(state, self.core.scoring(), self.shape());
        if matches!(graph.coder, Coder::Full) {
            let coding = calibration.choose(self.settings.quantization);
            return Some(Some(coding).filter(|coding| !matches!(coding.coder, Coder::Full)));
        }
        calibration.serves(&graph.coder).then_some(None)
    }

    /// The graph that vectors are linked into: the one there is, unless its codes do not serve the
    /// vectors, or a new one where there are enough vectors for it.
    fn graph_to_link(&self, state: &State) -> Option<Arc<Graph>> {
        match self.graph() {
            None if state.live_count() < self.graph_min => None,
            None => Some(self.begin_graph(state, self.coding(state), false)),
            Some(graph) if graph.order.has_failed() && !matches!(graph.coder, Coder::Full) => {
                Some(self.begin_graph(state, Coding::FULL, true))
            }
            Some(graph) if graph.is_measuring_due(state) => Some(self.measured(graph, state)),
            present => present,
        }
    }

    /// The graph there is where its codes serve the vectors, which are many more by now, or a new one.
    fn measured(&self, graph: Arc<Graph>, state: &State) -> Arc<Graph> {
        let is_chosen = self.settings.quantization != Quantization::None;
        if is_chosen && !graph.order.has_failed() {
            let calibration = Calibration::new(state, self.core.scoring(), self.shape());
            let is_full = matches!(graph.coder, Coder::Full);
            if is_full || !calibration.serves(&graph.coder) {
                let coding = calibration.choose(self.settings.quantization);
                if !(is_full && matches!(coding.coder, Coder::Full)) {
                    return self.begin_graph(state, coding, false);
                }
            }
        }
        graph.set_measured_at(state.slot_count());
        graph
    }

    /// Makes codes of all vectors anew, and an empty graph. `has_failed` is whether codes did.
    fn begin_graph(&self, state: &State, coding: Coding, has_failed: bool) -> Arc<Graph> {
        let Coding { coder, sketcher } = coding;
        if matches!(coder, Coder::Full) {
            self.core.keep_dead_rows();
        }
        let row_lines = state.layout().row_lines;
        let graph = Graph::new(self.shape(), coder, sketcher, row_lines, state.slot_count());
        graph.order.set_failed(has_failed);
        let graph = Arc::new(graph);
        graph.write_codes_of(state, 0);
        self.core.while_writers_wait(|now| {
            graph.write_codes_of(now, state.slot_count() as u32);
            *self.graph.write() = Some(Arc::clone(&graph));
        });
        graph
    }

    /// How the vectors present are coded best.
    fn coding(&self, state: &State) -> Coding {
        match self.settings.quantization {
            Quantization::None => Coding::FULL,
            quantization => {
                Calibration::new(state, self.core.scoring(), self.shape()).choose(quantization)
            }
        }
    }

    fn shape(&self) -> Shape {
        Shape {
            m: (self.settings.m as usize).max(2),
            ef_construction: (self.settings.ef_construction as usize).max(8),
        }
    }

    /// A search of which the caller chooses how to go about it, to hold the planner against. Without
    /// a graph, or where the request says `exact`, every vector is compared all the same.
    ///
    /// # Panics
    ///
    /// If the query has another dimension than the index.
    #[must_use]
    pub fn search_by(
        &self,
        approach: Approach,
        query: &[f32],
        request: &SearchRequest<'_>,
    ) -> Found {
        self.search_watched(true, approach, query, request)
    }

    /// The same; `is_watched` is whether it counts where it shows that the codes do not serve.
    fn search_watched(
        &self,
        is_watched: bool,
        approach: Approach,
        query: &[f32],
        request: &SearchRequest<'_>,
    ) -> Found {
        assert_eq!(query.len(), self.dimension(), "the query has the dimension of the index");
        if request.limit == 0 {
            return Found::default();
        }
        let query = self.core.scoring().rows(query, self.dimension());
        // The state comes first: a graph has the codes of every state before it.
        let state = self.core.snapshot();
        let graph = self.graph().filter(|_| !request.effort.exact);
        let Some(graph) = graph else { return self.core.search_state(&state, &query, request) };
        let linked_end = graph.linked_end();
        let view = graph.view();
        let ef = request
            .effort
            .ef
            .unwrap_or_else(|| graph.widening.of(self.settings.ef as usize))
            .max(1);
        let mut search = Search {
            graph: &graph,
            view: &view,
            computer: view.computer(&graph, &state, self.core.scoring()),
            state: &state,
            query: &query,
            request,
            approach,
            linked_end,
            scan_max: self.graph_min,
            is_watched,
            ef,
            may_widen: true,
        };
        let mut memory = self.searches.lock().pop().unwrap_or_default();
        let found = self.search_in_rounds(&mut search, &mut memory);
        self.searches.lock().push(memory);
        found
    }

    /// Searches over more and more candidates until enough is given.
    fn search_in_rounds(&self, search: &mut Search<'_>, memory: &mut SearchMemory) -> Found {
        let request = search.request;
        let mut ranking = Ranking::new(request.limit, request.effort.min_score);
        let mut work: Option<Work> = None;
        let mut widenings = 0;
        loop {
            let is_last = search.returnable_max() <= search.ef;
            if is_last && request.effort.rescore {
                let exact = self.search_exactly(search, &mut ranking);
                work = Some(work.map_or(exact, |work| work.and(exact)));
                break;
            }
            search.may_widen = widenings < WIDENINGS_MAX;
            let round = search.run(memory, &mut ranking);
            let is_told = search.is_watched && !request.is_late();
            if work.is_none() && request.effort.rescore && is_told {
                search.graph.order.count(round.is_overturned);
            }
            widenings += usize::from(round.is_overturned);
            work = Some(work.map_or(round.work, |work| work.and(round.work)));
            if is_last || ranking.is_full() || request.is_late() {
                break;
            }
            search.ef = ranking.next_round(search.ef);
        }
        Found { neighbors: ranking.finish(), work: work.unwrap_or_default() }
    }

    /// The last round: every vector is compared.
    fn search_exactly(&self, search: &Search<'_>, ranking: &mut Ranking) -> Work {
        let mut work = Work::default();
        ranking.give_exact(|limit| {
            let request = SearchRequest { limit, ..*search.request };
            let found = self.core.search_state(search.state, search.query, &request);
            work = work.and(found.work);
            found.neighbors
        });
        work
    }
}

impl VectorIndex for HnswIndex {
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
        self.core.memory_bytes() + self.hot_memory_bytes()
    }

    fn append(&self, first_slot: u32, vectors: &[f32]) {
        assert_eq!(vectors.len() % self.dimension(), 0, "vectors are whole rows");
        let rows = self.core.scoring().rows(vectors, self.dimension());
        self.core.append_rows(first_slot, &rows, |state| {
            if let Some(graph) = self.graph() {
                graph.write_codes(first_slot, rows.chunks_exact(state.layout().row_lines));
            }
        });
    }

    fn remove(&self, slots: &[u32]) {
        self.core.remove(slots);
    }

    fn search(&self, query: &[f32], request: &SearchRequest<'_>) -> Found {
        self.search_by(Approach::Planned, query, request)
    }

    /// Links vectors in the order of their slots, in parallel. When none is pending, it goes on to
    /// give new neighbors to nodes that lost too many; the nodes left to look at count as pending
    /// in what it returns. Where later vectors do not fit the codes that were chosen by the first,
    /// it chooses others and begins the graph anew.
    fn link(&self, vectors_max: usize) -> usize {
        let _linking = self.linking.lock();
        let Some(graph) = self.graph_to_link(&self.core.snapshot()) else { return 0 };
        // After that: a graph over full vectors has those of slots that are removed from then on.
        let state = self.core.snapshot();
        let scoring = self.core.scoring();
        if (graph.linked_end() as usize) < state.slot_count() {
            self.measure_searches(&graph, &state);
            graph.link(&state, scoring, vectors_max, &self.insertions);
        }
        match self.pending_count() {
            0 => graph.repair_where_due(&state, scoring, vectors_max, &self.insertions),
            pending => pending,
        }
    }

    fn pending_count(&self) -> usize {
        let slots = self.core.slot_count();
        match self.graph() {
            None if self.core.live_count() < self.graph_min => 0,
            None => slots,
            Some(graph) => slots - graph.useful_end().min(slots),
        }
    }

    fn linked_count(&self) -> usize {
        self.graph().map_or(0, |graph| graph.useful_end())
    }

    fn codes(&self) -> Option<Codes> {
        self.graph().map(|graph| graph.coder.codes())
    }

    fn visit_parts(&self, visit: &mut dyn FnMut(&IndexHeader, &[Section<'_>])) -> bool {
        self.with_parts(visit);
        true
    }

    fn expected_time(&self, request: &SearchRequest<'_>) -> Duration {
        let Some(graph) = self.graph().filter(|_| !request.effort.exact) else {
            return self.core.expected_time(request);
        };
        let state = self.core.snapshot();
        let ef = request.effort.ef;
        let ef = ef.unwrap_or_else(|| graph.widening.of(self.settings.ef as usize));
        let component_bits = match graph.coder.codes() {
            Codes::Binary => 1,
            Codes::Int8 => 8,
            Codes::F32 => 32,
        };
        plan::expected_time(&plan::Expected {
            returnable: state.returnable_max(request),
            slots: state.slot_count(),
            unlinked: state.slot_count().saturating_sub(graph.linked_end() as usize),
            ef: ef.max(request.limit),
            code_bytes: self.dimension() * component_bits / 8,
        })
    }

    fn compact(&self) -> (Box<dyn VectorIndex>, Vec<u32>) {
        let (index, old_slots) = self.compacted();
        (Box::new(index), old_slots)
    }

    fn hot_memory_bytes(&self) -> usize {
        self.graph().map_or(0, |graph| graph.memory_bytes(self.core.slot_count()))
    }

    fn vector(&self, slot: u32) -> Option<Vec<f32>> {
        self.core.vector(slot)
    }

    fn for_each_live(&self, visit: &mut dyn FnMut(u32, &[f32])) {
        self.core.for_each_live(visit);
    }
}
