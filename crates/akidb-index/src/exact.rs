//! The flat index that looks at every vector: exact, ready at once, and the measure of the others.
//!
//! Vectors lie in chunks, each padded to whole cache lines and followed by nothing else, and a full
//! chunk in a huge page where the system gives one, so that a search streams them at the speed of
//! memory. A search takes hold of the state as it is at that
//! moment and reads it without a lock. A writer changes the state in place where no search holds
//! it; where one does, it copies the list of chunks and, of those it changes, the live flags (on
//! removal) or the rows (of the last chunk, on append). So neither waits for the other.

mod chunk;
mod rows;
mod scan;
mod state;

use std::sync::Arc;

use akidb_core::Metric;
use parking_lot::{Mutex, RwLock};

pub(crate) use self::state::State;
use self::{chunk::ChunkLayout, scan::Scan};
use crate::{
    Found, SearchRequest, Strategy, VectorIndex, Work, kernel,
    scoring::Scoring,
    vector_line::{VectorLine, lines_per_row, read_row},
};

/// A flat index: every search finds the exact best neighbors by scoring each allowed vector.
///
/// Memory: `dimension` rounded up to 16 components of 4 bytes for each vector, and a bit. Removed
/// vectors keep their memory until their chunk of 2 MiB holds no live one; call
/// [`compacted`](Self::compacted) when too much of the index is dead. An append holds a padded
/// copy of its input until it returns, so fill a large index in batches.
pub struct ExactIndex {
    dimension: usize,
    scoring: Scoring,
    /// Held through each write, so that a writer can prepare before it takes `published`.
    writer: Mutex<()>,
    /// What searches take hold of. Locked only to clone the `Arc` or to change the state.
    published: RwLock<Arc<State>>,
}

impl ExactIndex {
    /// An index with no slots.
    ///
    /// # Panics
    ///
    /// If `dimension` is 0.
    #[must_use]
    pub fn new(dimension: usize, metric: Metric) -> Self {
        Self::with_layout(dimension, metric, ChunkLayout::new(lines_per_row(dimension)))
    }

    /// The same, for a graph over full vectors: removed vectors keep their memory.
    pub(crate) fn keeping_dead_rows(dimension: usize, metric: Metric) -> Self {
        let layout = ChunkLayout::new(lines_per_row(dimension)).keeping_dead_rows();
        Self::with_layout(dimension, metric, layout)
    }

    fn with_layout(dimension: usize, metric: Metric, layout: ChunkLayout) -> Self {
        assert!(dimension > 0, "vectors have at least one component");
        Self {
            dimension,
            scoring: Scoring::new(metric, &kernel::fastest()),
            writer: Mutex::new(()),
            published: RwLock::new(Arc::new(State::empty(layout))),
        }
    }

    /// A new index that holds only the live vectors, in the same order under new slots from 0, and
    /// the old slot of each new one. Scores stay the same to the bit.
    ///
    /// It holds one moment of this index. Writes made here meanwhile are not in it; the caller
    /// either holds them back or makes them again on the new index.
    #[must_use]
    pub fn compacted(&self) -> (Self, Vec<u32>) {
        self.compacted_state(&self.snapshot())
    }

    /// The same, of a moment that is given.
    pub(crate) fn compacted_state(&self, state: &State) -> (Self, Vec<u32>) {
        let mut compact = State::empty(state.layout());
        let mut old_slots = Vec::with_capacity(state.live_count());
        let mut rows: Vec<VectorLine> = Vec::new();
        for chunk_at in 0..state.chunks().len() {
            rows.clear();
            for (slot, row) in state.live_rows(chunk_at) {
                rows.extend_from_slice(row);
                old_slots.push(slot);
            }
            let prepared = compact.prepare_append(&rows);
            compact.append(prepared);
        }
        let index = Self {
            dimension: self.dimension,
            scoring: self.scoring,
            writer: Mutex::new(()),
            published: RwLock::new(Arc::new(compact)),
        };
        (index, old_slots)
    }

    /// The state at this moment; later writes do not change it.
    pub(crate) fn snapshot(&self) -> Arc<State> {
        Arc::clone(&self.published.read())
    }

    /// A search over one moment, for a query that is padded and scaled.
    pub(crate) fn search_state(
        &self,
        state: &State,
        query: &[VectorLine],
        request: &SearchRequest<'_>,
    ) -> Found {
        let scan = Scan { state, scoring: self.scoring, query, request };
        let compared = state.returnable_max(request) as u64;
        let work = Work { strategy: Strategy::Scan, compared, ..Work::default() };
        Found { neighbors: scan.run(), work }
    }

    /// Puts a state in the place of what the index held, which had no slot yet.
    pub(crate) fn replace_state(&self, state: State) {
        debug_assert_eq!(self.slot_count(), 0);
        *self.published.write() = Arc::new(state);
    }

    pub(crate) fn scoring(&self) -> Scoring {
        self.scoring
    }

    /// [`append`](VectorIndex::append) of rows that are padded and scaled. `before` is called with
    /// the state that they will be added to, when they are known to fit, before they show.
    pub(crate) fn append_rows(
        &self,
        first_slot: u32,
        rows: &[VectorLine],
        before: impl FnOnce(&State),
    ) {
        let _writer = self.writer.lock();
        let prepared = {
            let state = self.snapshot();
            let end = state.slot_count() + rows.len() / state.layout().row_lines;
            assert_eq!(first_slot as usize, state.slot_count(), "slots follow one another");
            assert!(end <= u32::MAX as usize, "slots stay below u32::MAX");
            before(&state);
            state.prepare_append(rows)
        };
        self.publish(|state| state.append(prepared));
    }

    /// Changes what searches see. Where some look at the present state, a copy is changed and takes
    /// its place, so that others wait for no more than an exchange: a search that waits for a lock
    /// yields its turn to threads that give way to it.
    fn publish(&self, change: impl FnOnce(&mut State)) {
        if let Some(state) = Arc::get_mut(&mut *self.published.write()) {
            return change(state);
        }
        let mut next = State::clone(&self.snapshot());
        change(&mut next);
        let next = Arc::new(next);
        let before = std::mem::replace(&mut *self.published.write(), next);
        drop(before);
    }

    /// From now on, removed vectors keep their memory.
    pub(crate) fn keep_dead_rows(&self) {
        let _writer = self.writer.lock();
        self.publish(State::keep_dead_rows);
    }

    /// Calls `work` with the state while nothing can be added or removed.
    pub(crate) fn while_writers_wait<T>(&self, work: impl FnOnce(&State) -> T) -> T {
        let _writer = self.writer.lock();
        work(&self.snapshot())
    }

    /// The components of a row, without its padding.
    fn components(&self, row: &[VectorLine]) -> Vec<f32> {
        let mut vector = vec![0.0; self.dimension];
        read_row(row, &mut vector);
        vector
    }
}

impl VectorIndex for ExactIndex {
    fn dimension(&self) -> usize {
        self.dimension
    }

    fn metric(&self) -> Metric {
        self.scoring.metric()
    }

    fn slot_count(&self) -> usize {
        self.published.read().slot_count()
    }

    fn live_count(&self) -> usize {
        self.published.read().live_count()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + size_of::<State>() + self.snapshot().memory_bytes()
    }

    fn append(&self, first_slot: u32, vectors: &[f32]) {
        assert_eq!(vectors.len() % self.dimension, 0, "vectors are whole rows");
        self.append_rows(first_slot, &self.scoring.rows(vectors, self.dimension), |_| {});
    }

    fn remove(&self, slots: &[u32]) {
        let _writer = self.writer.lock();
        let slot_count = self.slot_count();
        for &slot in slots {
            assert!((slot as usize) < slot_count, "slot {slot} was appended");
        }
        self.publish(|state| state.remove(slots));
    }

    fn search(&self, query: &[f32], request: &SearchRequest<'_>) -> Found {
        assert_eq!(query.len(), self.dimension, "the query has the dimension of the index");
        if request.limit == 0 {
            return Found::default();
        }
        let query = self.scoring.rows(query, self.dimension);
        self.search_state(&self.snapshot(), &query, request)
    }

    fn compact(&self) -> (Box<dyn VectorIndex>, Vec<u32>) {
        let (index, old_slots) = self.compacted();
        (Box::new(index), old_slots)
    }

    fn vector(&self, slot: u32) -> Option<Vec<f32>> {
        self.snapshot().row(slot).map(|row| self.components(row))
    }

    fn for_each_live(&self, visit: &mut dyn FnMut(u32, &[f32])) {
        let state = self.snapshot();
        let mut vector = vec![0.0; self.dimension];
        for chunk_at in 0..state.chunks().len() {
            for (slot, row) in state.live_rows(chunk_at) {
                read_row(row, &mut vector);
                visit(slot, &vector);
            }
        }
    }
}
