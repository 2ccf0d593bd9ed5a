//! The lists of neighbors of one layer of the graph.
//!
//! A list is a row of atomic numbers: for each neighbor its index in the layer plus one, zero where
//! the list ends, so that memory never written is an empty list, and a list of 32 is two cache
//! lines. The highest bit pins an edge: pinned edges form a tree over the whole layer, in both
//! directions, and are never dropped for a better neighbor, so that no node is ever cut off.
//!
//! Readers take no lock. One that reads a list while it is rewritten sees some old and some new
//! neighbors, all of them valid.

use std::sync::atomic::{AtomicU32, Ordering};

use super::blocks::{Blocks, prefetch};

/// Marks an edge that is never dropped.
const PINNED: u32 = 1 << 31;

/// Indexes a layer can hold: what fits beside the mark, less the end of a list.
pub(super) const INDEX_END: u32 = PINNED - 2;

/// Nodes in a block of the lowest layer, and of the others.
const BASE_BLOCK_LOG2: u32 = 14;
const UPPER_BLOCK_LOG2: u32 = 10;

/// An edge to a neighbor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) index: u32,
    pub(super) pinned: bool,
}

/// One layer, by dense index. In the lowest one the index is the slot.
#[derive(Clone)]
pub(super) struct Layer {
    links: Blocks<AtomicU32>,
    /// The slot of a node and its index in the layer below; `None` in the lowest layer.
    members: Option<Blocks<AtomicU32>>,
}

impl Layer {
    /// The lowest layer, with lists of up to `degree`.
    pub(super) fn base(degree: usize) -> Self {
        Self { links: Blocks::new(degree, BASE_BLOCK_LOG2), members: None }
    }

    /// A layer above, with lists of up to `degree`.
    pub(super) fn upper(degree: usize) -> Self {
        Self {
            links: Blocks::new(degree, UPPER_BLOCK_LOG2),
            members: Some(Blocks::new(2, UPPER_BLOCK_LOG2)),
        }
    }

    /// Makes room for `nodes`.
    pub(super) fn grow(&mut self, nodes: usize) {
        self.links.grow(nodes);
        if let Some(members) = &mut self.members {
            members.grow(nodes);
        }
    }

    /// How many nodes there is memory for.
    pub(super) fn capacity(&self) -> usize {
        self.links.capacity()
    }

    /// The most neighbors of a node.
    pub(super) fn degree(&self) -> usize {
        self.links.row_len()
    }

    pub(super) fn is_base(&self) -> bool {
        self.members.is_none()
    }

    pub(super) fn links(&self) -> &Blocks<AtomicU32> {
        &self.links
    }

    pub(super) fn members(&self) -> Option<&Blocks<AtomicU32>> {
        self.members.as_ref()
    }

    pub(super) fn memory_bytes(&self, nodes: usize) -> usize {
        let members = self.members.as_ref().map_or(0, |members| members.memory_bytes(nodes));
        self.links.memory_bytes(nodes) + members
    }

    /// The slot of a node.
    #[inline(always)]
    pub(super) fn slot(&self, index: u32) -> u32 {
        match &self.members {
            None => index,
            Some(members) => members.row(index)[0].load(Ordering::Relaxed),
        }
    }

    /// The index of a node in the layer below; of the lowest layer, its own.
    pub(super) fn below(&self, index: u32) -> u32 {
        match &self.members {
            None => index,
            Some(members) => members.row(index)[1].load(Ordering::Relaxed),
        }
    }

    /// Says which slot a node stands for, before any edge leads to it.
    pub(super) fn set_member(&self, index: u32, slot: u32, below: u32) {
        if let Some(members) = &self.members {
            members.row(index)[0].store(slot, Ordering::Relaxed);
            members.row(index)[1].store(below, Ordering::Relaxed);
        }
    }

    /// The neighbors of a node.
    #[inline(always)]
    pub(super) fn neighbors(&self, index: u32) -> impl Iterator<Item = Link> {
        let row = self.links.row(index).iter().map(|link| link.load(Ordering::Relaxed));
        row.take_while(|&raw| raw & !PINNED != 0)
            .map(|raw| Link { index: (raw & !PINNED) - 1, pinned: raw & PINNED != 0 })
    }

    /// The indexes in every place of a list, `u32::MAX` in those that are free.
    #[inline(always)]
    pub(super) fn places(&self, index: u32) -> impl ExactSizeIterator<Item = u32> {
        let row = self.links.row(index).iter().map(|link| link.load(Ordering::Relaxed));
        row.map(|raw| (raw & !PINNED).wrapping_sub(1))
    }

    #[inline(always)]
    pub(super) fn prefetch(&self, index: u32) {
        prefetch(self.links.row(index));
    }

    /// Writes the list of a node; what does not fit is left out. Only one thread at a time.
    pub(super) fn set_neighbors(&self, index: u32, links: impl IntoIterator<Item = Link>) {
        let mut links = links.into_iter();
        for place in self.links.row(index) {
            place.store(links.next().map_or(0, encode), Ordering::Release);
        }
    }

    /// Adds a neighbor at the end of the list, if there is room. Only one thread at a time.
    pub(super) fn push_neighbor(&self, index: u32, link: Link) -> bool {
        let row = self.links.row(index);
        let free = row.iter().find(|place| place.load(Ordering::Relaxed) == 0);
        free.is_some_and(|place| {
            place.store(encode(link), Ordering::Release);
            true
        })
    }
}

fn encode(link: Link) -> u32 {
    debug_assert!(link.index < INDEX_END);
    (link.index + 1) | if link.pinned { PINNED } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(index: u32, pinned: bool) -> Link {
        Link { index, pinned }
    }

    fn read(layer: &Layer, index: u32) -> Vec<Link> {
        layer.neighbors(index).collect()
    }

    #[test]
    fn lists_are_kept_in_order_and_bounded() {
        let mut layer = Layer::base(3);
        layer.grow(2);
        assert!(read(&layer, 1).is_empty());
        let all = [link(0, false), link(INDEX_END - 1, true), link(5, false), link(6, false)];
        layer.set_neighbors(1, all);
        assert_eq!(read(&layer, 1), all[..3]);
        assert!(!layer.push_neighbor(1, link(9, false)));
        layer.set_neighbors(1, all[1..2].iter().copied());
        assert!(layer.push_neighbor(1, link(9, true)));
        assert_eq!(read(&layer, 1), [all[1], link(9, true)]);
        assert!(read(&layer, 0).is_empty());
    }

    #[test]
    fn an_upper_node_knows_its_slot_and_where_it_stands_below() {
        let mut layer = Layer::upper(4);
        layer.grow(3);
        layer.set_member(2, 77, 5);
        assert_eq!((layer.slot(2), layer.below(2)), (77, 5));
        assert_eq!((Layer::base(4).slot(9), Layer::base(4).below(9)), (9, 9));
    }
}
