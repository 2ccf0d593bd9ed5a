//! Which of the candidates become the neighbours of a node.
//!
//! The heuristic of Malkov and Yashunin 2018, algorithm 4, with the slack of Subramanya et al. 2019
//! (`RobustPrune`): a candidate is left out where a neighbour already chosen is so much nearer to it
//! than the node is that a walk gets there over that neighbour.

use akidb_core::Metric;

use super::{
    layer::{Layer, Link},
    space::{Space, Target},
};

/// How much nearer to a candidate a chosen neighbour has to be to leave the candidate out; cosine and
/// L2 are compared by squares. On 141,000 sentence vectors of 384 dimensions with lists of 32, 1.2
/// gives a recall of 0.989 at an `ef` of 100 and 1.05 one of 0.995. Lists are pruned to their full
/// length: pruning them to 25 would save a third of the building time, but searches of equal recall
/// would take a sixth longer.
const ALPHA: f32 = 1.05;

/// A node that may become a neighbour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate {
    /// From the node that gets neighbours.
    pub(super) distance: f32,
    pub(super) link: Link,
}

/// What selecting needs, kept to be used again without allocating.
#[derive(Default)]
pub(super) struct SelectMemory {
    target: Target,
    chosen_slots: Vec<u32>,
    distances: Vec<f32>,
    /// The neighbours chosen last, nearest first.
    pub(super) chosen: Vec<Link>,
}

/// Chosen neighbours that a candidate is compared with at once.
const COMPARED_AT_ONCE: usize = 8;

/// Sorts the candidates and chooses up to `limit` of them into `memory.chosen`: all the pinned ones,
/// and of the others the nearest that no chosen one stands before.
pub(super) fn select(
    space: Space<'_>,
    layer: &Layer,
    candidates: &mut [Candidate],
    limit: usize,
    memory: &mut SelectMemory,
) {
    candidates.sort_unstable_by(|a, b| {
        a.distance.total_cmp(&b.distance).then(a.link.index.cmp(&b.link.index))
    });
    let pinned = candidates.iter().filter(|candidate| candidate.link.pinned).count();
    let mut room = limit.saturating_sub(pinned);
    memory.chosen.clear();
    memory.chosen_slots.clear();
    for candidate in &*candidates {
        let slot = layer.slot(candidate.link.index);
        if !candidate.link.pinned {
            if room == 0 || is_behind_chosen(space, slot, candidate.distance, memory) {
                continue;
            }
            room -= 1;
        }
        memory.chosen.push(candidate.link);
        memory.chosen_slots.push(slot);
    }
}

/// Whether some chosen neighbour is so near to the candidate that it is not needed.
fn is_behind_chosen(space: Space<'_>, slot: u32, distance: f32, memory: &mut SelectMemory) -> bool {
    if memory.chosen_slots.is_empty() {
        return false;
    }
    let bar = match space.scoring.metric() {
        Metric::Cosine | Metric::L2 => distance / ALPHA,
        Metric::Dot => distance,
    };
    space.prepare_roughly(slot, &mut memory.target);
    memory.chosen_slots.chunks(COMPARED_AT_ONCE).any(|chosen| {
        space.distances(&memory.target, chosen, &mut memory.distances);
        memory.distances.iter().any(|&between| between < bar)
    })
}
