//! Scans over codes: of what the graph does not hold yet, and of all where a walk does not pay.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    pool::Pool,
    search::{Search, SearchMemory},
    space::Target,
};
use crate::{Parallelism, Work};

/// Slots measured together.
const BATCH_SLOTS: usize = 64;

/// A scan that compares fewer vectors than this stays on one thread.
const PARALLEL_MIN_VECTORS: usize = 4_096;

/// Pieces for each thread, so that a thread that is slowed down does not hold up the rest.
const PIECES_PER_THREAD: usize = 4;

impl Search<'_> {
    /// Fills the pool with the best of all slots that may be returned.
    pub(super) fn scan(&self, memory: &mut SearchMemory, work: &mut Work) {
        let SearchMemory { walk, target, slots, distances } = memory;
        walk.pool.reset(self.ef);
        let end = self.state.slot_count() as u32;
        let parallel = self.request.parallelism == Parallelism::ThreadPool
            && self.returnable_max() >= PARALLEL_MIN_VECTORS;
        if !parallel {
            work.compared += self.scan_range(0..end, target, slots, distances, &mut walk.pool);
            return;
        }
        let pieces: Vec<(Pool, u64)> = self
            .pieces(end)
            .into_par_iter()
            .map(|piece| {
                let mut pool = Pool::default();
                pool.reset(self.ef);
                let compared =
                    self.scan_range(piece, target, &mut Vec::new(), &mut Vec::new(), &mut pool);
                (pool, compared)
            })
            .collect();
        for (pool, compared) in pieces {
            pool.returnable().for_each(|(distance, slot)| walk.pool.offer(distance, slot, true));
            work.compared += compared;
        }
    }

    /// Offers the slots behind the graph, but those that the walk came upon, to the pool.
    pub(super) fn scan_tail(&self, memory: &mut SearchMemory, work: &mut Work) {
        let SearchMemory { walk, target, slots, distances } = memory;
        let end = self.state.slot_count() as u32;
        let visited = &walk.visited;
        let tail = self.linked_end..end;
        work.compared += match self.request.allowed {
            None => {
                let unseen = tail.filter(|&slot| !visited.contains(slot));
                self.scan_slots(unseen, target, slots, distances, &mut walk.pool)
            }
            Some(allowed) if tail.is_empty() || allowed.is_empty() => 0,
            Some(allowed) => {
                let unseen = allowed.range(tail).filter(|&slot| !visited.contains(slot));
                self.scan_slots(unseen, target, slots, distances, &mut walk.pool)
            }
        };
    }

    fn scan_range(
        &self,
        range: Range<u32>,
        target: &Target,
        slots: &mut Vec<u32>,
        distances: &mut Vec<f32>,
        pool: &mut Pool,
    ) -> u64 {
        match self.request.allowed {
            None => self.scan_slots(range, target, slots, distances, pool),
            Some(_) if range.is_empty() => 0,
            Some(allowed) => self.scan_slots(allowed.range(range), target, slots, distances, pool),
        }
    }

    /// Offers those of some slots that are live to the pool; says how many there were.
    fn scan_slots(
        &self,
        candidates: impl Iterator<Item = u32>,
        target: &Target,
        slots: &mut Vec<u32>,
        distances: &mut Vec<f32>,
        pool: &mut Pool,
    ) -> u64 {
        let all_live = self.state.live_count() == self.state.slot_count();
        let mut candidates = candidates.filter(|&slot| all_live || self.state.is_live(slot));
        let mut compared = 0;
        loop {
            slots.clear();
            slots.extend(candidates.by_ref().take(BATCH_SLOTS));
            if slots.is_empty() {
                return compared;
            }
            self.space.distances(target, slots, distances);
            for (&distance, &slot) in distances.iter().zip(&*slots) {
                pool.offer(distance, slot, true);
            }
            compared += slots.len() as u64;
        }
    }

    /// Splits the slots below `end` into ranges of about as many candidates each.
    fn pieces(&self, end: u32) -> Vec<Range<u32>> {
        let piece_count = (rayon::current_num_threads() * PIECES_PER_THREAD) as u64;
        let begin = |piece: u64| match self.request.allowed {
            Some(allowed) if piece > 0 => {
                let rank = allowed.len() * piece / piece_count;
                let member = u32::try_from(rank).ok().and_then(|rank| allowed.select(rank));
                member.map_or(end, |slot| slot.min(end))
            }
            _ => (u64::from(end) * piece / piece_count) as u32,
        };
        let mut begins: Vec<u32> = (0..piece_count).map(begin).collect();
        begins.push(end);
        begins.windows(2).map(|bounds| bounds[0]..bounds[1]).collect()
    }
}
