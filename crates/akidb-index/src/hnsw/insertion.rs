//! Linking one node into the layers it belongs to.
//!
//! Any number of threads insert at once. A node's own lists stand before an edge leads to it. In the
//! lowest layer each node has a pinned edge to and from a parent that was there before it, so that
//! every node can be reached from every other, whatever is pruned later.

use super::{
    distance_computer::{DistanceComputer, PreparedQuery},
    graph::{Entry, Graph, View},
    layer::{INDEX_END, Layer, Link},
    repair::RepairMemory,
    select::{Candidate, SelectMemory, select},
    walk::{Budget, LayerSearch, WalkMemory},
};

/// Where a walk to a new node meets many dead ones, which it leaves for live ones, it ends after so
/// many comparisons for each candidate.
const COMPARED_PER_CANDIDATE_MAX: usize = 64;

/// Steps down the tree of pinned edges to a node that has room for another child.
const TREE_STEPS_MAX: u32 = 10_000;

/// A node on its way into the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placement {
    pub(super) slot: u32,
    /// The highest layer it belongs to, and its index there.
    pub(super) top: Entry,
}

/// What an insertion needs, kept to be used again without allocating.
#[derive(Default)]
pub(super) struct InsertMemory {
    walk: WalkMemory,
    prepared: PreparedQuery,
    neighbor: PreparedQuery,
    select: SelectMemory,
    candidates: Vec<Candidate>,
    selected: Vec<Link>,
    slots: Vec<u32>,
    distances: Vec<f32>,
    pruned: Vec<Candidate>,
    repair: RepairMemory,
}

impl InsertMemory {
    pub(super) fn repair(&mut self) -> &mut RepairMemory {
        &mut self.repair
    }
}

/// Insertions into one graph, up to the slot `end`.
#[derive(Clone, Copy)]
pub(super) struct Insertion<'a> {
    pub(super) graph: &'a Graph,
    pub(super) view: &'a View,
    pub(super) computer: DistanceComputer<'a>,
    pub(super) end: u32,
}

impl Insertion<'_> {
    /// Links a node into its layers. Edges back to it are added in the lowest layer first, so that
    /// whoever comes upon it higher up finds all of it below.
    pub(super) fn insert(&self, node: Placement, memory: &mut InsertMemory) {
        let Some(entry) = self.graph.entry() else {
            return self.graph.raise_entry(node.top);
        };
        self.computer.prepare_slot(node.slot, &mut memory.prepared);
        let top = node.top.layer.min(entry.layer);
        let (mut start, _) =
            self.view.descend_to(top, entry, self.computer, &memory.prepared, &mut memory.walk);
        let mut index = node.top.index;
        for above in (top + 1..=node.top.layer).rev() {
            index = self.view.layers[above].below(index);
        }
        let mut upper_lists = Vec::new();
        for at in (1..=top).rev() {
            self.explore(at, index, start, memory);
            if self.becomes_twin(at, node.slot, memory) {
                return;
            }
            let nearest = self.choose(at, index, start, memory);
            upper_lists.push((at, index, memory.selected.clone()));
            let layer = &self.view.layers[at];
            (start, index) = (layer.below(nearest), layer.below(index));
        }
        self.explore(0, index, start, memory);
        if self.becomes_twin(0, node.slot, memory) {
            return;
        }
        self.choose(0, index, start, memory);
        self.attach(index, memory);
        for place in 0..memory.selected.len() {
            self.link_back(0, memory.selected[place].index, index, memory);
        }
        for (at, index, neighbors) in upper_lists.into_iter().rev() {
            neighbors.iter().for_each(|link| self.link_back(at, link.index, index, memory));
        }
        self.graph.raise_entry(node.top);
    }

    /// Walks to a node in one layer, and leaves those near it in `memory.candidates`, nearest first.
    fn explore(&self, at: usize, index: u32, start: u32, memory: &mut InsertMemory) {
        let layer = &self.view.layers[at];
        let ef = self.graph.shape.ef_construction;
        let compared_max = (ef * COMPARED_PER_CANDIDATE_MAX) as u64;
        let budget = Budget { ef, end: self.end_of(at), compared_max, checkpoint: None };
        let layer_search = LayerSearch { computer: self.computer, layer };
        let state = self.computer.state;
        if state.live_count() < state.slot_count() {
            let is_live = |slot| self.view.leads_to_live(state, slot);
            layer_search.walk(&memory.prepared, [start], budget, &mut memory.walk, is_live);
        }
        if state.live_count() == state.slot_count() || memory.walk.pool.kept() == 0 {
            layer_search.walk(&memory.prepared, [start], budget, &mut memory.walk, |_| true);
        }
        let found = memory.walk.pool.returnable().filter(|&(_, found)| found != index);
        memory.candidates.clear();
        memory.candidates.extend(
            found.map(|(distance, index)| Candidate {
                distance,
                link: Link { index, pinned: false },
            }),
        );
    }

    /// Hangs a slot from an equal vector among the candidates of a layer, if there is one; it is no
    /// node then. One that was removed is not stood behind.
    fn becomes_twin(&self, at: usize, slot: u32, memory: &InsertMemory) -> bool {
        let layer = &self.view.layers[at];
        let may_be_equal =
            |near: &&Candidate| near.distance <= 0.0 || !self.computer.puts_equal_first();
        let near = memory.candidates.iter().take_while(may_be_equal);
        let mut slots = near.map(|near| layer.slot(near.link.index));
        let is_equal =
            |near: &u32| self.computer.are_equal(*near, slot) && self.computer.state.is_live(*near);
        let Some(representative) = slots.find(is_equal) else { return false };
        let _list = self.graph.lock_list(0, representative);
        self.view.twins.add(representative, slot);
        true
    }

    /// Writes the list of a node in one layer, which is left in `memory.selected`, from the
    /// candidates there; returns the nearest of them, or else where the walk began.
    fn choose(&self, at: usize, index: u32, start: u32, memory: &mut InsertMemory) -> u32 {
        let layer = &self.view.layers[at];
        select(
            self.computer,
            layer,
            index,
            &mut memory.candidates,
            layer.degree(),
            &mut memory.select,
        );
        memory.selected.clone_from(&memory.select.chosen);
        let _list = self.graph.lock_list(at, index);
        layer.set_neighbors(index, memory.selected.iter().copied());
        memory.candidates.first().map_or(start, |nearest| nearest.link.index)
    }

    /// Chooses the neighbors of a linked node in the lowest layer anew, by a walk to it, besides
    /// those that are pinned.
    pub(super) fn relink(&self, index: u32, memory: &mut InsertMemory) {
        let Some(entry) = self.graph.entry() else { return };
        self.computer.prepare_slot(index, &mut memory.prepared);
        let (start, _) =
            self.view.descend_to(0, entry, self.computer, &memory.prepared, &mut memory.walk);
        let pinned: Vec<Link> =
            self.view.layers[0].neighbors(index).filter(|link| link.pinned).collect();
        self.explore(0, index, start, memory);
        self.choose(0, index, start, memory);
        for place in 0..memory.selected.len() {
            self.link_back(0, memory.selected[place].index, index, memory);
        }
        let _list = self.graph.lock_list(0, index);
        pinned.into_iter().for_each(|link| self.add_link(0, index, link, memory));
    }

    fn end_of(&self, at: usize) -> u32 {
        if at == 0 { self.end } else { self.view.layers[at].capacity() as u32 }
    }

    /// Gives a new node its place in the tree of pinned edges: under the nearest node with room.
    fn attach(&self, index: u32, memory: &mut InsertMemory) {
        let selected = memory.selected.len();
        for place in 0..selected + memory.candidates.len() {
            let parent = match place.checked_sub(selected) {
                None => memory.selected[place].index,
                Some(place) => memory.candidates[place].link.index,
            };
            if self.adopt(parent, index, memory) {
                return;
            }
        }
        // All full, as among thousands of equal vectors. Most nodes of a tree are its leaves.
        let Some(mut parent) = memory.candidates.first().map(|nearest| nearest.link.index) else {
            return;
        };
        for step in 0..TREE_STEPS_MAX {
            let pinned = self.view.layers[0].neighbors(parent).filter(|link| link.pinned);
            let near: Vec<Link> = pinned.collect();
            let turn = index.wrapping_mul(0x9E37_79B9).wrapping_add(step.wrapping_mul(0x85EB_CA6B));
            let Some(child) = near.get((turn >> 8) as usize % near.len().max(1)) else { return };
            parent = child.index;
            if parent != index && self.adopt(parent, index, memory) {
                return;
            }
        }
    }

    /// Ties a linked node that lost its place in the tree of pinned edges to it again: under the
    /// nearest node that is `tied`, as `root` is.
    pub(super) fn reattach(
        &self,
        index: u32,
        root: u32,
        tied: impl Fn(u32) -> bool,
        memory: &mut InsertMemory,
    ) {
        let Some(entry) = self.graph.entry() else { return };
        self.computer.prepare_slot(index, &mut memory.prepared);
        let (start, _) =
            self.view.descend_to(0, entry, self.computer, &memory.prepared, &mut memory.walk);
        let layer = &self.view.layers[0];
        let ef = self.graph.shape.ef_construction;
        let budget = Budget { ef, end: self.end, compared_max: u64::MAX, checkpoint: None };
        let layer_search = LayerSearch { computer: self.computer, layer };
        memory.selected.clear();
        // Where the layers above lead to another part of the graph, from the root.
        for start in [start, root] {
            layer_search.walk(&memory.prepared, [start], budget, &mut memory.walk, |_| true);
            let found = memory.walk.pool.returnable().filter(|&(_, found)| tied(found));
            memory.selected.extend(found.map(|(_, index)| Link { index, pinned: false }));
            if !memory.selected.is_empty() {
                break;
            }
        }
        memory.candidates.clear();
        memory
            .candidates
            .extend(memory.selected.iter().map(|&link| Candidate { distance: 0.0, link }));
        self.attach(index, memory);
    }

    /// Pins edges between `parent` and `child`, both ways, unless either has enough of them.
    pub(super) fn adopt(&self, parent: u32, child: u32, memory: &mut InsertMemory) -> bool {
        let layer = &self.view.layers[0];
        let pinned = |index: u32| layer.neighbors(index).filter(|link| link.pinned).count();
        {
            let _list = self.graph.lock_list(0, parent);
            // A child may have one more than a parent, so that a full one finds a parent itself.
            if pinned(parent) >= pinned_max(layer) || pinned(child) > pinned_max(layer) {
                return false;
            }
            self.add_link(0, parent, Link { index: child, pinned: true }, memory);
        }
        let _list = self.graph.lock_list(0, child);
        self.add_link(0, child, Link { index: parent, pinned: true }, memory);
        true
    }

    /// Adds the edge from a neighbor back to a new node.
    fn link_back(&self, at: usize, neighbor: u32, index: u32, memory: &mut InsertMemory) {
        let _list = self.graph.lock_list(at, neighbor);
        self.add_link(at, neighbor, Link { index, pinned: false }, memory);
    }

    /// Adds an edge to the list of a node, or pins it if it is there. A full list is pruned. The
    /// caller holds the lock of the list.
    fn add_link(&self, at: usize, node: u32, link: Link, memory: &mut InsertMemory) {
        debug_assert!(node != link.index && link.index < INDEX_END);
        let layer = &self.view.layers[at];
        if let Some(there) = layer.neighbors(node).find(|there| there.index == link.index) {
            if link.pinned && !there.pinned {
                let list: Vec<Link> = layer.neighbors(node).collect();
                let pinned = |there: Link| if there.index == link.index { link } else { there };
                layer.set_neighbors(node, list.into_iter().map(pinned));
            }
            return;
        }
        if !layer.push_neighbor(node, link) {
            self.prune(at, node, link, memory);
        }
    }

    /// Chooses the neighbors of a node anew, from those it has and one more.
    fn prune(&self, at: usize, node: u32, added: Link, memory: &mut InsertMemory) {
        let layer = &self.view.layers[at];
        let InsertMemory { neighbor, select: selecting, slots, distances, pruned, .. } = memory;
        self.computer.prepare_slot(layer.slot(node), neighbor);
        let links = || layer.neighbors(node).chain([added]);
        slots.clear();
        slots.extend(links().map(|link| layer.slot(link.index)));
        self.computer.distances(neighbor, slots, distances);
        pruned.clear();
        pruned
            .extend(links().zip(&*distances).map(|(link, &distance)| Candidate { distance, link }));
        select(self.computer, layer, node, pruned, layer.degree(), selecting);
        layer.set_neighbors(node, selecting.chosen.iter().copied());
    }
}

/// The most pinned edges of a node that takes another child: one to its parent, and so many to
/// children that the tree is no path.
fn pinned_max(layer: &Layer) -> usize {
    (layer.degree() / 2).max(3)
}
