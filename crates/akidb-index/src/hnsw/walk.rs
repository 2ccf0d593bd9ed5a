//! The walk over one layer towards a query, as in Malkov and Yashunin 2018, algorithm 2.
//!
//! A walk is a hop ahead of itself: while the codes of one node's neighbors are on their way from
//! memory, the next node is chosen among those known, and its neighbors are asked for too. So a node
//! is chosen before the neighbors of the last one are known, which costs 2 to 6 % more comparisons at
//! the same `ef`, and a comparison takes 26 ns in place of 34 (141,000 codes of 384 bytes, Zen 4).

use super::{
    distance_computer::{DistanceComputer, PreparedQuery},
    layer::Layer,
    pool::Pool,
    visited::Visited,
};

/// What a walk needs, kept to be used again without allocating.
#[derive(Default)]
pub(super) struct WalkMemory {
    pub(super) visited: Visited,
    pub(super) pool: Pool,
    /// Nodes to be measured next.
    unseen: Vec<u32>,
    /// Nodes to be measured after them.
    ahead: Vec<u32>,
    slots: Vec<u32>,
    distances: Vec<f32>,
}

/// What a walk did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Walked {
    pub(super) hops: u64,
    pub(super) compared: u64,
    /// Whether it ended because it had compared as many as it may.
    pub(super) gave_up: bool,
}

/// What a walk may cost and has to keep.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// Candidates to keep.
    pub(super) ef: usize,
    /// Indexes from here on are not looked at.
    pub(super) end: u32,
    /// Vectors to compare before the walk gives up.
    pub(super) compared_max: u64,
    /// Where it may give up before.
    pub(super) checkpoint: Option<Checkpoint>,
}

/// A walk that is tried ends here unless it has found enough by then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checkpoint {
    /// After so many comparisons
    pub(super) compared: u64,
    /// so many candidates that may be returned.
    pub(super) kept: usize,
}

impl Budget {
    /// Whether a walk that has compared and kept so many gives up. The checkpoint is past after that.
    fn is_over(&mut self, compared: u64, kept: usize) -> bool {
        if let Some(checkpoint) =
            self.checkpoint.take_if(|checkpoint| compared >= checkpoint.compared)
        {
            return kept < checkpoint.kept;
        }
        compared >= self.compared_max
    }
}

/// A layer, and how to measure in it.
#[derive(Clone, Copy)]
pub(super) struct LayerSearch<'a> {
    pub(super) computer: DistanceComputer<'a>,
    pub(super) layer: &'a Layer,
}

impl LayerSearch<'_> {
    /// Walks from the entry points and leaves the `ef` nearest nodes in the pool of `memory`, of those
    /// whose slots are `returnable`. Other nodes are walked over.
    pub(super) fn walk(
        self,
        prepared: &PreparedQuery,
        entry_points: impl IntoIterator<Item = u32>,
        mut budget: Budget,
        memory: &mut WalkMemory,
        returnable: impl Fn(u32) -> bool,
    ) -> Walked {
        let mut walked = Walked::default();
        memory.visited.begin(budget.end as usize);
        memory.pool.reset(budget.ef);
        memory.unseen.clear();
        for entry_point in entry_points {
            if entry_point < budget.end && memory.visited.insert(entry_point) {
                memory.unseen.push(entry_point);
            }
        }
        loop {
            match memory.pool.next_unexpanded() {
                Some(_) if budget.is_over(walked.compared, memory.pool.kept()) => {
                    walked.gave_up = true;
                    return walked;
                }
                Some(node) => {
                    walked.hops += 1;
                    self.look_ahead(node, budget.end, memory);
                }
                None if memory.unseen.is_empty() => return walked,
                None => {}
            }
            walked.compared += self.offer_unseen(prepared, memory, &returnable);
            std::mem::swap(&mut memory.unseen, &mut memory.ahead);
            memory.ahead.clear();
        }
    }

    /// Collects the unseen neighbors of a node, and asks for their codes.
    #[inline(always)]
    fn look_ahead(self, node: u32, end: u32, memory: &mut WalkMemory) {
        let WalkMemory { visited, ahead, .. } = memory;
        visited.insert_all(self.layer.places(node), end, ahead);
        if self.layer.is_base() {
            self.computer.prefetch(ahead);
        }
    }

    /// Measures the unseen nodes and offers them to the pool; says how many there were.
    #[inline(always)]
    fn offer_unseen(
        self,
        prepared: &PreparedQuery,
        memory: &mut WalkMemory,
        returnable: &impl Fn(u32) -> bool,
    ) -> u64 {
        let slots = if self.layer.is_base() {
            &memory.unseen
        } else {
            memory.slots.clear();
            memory.slots.extend(memory.unseen.iter().map(|&index| self.layer.slot(index)));
            &memory.slots
        };
        self.computer.distances(prepared, slots, &mut memory.distances);
        for ((&distance, &index), &slot) in memory.distances.iter().zip(&memory.unseen).zip(slots) {
            if distance < memory.pool.bar() {
                self.layer.prefetch(index);
                memory.pool.offer(distance, index, returnable(slot));
            }
        }
        memory.unseen.len() as u64
    }

    /// Follows the nearest neighbor from `entry_point` for as long as there is a nearer one.
    pub(super) fn descend(
        self,
        prepared: &PreparedQuery,
        entry_point: u32,
        memory: &mut WalkMemory,
    ) -> (u32, Walked) {
        let mut walked = Walked { compared: 1, ..Walked::default() };
        let end = self.layer.capacity() as u32;
        let mut nearest = entry_point;
        memory.slots.clear();
        memory.slots.push(self.layer.slot(entry_point));
        self.computer.distances(prepared, &memory.slots, &mut memory.distances);
        let mut least = memory.distances[0];
        loop {
            let node = nearest;
            walked.hops += 1;
            memory.unseen.clear();
            let known = self.layer.neighbors(node).filter(|link| link.index < end);
            memory.unseen.extend(known.map(|link| link.index));
            memory.slots.clear();
            memory.slots.extend(memory.unseen.iter().map(|&index| self.layer.slot(index)));
            self.computer.distances(prepared, &memory.slots, &mut memory.distances);
            walked.compared += memory.unseen.len() as u64;
            for (&distance, &index) in memory.distances.iter().zip(&memory.unseen) {
                if distance < least {
                    (least, nearest) = (distance, index);
                }
            }
            if nearest == node {
                return (nearest, walked);
            }
        }
    }
}

impl Walked {
    /// Both, one after the other.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            hops: self.hops + other.hops,
            compared: self.compared + other.compared,
            gave_up: self.gave_up || other.gave_up,
        }
    }
}
