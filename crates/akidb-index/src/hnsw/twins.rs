//! Equal vectors: one of them is a node of the graph, the others hang from it in a chain.
//!
//! Equal texts have equal vectors, thousands of them in a real collection. As nodes of their own they
//! would have only each other for neighbors, all at no distance: a walk that comes upon them fills
//! with them and ends there. So a vector whose equal is in the graph becomes its *twin*: no list
//! leads to it, a walk passes its representative alone, and only where that is among the nearest do
//! its twins stand beside it.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use super::blocks::Blocks;

/// Slots in a block.
const BLOCK_LOG2: u32 = 14;

/// Marks a twin; a representative goes without.
const TWIN: u32 = 1 << 31;

/// Where in a row the next of the chain stands, plus one; 0 at its end.
const NEXT: usize = 0;

/// Where in a row of a representative the last of its chain stands, in one of a twin its
/// representative, plus one and marked.
const OTHER: usize = 1;

/// The chains of one graph. Memory that no twin was written to takes no room.
#[derive(Clone)]
pub(super) struct Twins {
    rows: Blocks<AtomicU32>,
    count: Arc<AtomicU32>,
}

impl Default for Twins {
    fn default() -> Self {
        Self { rows: Blocks::new(2, BLOCK_LOG2), count: Arc::default() }
    }
}

impl Twins {
    /// Makes room for so many slots.
    pub(super) fn grow(&mut self, slots: usize) {
        self.rows.grow(slots);
    }

    /// Whether there is any.
    #[inline]
    pub(super) fn exist(&self) -> bool {
        self.count.load(Ordering::Acquire) > 0
    }

    pub(super) fn memory_bytes(&self, slots: usize) -> usize {
        if self.exist() { self.rows.memory_bytes(slots) } else { 0 }
    }

    pub(super) fn rows(&self) -> &Blocks<AtomicU32> {
        &self.rows
    }

    /// Hangs a slot that nothing leads to from a representative. One thread at a time for each
    /// representative.
    pub(super) fn add(&self, representative: u32, twin: u32) {
        let row = self.rows.row(representative);
        let last = row[OTHER].load(Ordering::Relaxed);
        debug_assert_eq!(last & TWIN, 0, "a twin has no twins");
        self.rows.row(twin)[OTHER].store((representative + 1) | TWIN, Ordering::Relaxed);
        let before = if last == 0 { row } else { self.rows.row(last - 1) };
        before[NEXT].store(twin + 1, Ordering::Release);
        row[OTHER].store(twin + 1, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Release);
    }

    /// The twins of a representative, in the order in which they came.
    pub(super) fn of(&self, representative: u32) -> impl Iterator<Item = u32> {
        let next = |slot: u32| self.rows.row(slot)[NEXT].load(Ordering::Acquire).checked_sub(1);
        std::iter::successors(next(representative), move |&slot| next(slot))
    }

    /// Whether a slot is a twin, and so no node.
    pub(super) fn is_twin(&self, slot: u32) -> bool {
        self.exist() && self.rows.row(slot)[OTHER].load(Ordering::Acquire) & TWIN != 0
    }

    /// Whether a slot has twins.
    pub(super) fn has_some(&self, slot: u32) -> bool {
        self.exist()
            && !self.is_twin(slot)
            && self.rows.row(slot)[NEXT].load(Ordering::Acquire) != 0
    }

    /// Takes chains as they were written, of slots below `end`; says whether they are chains.
    pub(super) fn read(&self, slots: Range<u32>, numbers: &[u32]) -> bool {
        let mut count = 0;
        for (slot, row) in slots.clone().zip(numbers.as_chunks::<2>().0) {
            self.rows.row(slot)[NEXT].store(row[NEXT], Ordering::Relaxed);
            self.rows.row(slot)[OTHER].store(row[OTHER], Ordering::Relaxed);
            count += u32::from(row[OTHER] & TWIN != 0);
        }
        self.count.store(count, Ordering::Release);
        self.are_chains(slots.end)
    }

    /// Whether every chain begins at a representative, holds only twins of it, each once, and ends
    /// where that says.
    fn are_chains(&self, end: u32) -> bool {
        let number = |slot: u32, at: usize| self.rows.row(slot)[at].load(Ordering::Relaxed);
        let representative = |slot: u32| match number(slot, OTHER) {
            other if other & TWIN != 0 => (other & !TWIN).wrapping_sub(1),
            _ => slot,
        };
        let mut is_followed = vec![false; end as usize];
        (0..end).all(|slot| {
            let is_node = representative(slot) == slot && number(slot, OTHER) & TWIN == 0;
            let head = representative(slot);
            let (next, last) = (number(slot, NEXT), number(slot, OTHER));
            let leads_on = next == 0
                || (next <= end
                    && number(next - 1, OTHER) & TWIN != 0
                    && representative(next - 1) == head
                    && !std::mem::replace(&mut is_followed[next as usize - 1], true));
            let ends_well = !is_node
                || (last == 0 && next == 0)
                || (next != 0
                    && (1..=end).contains(&last)
                    && number(last - 1, OTHER) & TWIN != 0
                    && representative(last - 1) == slot
                    && number(last - 1, NEXT) == 0);
            head < end && number(head, OTHER) & TWIN == 0 && leads_on && ends_well
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(twins: &Twins, end: u32) -> Vec<u32> {
        let rows = (0..end).flat_map(|slot| twins.rows.row(slot));
        rows.map(|number| number.load(Ordering::Relaxed)).collect()
    }

    #[test]
    fn chains_keep_their_order_and_come_back() {
        let mut twins = Twins::default();
        twins.grow(10);
        assert!(!twins.exist() && !twins.is_twin(3));
        for (representative, twin) in [(2, 5), (2, 3), (0, 7), (2, 9)] {
            twins.add(representative, twin);
        }
        assert_eq!(twins.of(2).collect::<Vec<_>>(), [5, 3, 9]);
        assert_eq!(twins.of(0).collect::<Vec<_>>(), [7]);
        assert_eq!(twins.of(1).count(), 0);
        assert!(twins.is_twin(9) && !twins.is_twin(2) && twins.has_some(2) && !twins.has_some(9));
        let mut back = Twins::default();
        back.grow(10);
        assert!(back.read(0..10, &numbers(&twins, 10)));
        assert_eq!(back.of(2).collect::<Vec<_>>(), [5, 3, 9]);
        back.add(2, 1);
        assert_eq!(back.of(2).collect::<Vec<_>>(), [5, 3, 9, 1]);
    }

    #[test]
    fn what_is_no_chain_is_refused() {
        let mut twins = Twins::default();
        twins.grow(6);
        for (representative, twin) in [(0, 1), (0, 2), (4, 3)] {
            twins.add(representative, twin);
        }
        let sound = numbers(&twins, 6);
        for place in 0..12 {
            for number in [1, 2, 3, 4, 7, 100, 1 | TWIN, 4 | TWIN, 100 | TWIN, TWIN, u32::MAX] {
                let mut damaged = sound.clone();
                damaged[place] = number;
                let mut back = Twins::default();
                back.grow(6);
                if damaged != sound && back.read(0..6, &damaged) {
                    // What passes ends, within the graph.
                    for slot in 0..6 {
                        assert!(back.of(slot).take(10).all(|twin| twin < 6));
                        assert!(back.of(slot).take(10).count() < 6);
                    }
                }
            }
        }
    }
}
