//! Linking pending vectors in batches, in the order of their slots.

use rayon::prelude::*;

use super::{
    graph::{Entry, Graph, View},
    insertion::{InsertMemory, Insertion, Placement},
    layer::{INDEX_END, Layer},
};
use crate::{exact::State, scoring::Scoring};

/// Nodes that are linked one after the other before threads do it side by side: they would hardly
/// see each other.
const SERIAL_NODES: usize = 1_000;

/// Nodes that a thread links before it looks for more.
const NODES_A_TURN: usize = 32;

/// The highest layer there can be.
const LAYER_MAX: usize = 15;

impl Graph {
    /// Links up to `vectors_max` pending slots of `state`, on the current rayon pool.
    pub(super) fn link(
        &self,
        state: &State,
        scoring: Scoring,
        vectors_max: usize,
        memories: &MemoryStore,
    ) {
        let mut upper_counts = self.lock_linker();
        let begin = self.linked_end();
        let slot_end = state.slot_count().min(INDEX_END as usize);
        let end = slot_end.min((begin as usize).saturating_add(vectors_max)) as u32;
        let placements = self.place(state, begin..end, &mut upper_counts);
        let view = self.view();
        let computer = view.computer(self, state, scoring);
        let insertion = Insertion { graph: self, view: &view, computer, end };
        let serial = SERIAL_NODES.saturating_sub(begin as usize).min(placements.len());
        let (first, rest) = placements.split_at(serial);
        insert_all(insertion, first, memories);
        rest.par_chunks(NODES_A_TURN).for_each(|turn| insert_all(insertion, turn, memories));
        self.longest.look_at(state, scoring, begin..end);
        self.set_linked_end(end.max(begin));
    }

    /// Gives the live slots of a range their layers, and an index in each of them.
    fn place(
        &self,
        state: &State,
        slots: std::ops::Range<u32>,
        upper_counts: &mut Vec<u32>,
    ) -> Vec<Placement> {
        let mut placements = Vec::with_capacity(slots.len());
        let mut view = self.view();
        for slot in slots.filter(|&slot| state.is_live(slot)) {
            let mut top = Entry { layer: 0, index: slot };
            for layer in 1..=self.shape.highest_layer(slot) {
                if upper_counts.len() < layer {
                    upper_counts.push(0);
                }
                let index = upper_counts[layer - 1];
                upper_counts[layer - 1] += 1;
                if view.layers.get(layer).is_none_or(|layer| layer.capacity() <= index as usize) {
                    self.grow(|view| grow_upper(view, layer, self.shape.m, index));
                    view = self.view();
                }
                view.layers[layer].set_member(index, slot, top.index);
                top = Entry { layer, index };
            }
            placements.push(Placement { slot, top });
        }
        placements
    }
}

fn grow_upper(view: &mut View, layer: usize, degree: usize, index: u32) {
    if view.layers.len() == layer {
        view.layers.push(Layer::upper(degree));
    }
    view.layers[layer].grow(index as usize + 1);
}

impl super::graph::Shape {
    /// The highest layer of a slot, exponentially distributed: one in `m` is above the lowest.
    fn highest_layer(self, slot: u32) -> usize {
        let unit = (mixed(u64::from(slot)) >> 11) as f64 / (1_u64 << 53) as f64;
        let layer = -(1.0 - unit).ln() / (self.m as f64).ln();
        (layer as usize).min(LAYER_MAX)
    }
}

/// A number that looks random, the same for the same slot (splitmix64).
fn mixed(slot: u64) -> u64 {
    let mut mixed = slot.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

fn insert_all(insertion: Insertion<'_>, placements: &[Placement], memories: &MemoryStore) {
    let mut memory = memories.take();
    placements.iter().for_each(|&node| insertion.insert(node, &mut memory));
    memories.give_back(memory);
}

/// Memory of insertions, as many as ever ran at once.
#[derive(Default)]
pub(super) struct MemoryStore {
    idle: parking_lot::Mutex<Vec<InsertMemory>>,
}

impl MemoryStore {
    pub(super) fn take(&self) -> InsertMemory {
        self.idle.lock().pop().unwrap_or_default()
    }

    pub(super) fn give_back(&self, memory: InsertMemory) {
        self.idle.lock().push(memory);
    }
}
