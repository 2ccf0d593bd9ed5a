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
//! | `space` | distances from a target to slots |
//! | `layer`, `graph` | lists of neighbours, layers, codes and the entry |
//! | `pool`, `visited`, `walk` | the walk over one layer |
//! | `select`, `insertion`, `linker` | how nodes get their neighbours |
//! | `repair`, `compaction` | what happens to the neighbours of removed nodes |
//! | `plan`, `search`, `code_scan`, `rescoring` | how a search goes about it |
//! | `parts`, `from_parts` | the index as sections of a file |

mod binary;
mod blocks;
mod code_scan;
mod compaction;
mod from_parts;
mod graph;
mod insertion;
mod int8;
mod layer;
mod linker;
pub(crate) mod parts;
mod plan;
mod pool;
mod repair;
mod rescoring;
mod rotation;
mod search;
mod select;
pub(crate) mod sketch;
mod space;
mod visited;
mod walk;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use akidb_core::{IndexSettings, Metric, Quantization};
use parking_lot::{Mutex, RwLock};

use self::{
    binary::BinaryCoder,
    graph::{Graph, Shape},
    int8::{CALIBRATION_COMPONENTS, Int8Coder, medians},
    linker::MemoryStore,
    search::{Search, SearchMemory},
    space::Coder,
};
use crate::{
    Approach, ExactIndex, Found, IndexHeader, SearchRequest, Section, VectorIndex, exact::State,
    lane::Lane,
};

/// Vectors from which on a graph pays: below, scanning takes less than 0.2 ms.
pub(crate) const GRAPH_MIN: usize = 8_000;

/// An approximate index whose searches look at a small part of the vectors.
///
/// Memory beside the full vectors, from [`GRAPH_MIN`] vectors on: a byte a component and, from 193
/// components on, a bit a component and 16 bytes, each rounded up to 64, and `8 * m` bytes for links.
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
    /// the old slot of each new one. The graph comes along: nodes whose neighbours are gone get
    /// others, which takes a small part of the time that building it takes.
    ///
    /// It holds one moment of this index. Writes made here meanwhile are not in it; the caller
    /// either holds them back or makes them again on the new index. Linking waits.
    #[must_use]
    pub fn compacted(&self) -> (Self, Vec<u32>) {
        let graph = self.graph();
        let state = self.core.snapshot();
        let (core, old_slots) = self.core.compacted_state(&state);
        let graph = graph.filter(|_| old_slots.len() >= self.graph_min).map(|graph| {
            let compacted = core.snapshot();
            let scoring = core.scoring();
            graph.compacted(&state, &compacted, &old_slots, scoring, &self.insertions)
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

    /// The graph that vectors are linked into: the one there is, unless its codes no longer fit
    /// the vectors, or a new one where there are enough vectors for it.
    fn graph_to_link(&self, state: &State) -> Option<Arc<Graph>> {
        let present = self.graph();
        match &present {
            Some(graph) if !graph.is_worn(state) => present,
            None if state.live_count() < self.graph_min => None,
            Some(_) | None => Some(self.begin_graph(state)),
        }
    }

    /// Makes codes of all vectors anew, and an empty graph.
    fn begin_graph(&self, state: &State) -> Arc<Graph> {
        let (coder, sketcher) = self.calibrated(state);
        let row_lanes = state.layout().row_lanes;
        let graph = Graph::new(self.shape(), coder, sketcher, row_lanes, state.slot_count());
        let graph = Arc::new(graph);
        graph.write_codes_of(state, 0);
        self.core.while_writers_wait(|now| {
            graph.write_codes_of(now, state.slot_count() as u32);
            *self.graph.write() = Some(Arc::clone(&graph));
        });
        graph
    }

    fn shape(&self) -> Shape {
        Shape {
            m: (self.settings.m as usize).max(2),
            ef_construction: (self.settings.ef_construction as usize).max(8),
        }
    }

    /// How the vectors present are coded best.
    fn calibrated(&self, state: &State) -> (Coder, Option<BinaryCoder>) {
        match self.settings.quantization {
            Quantization::None => (Coder::Full, None),
            quantization => {
                let rows_max = (CALIBRATION_COMPONENTS / self.core.dimension()).clamp(256, 4_096);
                let step = (state.live_count() / rows_max).max(1);
                let rows: Vec<&[Lane]> = (0..state.chunks().len())
                    .flat_map(|chunk_at| state.live_rows(chunk_at))
                    .step_by(step)
                    .map(|(_, row)| row)
                    .collect();
                if quantization == Quantization::Binary {
                    return (Coder::Binary(BinaryCoder::new(medians(&rows))), None);
                }
                let coder = Coder::Int8(Int8Coder::calibrated(self.core.metric(), &rows));
                let has_sketches = sketch::go_with(quantization, state.layout().row_lanes);
                (coder, has_sketches.then(|| BinaryCoder::new(medians(&rows))))
            }
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
        assert_eq!(query.len(), self.dimension(), "the query has the dimension of the index");
        if request.limit == 0 {
            return Found::default();
        }
        let query = self.core.scoring().rows(query, self.dimension());
        // The state comes first: a graph has the codes of every state before it.
        let state = self.core.snapshot();
        let graph = self.graph().filter(|_| !request.exact);
        let Some(graph) = graph else { return self.core.search_state(&state, &query, request) };
        let linked_end = graph.linked_end();
        let view = graph.view();
        let ef = self.ef_of(request);
        let search = Search {
            graph: &graph,
            view: &view,
            space: view.space(&graph, &state, self.core.scoring()),
            state: &state,
            query: &query,
            request,
            approach,
            linked_end,
            ef,
        };
        if search.returnable_max() <= plan::rescored_max(&search) {
            return self.core.search_state(&state, &query, request);
        }
        let mut memory = self.searches.lock().pop().unwrap_or_default();
        let found = search.run(&mut memory);
        self.searches.lock().push(memory);
        found
    }

    /// How many candidates a search keeps.
    fn ef_of(&self, request: &SearchRequest<'_>) -> usize {
        request.ef.unwrap_or(self.settings.ef as usize).max(request.limit).max(1)
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
                graph.write_codes(first_slot, rows.chunks_exact(state.layout().row_lanes));
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
    /// give new neighbours to nodes that lost too many; the nodes left to look at count as pending
    /// in what it returns. Where later vectors do not fit the codes that were chosen by the first,
    /// it chooses others and begins the graph anew.
    fn link(&self, vectors_max: usize) -> usize {
        let _linking = self.linking.lock();
        let state = self.core.snapshot();
        let Some(graph) = self.graph_to_link(&state) else { return 0 };
        let scoring = self.core.scoring();
        if (graph.linked_end() as usize) < state.slot_count() {
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
            Some(graph) => slots.saturating_sub(graph.linked_end() as usize),
        }
    }

    fn linked_count(&self) -> usize {
        self.graph().map_or(0, |graph| graph.linked_end() as usize)
    }

    fn visit_parts(&self, visit: &mut dyn FnMut(&IndexHeader, &[Section<'_>])) -> bool {
        self.with_parts(visit);
        true
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
