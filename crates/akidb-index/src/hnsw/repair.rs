//! Giving nodes new neighbors in place of removed ones.
//!
//! A removed node is still walked over, so removals cost nothing at first. Where too few of a node's
//! neighbors are live, it gets new ones from among the neighbors of the dead ones: what the walk
//! reached over them stays within reach. Edges that are pinned stay, dead or not, until the index
//! is compacted, so a repair cuts nothing off.

use std::collections::HashSet;

use rayon::prelude::*;

use super::{
    distance_computer::{DistanceComputer, PreparedQuery},
    graph::{Graph, Repairs},
    insertion::Insertion,
    layer::{Layer, Link},
    linker::MemoryStore,
    select::{Candidate, SelectMemory, select},
};
use crate::{exact::State, scoring::Scoring};

/// The share of live ones among its neighbors below which a node is repaired.
const LIVE_SHARE_MIN: f64 = 0.75;

/// Candidates to find for each place in a list before the search for them ends.
const CANDIDATES_PER_PLACE: usize = 2;

/// Dead nodes that are looked behind for the sake of one live one.
const DEAD_FOLLOWED_MAX: usize = 256;

/// Nodes that a thread repairs before it looks for more.
const NODES_A_TURN: usize = 256;

/// What a repair needs, kept to be used again without allocating.
#[derive(Default)]
pub(super) struct RepairMemory {
    prepared: PreparedQuery,
    seen: HashSet<u32>,
    /// Dead nodes to look behind.
    beyond: Vec<u32>,
    slots: Vec<u32>,
    distances: Vec<f32>,
    candidates: Vec<Candidate>,
    pub(super) select: SelectMemory,
}

/// Whether a node has so few live neighbors that it needs others.
pub(super) fn is_thinned(layer: &Layer, index: u32, is_live: impl Fn(u32) -> bool) -> bool {
    let (mut live, mut all) = (0_u32, 0_u32);
    for link in layer.neighbors(index) {
        all += 1;
        live += u32::from(is_live(layer.slot(link.index)));
    }
    f64::from(live) < f64::from(all) * LIVE_SHARE_MIN
}

/// Chooses live neighbors of a node into `memory.select.chosen`: from its own, and from those that
/// its dead ones have. Edges that `keeps` says so are chosen in any case. Says whether there was
/// enough to choose from; where there was not, what is near may not be among it, as where a whole
/// region died, and only a walk finds it.
pub(super) fn choose_live(
    computer: DistanceComputer<'_>,
    layer: &Layer,
    index: u32,
    is_live: impl Fn(u32) -> bool,
    keeps: impl Fn(Link) -> bool,
    memory: &mut RepairMemory,
) -> bool {
    let is_live_node = |node: u32| is_live(layer.slot(node));
    memory.candidates.clear();
    memory.beyond.clear();
    for link in layer.neighbors(index) {
        if is_live_node(link.index) || keeps(link) {
            let link = Link { pinned: keeps(link), ..link };
            memory.candidates.push(Candidate { distance: 0.0, link });
        }
    }
    let is_enough = collect_beyond(layer, index, is_live_node, memory);
    memory.slots.clear();
    memory.slots.extend(memory.candidates.iter().map(|found| layer.slot(found.link.index)));
    computer.prepare_slot(layer.slot(index), &mut memory.prepared);
    computer.distances(&memory.prepared, &memory.slots, &mut memory.distances);
    for (candidate, &distance) in memory.candidates.iter_mut().zip(&memory.distances) {
        candidate.distance = distance;
    }
    select(computer, layer, index, &mut memory.candidates, layer.degree(), &mut memory.select);
    is_enough
}

/// The share of linked slots that has to die before nodes are looked at again.
const DEAD_SHARE: f64 = 0.05;

/// Nodes looked at in the time in which one is linked, as most need nothing.
const NODES_PER_LINK: usize = 32;

/// Adds the live nodes that a node reaches over dead ones to the candidates: from the dead neighbors
/// on, ever farther until there are enough to choose from. Says whether the first step was enough.
fn collect_beyond(
    layer: &Layer,
    index: u32,
    is_live: impl Fn(u32) -> bool,
    memory: &mut RepairMemory,
) -> bool {
    let wanted = layer.degree() * CANDIDATES_PER_PLACE;
    memory.seen.clear();
    memory.seen.insert(index);
    memory.seen.extend(memory.candidates.iter().map(|own| own.link.index));
    let dead = layer.neighbors(index).map(|link| link.index).filter(|&to| !is_live(to));
    memory.beyond.extend(dead);
    let first = memory.beyond.len();
    let mut next = 0;
    while next < memory.beyond.len().min(DEAD_FOLLOWED_MAX) {
        if next >= first && memory.candidates.len() >= wanted {
            break;
        }
        for link in layer.neighbors(memory.beyond[next]) {
            if !memory.seen.insert(link.index) {
                continue;
            }
            if is_live(link.index) {
                let link = Link { pinned: false, ..link };
                memory.candidates.push(Candidate { distance: 0.0, link });
            } else {
                memory.beyond.push(link.index);
            }
        }
        next += 1;
    }
    next == first
}

impl Graph {
    fn set_list(&self, layer: &Layer, index: u32, links: &[Link]) {
        let _list = self.lock_list(0, index);
        layer.set_neighbors(index, links.iter().copied());
    }

    /// Adds an edge from `node` to `to` where there is room, or in the place of a dead neighbor.
    pub(super) fn link_where_room(
        &self,
        layers: &[Layer],
        at: usize,
        (node, to): (u32, u32),
        is_live: impl Fn(u32) -> bool,
    ) {
        let layer = &layers[at];
        let _list = self.lock_list(at, node);
        let added = Link { index: to, pinned: false };
        if layer.neighbors(node).any(|link| link.index == to) || layer.push_neighbor(node, added) {
            return;
        }
        let is_dead = |link: &Link| !link.pinned && !is_live(layer.slot(link.index));
        if let Some(dead) = layer.neighbors(node).find(is_dead) {
            let list: Vec<Link> = layer.neighbors(node).collect();
            layer.set_neighbors(
                node,
                list.into_iter().map(|link| if link == dead { added } else { link }),
            );
        }
    }

    /// Goes on with the repair of nodes where enough slots died to have one, for about as long as
    /// linking `vectors_max` takes. Returns how many nodes are left to look at.
    pub(super) fn repair_where_due(
        &self,
        state: &State,
        scoring: Scoring,
        vectors_max: usize,
        memories: &MemoryStore,
    ) -> usize {
        let mut repairs = self.repairs().lock();
        let dead = state.slot_count() - state.live_count();
        let linked = self.linked_end();
        if repairs.next.is_none() {
            let due = repairs.dead_before as f64 + f64::from(linked) * DEAD_SHARE;
            if dead == 0 || (dead as f64) < due {
                return 0;
            }
            *repairs = Repairs { dead_before: dead, next: Some(0) };
        }
        let begin = repairs.next.unwrap_or(0);
        let nodes_max = vectors_max.saturating_mul(NODES_PER_LINK);
        let stop = self.repair(state, scoring, begin, nodes_max, memories);
        repairs.next = Some(stop).filter(|&stop| stop < linked);
        linked.saturating_sub(stop) as usize
    }

    /// Repairs the linked nodes from `begin` on, up to `nodes_max` of them, on the current rayon
    /// pool. Returns where to go on, which is the end of the graph when all are done.
    fn repair(
        &self,
        state: &State,
        scoring: Scoring,
        begin: u32,
        nodes_max: usize,
        memories: &MemoryStore,
    ) -> u32 {
        let _linker = self.lock_linker();
        let end = self.linked_end();
        let stop =
            end.min((begin as usize).saturating_add(nodes_max).min(u32::MAX as usize) as u32);
        let view = self.view();
        let computer = view.computer(self, state, scoring);
        let layer = &view.layers[0];
        let is_live = |slot| view.leads_to_live(state, slot);
        let insertion = Insertion { graph: self, view: &view, computer, end };
        let turns = (begin..stop).into_par_iter().step_by(NODES_A_TURN);
        turns.for_each(|turn| {
            let mut memory = memories.take();
            for index in turn..stop.min(turn + NODES_A_TURN as u32) {
                if is_live(index) && is_thinned(layer, index, is_live) {
                    let repair = memory.repair();
                    if !choose_live(computer, layer, index, is_live, |link| link.pinned, repair) {
                        insertion.relink(index, &mut memory);
                        continue;
                    }
                    self.set_list(layer, index, &repair.select.chosen);
                    for link in &repair.select.chosen {
                        self.link_where_room(&view.layers, 0, (link.index, index), is_live);
                    }
                }
            }
            memories.give_back(memory);
        });
        stop
    }
}
