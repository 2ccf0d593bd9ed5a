//! The graph of one index: its layers and codes, and where a walk begins.

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering},
};

use parking_lot::{Mutex, MutexGuard, RwLock};

use super::{
    binary::BinaryCoder,
    blocks::Blocks,
    distance_computer::{Coder, DistanceComputer, PreparedQuery},
    int8::RowTerms,
    layer::Layer,
    longest::Longest,
    order_watch::OrderWatch,
    sketch::Sketches,
    twins::Twins,
    walk::{LayerSearch, WalkMemory, Walked},
    widening::Widening,
};
use crate::{code_line::CodeLine, exact::State, scoring::Scoring, vector_line::VectorLine};

/// Slots in a block of codes.
const CODE_BLOCK_LOG2: u32 = 14;

/// Locks that writers of lists share; more than threads, few enough to stay in the cache.
const LIST_LOCKS: usize = 1_024;

/// How a graph is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Neighbors of a node in the upper layers; twice as many in the lowest.
    pub(super) m: usize,
    /// Candidates looked at when a node is linked.
    pub(super) ef_construction: usize,
}

/// Where a walk begins: a node of the highest layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) layer: usize,
    pub(super) index: u32,
}

/// Codes and layers, as far as there was memory for when they were asked for.
#[derive(Clone)]
pub(super) struct View {
    pub(super) codes: Blocks<CodeLine>,
    /// Beside the codes, where they are of bytes.
    pub(super) terms: Blocks<RowTerms>,
    pub(super) sketches: Blocks<CodeLine>,
    pub(super) twins: Twins,
    pub(super) layers: Vec<Layer>,
}

/// A graph under construction, as it always is. Searches read it without a lock but the one that
/// hands out the view.
pub(super) struct Graph {
    pub(super) shape: Shape,
    pub(super) coder: Coder,
    /// What makes the sketches, where there are any.
    pub(super) sketcher: Option<BinaryCoder>,
    /// Slots when it was last measured whether the codes fit.
    measured_at: AtomicUsize,
    /// Whether what searches found is in the order of the codes.
    pub(super) order: OrderWatch,
    /// How many more candidates searches keep.
    pub(super) widening: Widening,
    pub(super) longest: Longest,
    view: RwLock<Arc<View>>,
    /// Slots below this are linked, or were dead when their turn came.
    linked: AtomicU32,
    /// One more than layer and index in one number; 0 before the first node.
    entry: AtomicU64,
    /// Nodes in each upper layer. Whoever changes edges as a whole holds it.
    linker: Mutex<Vec<u32>>,
    entry_lock: Mutex<()>,
    list_locks: Box<[Mutex<()>]>,
    repairs: Mutex<Repairs>,
}

/// How far neighbors were given to the nodes that removals took some from.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Repairs {
    /// Dead slots when the last pass over the graph began.
    pub(super) dead_before: usize,
    /// Where the pass goes on, if one is under way.
    pub(super) next: Option<u32>,
}

impl Graph {
    /// A graph without nodes, for rows of `row_lines`, with codes chosen for `measured_at` slots.
    pub(super) fn new(
        shape: Shape,
        coder: Coder,
        sketcher: Option<BinaryCoder>,
        row_lines: usize,
        measured_at: usize,
    ) -> Self {
        let codes = Blocks::new(coder.code_lines(row_lines), CODE_BLOCK_LOG2);
        let sketch_lines = sketcher.as_ref().map_or(0, |_| BinaryCoder::code_lines(row_lines));
        let sketches = Blocks::new(sketch_lines, CODE_BLOCK_LOG2);
        let term_count = usize::from(matches!(coder, Coder::Int8(_)));
        let terms = Blocks::new(term_count, CODE_BLOCK_LOG2);
        let layers = vec![Layer::base(shape.m * 2)];
        let view = View { codes, terms, sketches, twins: Twins::default(), layers };
        Self {
            shape,
            coder,
            sketcher,
            measured_at: AtomicUsize::new(measured_at),
            order: OrderWatch::default(),
            widening: Widening::default(),
            longest: Longest::default(),
            view: RwLock::new(Arc::new(view)),
            linked: AtomicU32::new(0),
            entry: AtomicU64::new(0),
            linker: Mutex::default(),
            entry_lock: Mutex::default(),
            repairs: Mutex::default(),
            list_locks: std::iter::repeat_with(Mutex::default).take(LIST_LOCKS).collect(),
        }
    }

    pub(super) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.read())
    }

    /// Changes the view: blocks are added, nothing moves.
    pub(super) fn grow(&self, change: impl FnOnce(&mut View)) {
        let mut view = self.view.write();
        let mut grown = View::clone(&view);
        change(&mut grown);
        *view = Arc::new(grown);
    }

    pub(super) fn linked_end(&self) -> u32 {
        self.linked.load(Ordering::Acquire)
    }

    /// Slots that are linked for good: none where the codes have failed, as they are to be linked
    /// anew.
    pub(super) fn useful_end(&self) -> usize {
        let has_failed = self.order.has_failed() && !matches!(self.coder, Coder::Full);
        if has_failed { 0 } else { self.linked_end() as usize }
    }

    pub(super) fn set_linked_end(&self, end: u32) {
        self.linked.store(end, Ordering::Release);
    }

    pub(super) fn entry(&self) -> Option<Entry> {
        let packed = self.entry.load(Ordering::Acquire).checked_sub(1)?;
        Some(Entry { layer: (packed >> 32) as usize, index: packed as u32 })
    }

    /// Begins walks at `entry` from now on, if its layer is above the present one's.
    pub(super) fn raise_entry(&self, entry: Entry) {
        let _entry = self.entry_lock.lock();
        if self.entry().is_none_or(|present| present.layer < entry.layer) {
            let packed = ((entry.layer as u64) << 32) | u64::from(entry.index);
            self.entry.store(packed + 1, Ordering::Release);
        }
    }

    /// The right to change edges as a whole, with the number of nodes in each upper layer.
    pub(super) fn lock_linker(&self) -> MutexGuard<'_, Vec<u32>> {
        self.linker.lock()
    }

    pub(super) fn repairs(&self) -> &Mutex<Repairs> {
        &self.repairs
    }

    /// The right to change one list.
    pub(super) fn lock_list(&self, layer: usize, index: u32) -> MutexGuard<'_, ()> {
        self.list_locks[(index as usize + layer * 61) % LIST_LOCKS].lock()
    }

    /// Writes the codes of rows under slots that no search sees yet. One thread at a time.
    #[expect(unsafe_code, reason = "writes memory that searches read once it is published")]
    pub(super) fn write_codes<'r>(
        &self,
        first_slot: u32,
        rows: impl ExactSizeIterator<Item = &'r [VectorLine]>,
    ) {
        let end = first_slot as usize + rows.len();
        let has_room = |view: &View| view.layers[0].capacity() >= end;
        if !has_room(&self.view.read()) {
            self.grow(|view| view.grow(end));
        }
        let view = self.view();
        let mut code = vec![CodeLine::ZERO; view.codes.row_len()];
        if code.is_empty() {
            return;
        }
        let mut sketch = vec![CodeLine::ZERO; view.sketches.row_len()];
        let mut components = Vec::new();
        let has_terms = view.terms.row_len() > 0;
        for (slot, row) in (first_slot..).zip(rows) {
            let terms = self.coder.encode(row, &mut code, &mut components);
            // SAFETY: slots are published after their codes, and one thread writes at a time.
            unsafe { view.codes.write(slot, &code) };
            if has_terms {
                // SAFETY: as above.
                unsafe { view.terms.write(slot, &[terms]) };
            }
            if let Some(sketcher) = &self.sketcher {
                sketcher.encode(row, &mut sketch, &mut components);
                // SAFETY: as above.
                unsafe { view.sketches.write(slot, &sketch) };
            }
        }
    }

    /// Writes the codes of the slots of a state from `first_slot` on. A slot whose row is gone has
    /// a code of zeros.
    pub(super) fn write_codes_of(&self, state: &State, first_slot: u32) {
        let gone = vec![VectorLine::ZERO; state.layout().row_lines];
        let slots = first_slot..state.slot_count() as u32;
        self.write_codes(first_slot, slots.map(|slot| state.row(slot).unwrap_or(&gone)));
    }

    /// Whether there are so many more slots than when the codes were last measured that they are to
    /// be measured again: twice as many.
    pub(super) fn is_measuring_due(&self, state: &State) -> bool {
        state.slot_count() >= self.measured_at().saturating_mul(2).max(1)
    }

    /// Slots when it was last measured whether the codes fit.
    pub(super) fn measured_at(&self) -> usize {
        self.measured_at.load(Ordering::Relaxed)
    }

    pub(super) fn set_measured_at(&self, slots: usize) {
        self.measured_at.store(slots, Ordering::Relaxed);
    }

    /// Bytes held for the first `slots` slots and the nodes above them.
    pub(super) fn memory_bytes(&self, slots: usize) -> usize {
        let view = self.view();
        let mut bytes = size_of::<Self>() + size_of_val(&*self.list_locks);
        bytes += view.codes.memory_bytes(slots) + view.sketches.memory_bytes(slots);
        bytes += view.terms.memory_bytes(slots) + view.twins.memory_bytes(slots);
        bytes += view.layers[0].memory_bytes(slots);
        for layer in &view.layers[1..] {
            bytes += layer.memory_bytes(layer.capacity());
        }
        bytes
    }
}

impl View {
    /// Makes room for so many slots.
    pub(super) fn grow(&mut self, slots: usize) {
        self.codes.grow(slots);
        self.terms.grow(slots);
        self.sketches.grow(slots);
        self.twins.grow(slots);
        self.layers[0].grow(slots);
    }

    /// How distances are measured over the codes of this view and the vectors of `state`.
    pub(super) fn computer<'a>(
        &'a self,
        graph: &'a Graph,
        state: &'a State,
        scoring: Scoring,
    ) -> DistanceComputer<'a> {
        let sketches = graph.sketcher.as_ref();
        let sketches = sketches.map(|coder| Sketches { coder, codes: &self.sketches });
        DistanceComputer {
            coder: &graph.coder,
            codes: &self.codes,
            terms: &self.terms,
            sketches,
            state,
            scoring,
        }
    }

    /// Whether a slot, or a twin of it, can be returned.
    pub(super) fn leads_to_live(&self, state: &State, slot: u32) -> bool {
        state.is_live(slot)
            || (self.twins.has_some(slot) && self.twins.of(slot).any(|twin| state.is_live(twin)))
    }

    /// From the entry down to a node of `layer` near the query; `None` in an empty graph.
    pub(super) fn descend_to(
        &self,
        layer: usize,
        entry: Entry,
        computer: DistanceComputer<'_>,
        prepared: &PreparedQuery,
        memory: &mut WalkMemory,
    ) -> (u32, Walked) {
        let (mut node, mut walked) = (entry.index, Walked::default());
        for above in (layer + 1..=entry.layer).rev() {
            let layer_search = LayerSearch { computer, layer: &self.layers[above] };
            let (nearest, done) = layer_search.descend(prepared, node, memory);
            walked = walked.and(done);
            node = layer_search.layer.below(nearest);
        }
        (node, walked)
    }
}
