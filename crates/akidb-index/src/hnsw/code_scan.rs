//! Scans over codes: of what the graph does not hold yet, and of all where a walk does not pay.
//!
//! Where vectors have sketches, a scan reads those, and the codes of the few that may be near enough.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    distance_computer::PreparedQuery,
    pool::Pool,
    search::{Search, SearchMemory},
};
use crate::{Parallelism, Work};

/// Slots measured together.
const BATCH_SLOTS: usize = 64;

/// Slots between two looks at the clock.
const LATE_SLOTS: u32 = 64 * BATCH_SLOTS as u32;

/// A scan that compares fewer vectors than this stays on one thread.
const PARALLEL_MIN_VECTORS: usize = 4_096;

/// A scan of fewer vectors does without sketches, for which the query would have to be made ready.
const SKETCHED_MIN: usize = 256;

/// Pieces for each thread, so that a thread that is slowed down does not hold up the rest.
const PIECES_PER_THREAD: usize = 4;

/// What a scan needs, kept to be used again without allocating. Batches pass through it: what they
/// are measured by has been asked for by the time it is read.
#[derive(Default)]
pub(super) struct ScanMemory {
    /// Slots whose sketches, or codes where there are none, are asked for now.
    ahead: Vec<u32>,
    /// Slots whose sketches were asked for before.
    asked: Vec<u32>,
    /// Slots that may be near enough, whose codes were asked for.
    near: Vec<u32>,
    distances: Vec<f32>,
}

impl Search<'_> {
    /// Fills the pool with the best of all slots that may be returned.
    pub(super) fn scan(&self, memory: &mut SearchMemory, work: &mut Work) {
        let SearchMemory { walk, prepared, scan, .. } = memory;
        walk.pool.reset(self.ef);
        if self.returnable_max() >= SKETCHED_MIN {
            self.computer.prepare_sketch(self.query, prepared);
        }
        let end = self.state.slot_count() as u32;
        let parallel = self.request.parallelism == Parallelism::ThreadPool
            && self.returnable_max() >= PARALLEL_MIN_VECTORS;
        if !parallel {
            work.compared += self.scan_range(0..end, prepared, scan, &mut walk.pool);
            return;
        }
        let pieces: Vec<(Pool, u64)> = self
            .pieces(end)
            .into_par_iter()
            .map(|piece| {
                let mut pool = Pool::default();
                pool.reset(self.ef);
                let compared =
                    self.scan_range(piece, prepared, &mut ScanMemory::default(), &mut pool);
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
        let SearchMemory { walk, prepared, scan, .. } = memory;
        let end = self.state.slot_count() as u32;
        let visited = &walk.visited;
        let tail = self.linked_end..end;
        walk.pool.shrink(self.ef);
        if tail.len().min(self.returnable_max()) >= SKETCHED_MIN {
            self.computer.prepare_sketch(self.query, prepared);
        }
        work.compared += match self.request.allowed {
            None => {
                let is_unseen = |slot| !visited.contains(slot);
                self.scan_run(tail, is_unseen, prepared, scan, &mut walk.pool)
            }
            Some(allowed) if tail.is_empty() || allowed.is_empty() => 0,
            Some(allowed) => {
                let unseen = allowed.range(tail).filter(|&slot| !visited.contains(slot));
                self.scan_slots(unseen, prepared, scan, &mut walk.pool)
            }
        };
    }

    fn scan_range(
        &self,
        range: Range<u32>,
        prepared: &PreparedQuery,
        memory: &mut ScanMemory,
        pool: &mut Pool,
    ) -> u64 {
        match self.request.allowed {
            None => self.scan_run(range, |_| true, prepared, memory, pool),
            Some(_) if range.is_empty() => 0,
            Some(allowed) => self.scan_slots(allowed.range(range), prepared, memory, pool),
        }
    }

    /// Offers those of a range of slots that are live and wanted to the pool; says how many slots
    /// it has.
    fn scan_run(
        &self,
        range: Range<u32>,
        is_wanted: impl Fn(u32) -> bool,
        prepared: &PreparedQuery,
        memory: &mut ScanMemory,
        pool: &mut Pool,
    ) -> u64 {
        if !self.computer.is_sketched(prepared) {
            let slots = range.filter(|&slot| is_wanted(slot));
            return self.scan_slots(slots, prepared, memory, pool);
        }
        let ScanMemory { asked, near, distances, .. } = memory;
        let mut begin = range.start;
        while begin < range.end || !near.is_empty() {
            let end = range.end.min((begin / BATCH_SLOTS as u32 + 1) * BATCH_SLOTS as u32);
            self.computer.find_nearer(prepared, begin..end, pool.bar(), asked);
            self.measure(prepared, near, distances, pool);
            asked.retain(|&slot| is_wanted(slot) && self.state.is_live(slot));
            near.clear();
            std::mem::swap(near, asked);
            begin = end;
            if begin.is_multiple_of(LATE_SLOTS) && self.request.is_late() {
                near.clear();
                break;
            }
        }
        range.len() as u64
    }

    /// Measures some slots and offers them to the pool.
    #[inline(always)]
    fn measure(
        &self,
        prepared: &PreparedQuery,
        slots: &[u32],
        distances: &mut Vec<f32>,
        pool: &mut Pool,
    ) {
        self.computer.distances(prepared, slots, distances);
        for (&distance, &slot) in distances.iter().zip(slots) {
            pool.offer(distance, slot, true);
        }
    }

    /// Offers those of some slots that are live to the pool; says how many there were.
    fn scan_slots(
        &self,
        candidates: impl Iterator<Item = u32>,
        prepared: &PreparedQuery,
        memory: &mut ScanMemory,
        pool: &mut Pool,
    ) -> u64 {
        let all_live = self.state.live_count() == self.state.slot_count();
        let mut candidates = candidates.filter(|&slot| all_live || self.state.is_live(slot));
        let ScanMemory { asked, ahead, near, distances } = memory;
        let mut compared = 0;
        loop {
            ahead.clear();
            ahead.extend(candidates.by_ref().take(BATCH_SLOTS));
            compared += ahead.len() as u64;
            ahead.iter().for_each(|&slot| self.computer.prefetch_first(prepared, slot));
            self.measure(prepared, near, distances, pool);
            self.computer.retain_nearer(prepared, asked, pool.bar());
            near.clear();
            std::mem::swap(near, asked);
            std::mem::swap(asked, ahead);
            if near.is_empty() && asked.is_empty() {
                return compared;
            }
            if compared.is_multiple_of(u64::from(LATE_SLOTS)) && self.request.is_late() {
                near.clear();
                asked.clear();
                return compared;
            }
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
