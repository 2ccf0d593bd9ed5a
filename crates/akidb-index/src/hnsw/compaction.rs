//! A graph of only the live nodes, made from one that holds dead ones, for far less than building it.
//!
//! Nodes keep their neighbors under new indexes; where too many of these are dead, they get others
//! as in `repair`. What lost its pinned edges is tied to the tree again.

use rayon::prelude::*;

use super::{
    calibration::Coding,
    distance_computer::DistanceComputer,
    graph::{Entry, Graph, View},
    insertion::{InsertMemory, Insertion},
    layer::{Layer, Link},
    linker::MemoryStore,
    repair::{choose_live, is_thinned},
    widening::Widening,
};
use crate::{exact::State, scoring::Scoring};

/// The new index of a node that is gone.
const GONE: u32 = u32::MAX;

/// Nodes that a thread carries over before it looks for more.
const NODES_A_TURN: usize = 256;

impl Graph {
    /// The graph of the live slots of `state` alone, whose new slots are their places in
    /// `old_slots`. `compacted` is the state of the new slots.
    pub(super) fn compacted(
        &self,
        state: &State,
        compacted: &State,
        old_slots: &[u32],
        scoring: Scoring,
        recoded: Option<Coding>,
        memories: &MemoryStore,
    ) -> Self {
        let upper_counts = self.lock_linker();
        let old_view = self.view();
        let is_recoded = recoded.is_some();
        let Coding { coder, sketcher } = recoded.unwrap_or_else(|| Coding {
            coder: self.coder.clone(),
            sketcher: self.sketcher.clone(),
        });
        let row_lines = state.layout().row_lines;
        let mut graph = Self::new(self.shape, coder, sketcher, row_lines, old_slots.len());
        graph.widening = Widening::at(self.widening.step(), old_slots.len() as u32);
        graph.order.set_failed(self.order.has_failed());
        if is_recoded {
            graph.grow(|view| view.grow(old_slots.len()));
            graph.write_codes_of(compacted, 0);
        } else {
            graph.copy_codes(&old_view, old_slots);
        }
        let linked_end = self.linked_end();
        let linked = old_slots.partition_point(|&slot| slot < linked_end);
        let mut new_indexes = vec![GONE; state.slot_count()];
        for (new, &old) in (0..).zip(&old_slots[..linked]) {
            if !old_view.twins.is_twin(old) {
                new_indexes[old as usize] = new;
            }
        }
        if old_view.twins.exist() {
            graph.copy_twins(&old_view, state, old_slots, &mut new_indexes[..linked_end as usize]);
        }
        let computer = old_view.computer(self, state, scoring);
        let mut entry = None;
        let mut cut_off: Vec<u32> = Vec::new();
        for (at, old_layer) in old_view.layers.iter().enumerate() {
            if at > 0 {
                let count = upper_counts.get(at - 1).copied().unwrap_or(0);
                let Some(below) = graph.copy_members(at, old_layer, count, &new_indexes) else {
                    break;
                };
                new_indexes = below;
            }
            let layers = &graph.view().layers;
            let repaired = copy_links(
                computer,
                &old_view,
                (old_layer, &layers[at]),
                &new_indexes,
                state,
                memories,
            );
            repaired.par_iter().for_each(|node| {
                for link in layers[at].neighbors(node.index) {
                    graph.link_where_room(layers, at, (link.index, node.index), |_| true);
                }
            });
            if at == 0 {
                let far = repaired.iter().filter(|node| !node.had_enough);
                cut_off = far.map(|node| node.index).collect();
            }
            let first_live = new_indexes.iter().find(|&&index| index != GONE);
            entry = first_live.map(|&index| Entry { layer: at, index }).or(entry);
        }
        if let Some(entry) = entry {
            graph.raise_entry(entry);
        }
        graph.longest.look_at(compacted, scoring, 0..linked as u32);
        graph.set_linked_end(linked as u32);
        graph.settle(compacted, scoring, &cut_off, memories);
        graph
    }

    /// Copies the codes of the old slots to their places in the list.
    #[expect(unsafe_code, reason = "writes memory that no other thread has")]
    fn copy_codes(&self, old: &View, old_slots: &[u32]) {
        self.grow(|view| view.grow(old_slots.len()));
        let view = self.view();
        if view.codes.row_len() == 0 {
            return;
        }
        for (new, &old_slot) in (0..).zip(old_slots) {
            // SAFETY: this graph is not published yet.
            unsafe { view.codes.write(new, old.codes.row(old_slot)) };
            if view.terms.row_len() > 0 {
                // SAFETY: as above.
                unsafe { view.terms.write(new, old.terms.row(old_slot)) };
            }
            if self.sketcher.is_some() {
                // SAFETY: as above.
                unsafe { view.sketches.write(new, old.sketches.row(old_slot)) };
            }
        }
    }

    /// Copies the chains of live twins. Where a representative is gone, the first of its twins stands
    /// in its place, with its neighbors: they are equal.
    fn copy_twins(&self, old: &View, state: &State, old_slots: &[u32], new_indexes: &mut [u32]) {
        let view = self.view();
        let new_slot = |old: u32| old_slots.binary_search(&old).unwrap_or(0) as u32;
        for (old_slot, new_index) in (0..).zip(new_indexes) {
            if !old.twins.has_some(old_slot) {
                continue;
            }
            for twin in old.twins.of(old_slot).filter(|&twin| state.is_live(twin)).map(new_slot) {
                match *new_index {
                    GONE => *new_index = twin,
                    representative => view.twins.add(representative, twin),
                }
            }
        }
    }

    /// Adds an upper layer of the live members of an old one; returns the new index of each old
    /// member, or `None` where none is left. `below` is the same for the layer below.
    fn copy_members(&self, at: usize, old: &Layer, count: u32, below: &[u32]) -> Option<Vec<u32>> {
        let mut new_indexes = vec![GONE; count as usize];
        let mut live = 0;
        for (index, new_index) in (0..).zip(&mut new_indexes) {
            if below[old.below(index) as usize] != GONE {
                *new_index = live;
                live += 1;
            }
        }
        if live == 0 {
            return None;
        }
        let mut upper = Layer::upper(old.degree());
        upper.grow(live as usize);
        let view = self.view();
        for (index, &new_index) in (0..).zip(&new_indexes) {
            if new_index != GONE {
                let below = below[old.below(index) as usize];
                upper.set_member(new_index, view.layers[at - 1].slot(below), below);
            }
        }
        self.grow(|view| view.layers.push(upper));
        self.lock_linker().push(live);
        debug_assert_eq!(self.view().layers.len(), at + 1);
        Some(new_indexes)
    }

    /// Finishes a graph without dead nodes: those that were cut off choose their neighbors anew, and
    /// the pinned edges become a tree over all of it again.
    fn settle(&self, state: &State, scoring: Scoring, cut_off: &[u32], memories: &MemoryStore) {
        let Some(entry) = self.entry() else { return };
        let view = self.view();
        let computer = view.computer(self, state, scoring);
        let end = self.linked_end();
        let insertion = Insertion { graph: self, view: &view, computer, end };
        let mut root = entry;
        for layer in (1..=entry.layer).rev() {
            root = Entry { layer: layer - 1, index: view.layers[layer].below(root.index) };
        }
        let mut memory = memories.take();
        // Twins are no nodes.
        let tied = (0..end).map(|slot| view.twins.is_twin(slot)).collect();
        Ties { insertion, tied, found: Vec::new() }.tie_all(root.index, &mut memory);
        memories.give_back(memory);
        cut_off.par_chunks(NODES_A_TURN).for_each(|turn| {
            let mut memory = memories.take();
            turn.iter().for_each(|&index| insertion.relink(index, &mut memory));
            memories.give_back(memory);
        });
    }
}

/// A node that got other neighbors, by its new index.
struct Repaired {
    index: u32,
    /// Whether there was enough to choose them from.
    had_enough: bool,
}

/// Copies the lists of the nodes that have a new index, in parallel. Returns the nodes
/// that got other neighbors.
fn copy_links(
    computer: DistanceComputer<'_>,
    old_view: &View,
    (old, new): (&Layer, &Layer),
    new_indexes: &[u32],
    state: &State,
    memories: &MemoryStore,
) -> Vec<Repaired> {
    let is_live = |slot: u32| old_view.leads_to_live(state, slot);
    let renamed = |link: Link| {
        let index = new_indexes.get(link.index as usize).copied().filter(|&index| index != GONE)?;
        Some(Link { index, pinned: link.pinned && old.is_base() })
    };
    let turns = new_indexes.par_chunks(NODES_A_TURN).enumerate();
    let copied = turns.flat_map_iter(|(turn, chunk)| {
        let mut memory = memories.take();
        let mut repaired = Vec::new();
        for (index, &new_index) in ((turn * NODES_A_TURN) as u32..).zip(chunk) {
            if new_index == GONE {
                continue;
            }
            if is_thinned(old, index, is_live) {
                let repair = memory.repair();
                let keeps = |link: Link| link.pinned && is_live(old.slot(link.index));
                let had_enough = choose_live(computer, old, index, is_live, keeps, repair);
                let chosen = repair.select.chosen.iter().copied();
                new.set_neighbors(new_index, chosen.filter_map(renamed));
                repaired.push(Repaired { index: new_index, had_enough });
            } else {
                new.set_neighbors(new_index, old.neighbors(index).filter_map(renamed));
            }
        }
        memories.give_back(memory);
        repaired
    });
    copied.collect()
}

/// Nodes that hang together by pinned edges, growing until it is all of them.
struct Ties<'a> {
    insertion: Insertion<'a>,
    tied: Vec<bool>,
    /// Tied nodes whose edges were not followed yet.
    found: Vec<u32>,
}

impl Ties<'_> {
    fn tie_all(&mut self, root: u32, memory: &mut InsertMemory) {
        self.add(root);
        self.follow(memory);
        for index in 0..self.tied.len() as u32 {
            if !self.tied[index as usize] {
                self.insertion.reattach(index, root, |parent| self.tied[parent as usize], memory);
                self.add(index);
                self.follow(memory);
            }
        }
    }

    /// Adds a node, and what hangs together with it.
    fn add(&mut self, index: u32) {
        let layer = &self.insertion.view.layers[0];
        let mut open = vec![index];
        while let Some(node) = open.pop() {
            if !std::mem::replace(&mut self.tied[node as usize], true) {
                self.found.push(node);
                open.extend(layer.neighbors(node).filter(|link| link.pinned).map(|to| to.index));
            }
        }
    }

    /// Ties what the edges of tied nodes lead to, as long as they have room.
    fn follow(&mut self, memory: &mut InsertMemory) {
        let layer = &self.insertion.view.layers[0];
        while let Some(node) = self.found.pop() {
            let neighbors: Vec<Link> = layer.neighbors(node).collect();
            for to in neighbors {
                if !self.tied[to.index as usize] && self.insertion.adopt(node, to.index, memory) {
                    self.add(to.index);
                }
            }
        }
    }
}
