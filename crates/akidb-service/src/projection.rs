//! The vector index of one collection, kept in step with its store.
//!
//! The store names row versions by sequence number, the index by dense slots. This is where the
//! two meet. Slots are never reused; when most of them are dead, a new generation is built.

use std::sync::Arc;

use akidb_core::{Dimension, Metric, Seq};
use akidb_index::{ExactIndex, Neighbour, SearchRequest, VectorIndex};
use akidb_store::CommittedChange;
use parking_lot::RwLock;
use roaring::RoaringBitmap;

/// Dead slots, beyond as many as live ones, from which on a rebuild pays.
const DEAD_SLOTS_MIN: usize = 65_536;

/// A near row version.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) seq: Seq,
    pub(crate) score: f32,
}

/// The searchable vectors of one collection; clones share them.
#[derive(Clone)]
pub(crate) struct Projection {
    current: Arc<RwLock<Arc<Generation>>>,
}

/// An index, and the sequence number of each of its slots, ascending.
struct Generation {
    index: ExactIndex,
    seqs: RwLock<Vec<Seq>>,
}

impl Projection {
    pub(crate) fn new(dimension: Dimension, metric: Metric) -> Self {
        let index = ExactIndex::new(dimension.get(), metric);
        Self::of(Generation { index, seqs: RwLock::default() })
    }

    fn of(generation: Generation) -> Self {
        Self { current: Arc::new(RwLock::new(Arc::new(generation))) }
    }

    fn generation(&self) -> Arc<Generation> {
        Arc::clone(&self.current.read())
    }

    /// Brings the index in step with a commit. Called by one writer at a time.
    ///
    /// New versions come before old ones go, so that no search misses a document that is being
    /// replaced; the store has no row for the old version any more.
    pub(crate) fn apply(&self, change: &CommittedChange) {
        let generation = self.generation();
        generation.append(&change.added, &change.added_vectors);
        generation.remove(&change.removed);
    }

    /// Builds a new generation from the live slots where most are dead. Says whether it did.
    pub(crate) fn compact_if_sparse(&self) -> bool {
        let generation = self.generation();
        let live = generation.index.live_count();
        let dead = generation.index.slot_count() - live;
        if dead < live + DEAD_SLOTS_MIN {
            return false;
        }
        let (index, old_slots) = generation.index.compacted();
        let seqs = {
            let old = generation.seqs.read();
            old_slots.iter().map(|&slot| old[slot as usize]).collect()
        };
        *self.current.write() = Arc::new(Generation { index, seqs: RwLock::new(seqs) });
        true
    }

    /// The nearest row versions, best first; among `allowed` ones where it is given, ascending.
    pub(crate) fn search(
        &self,
        query: &[f32],
        allowed: Option<&[Seq]>,
        request: SearchRequest<'_>,
    ) -> Vec<Candidate> {
        let generation = self.generation();
        let allowed = allowed.map(|seqs| generation.slots_of(seqs));
        let request = SearchRequest { allowed: allowed.as_ref(), ..request };
        let neighbours = generation.index.search(query, &request);
        let seqs = generation.seqs.read();
        let candidate = |Neighbour { slot, score }| Candidate { seq: seqs[slot as usize], score };
        neighbours.into_iter().map(candidate).collect()
    }

    pub(crate) fn live_count(&self) -> usize {
        self.generation().index.live_count()
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        let generation = self.generation();
        let seqs = generation.seqs.read().capacity() * size_of::<Seq>();
        generation.index.memory_bytes() + seqs
    }
}

impl Generation {
    fn append(&self, added: &[Seq], vectors: &[f32]) {
        if added.is_empty() {
            return;
        }
        debug_assert!(added.is_sorted(), "sequence numbers ascend");
        let first_slot = self.index.slot_count();
        // Before the vectors: a slot that a search finds must have its sequence number.
        self.seqs.write().extend_from_slice(added);
        // Compaction keeps slots far below 2^32.
        self.index.append(u32::try_from(first_slot).unwrap_or(u32::MAX), vectors);
    }

    fn remove(&self, removed: &[Seq]) {
        if removed.is_empty() {
            return;
        }
        let mut removed = removed.to_vec();
        removed.sort_unstable();
        let slots: Vec<u32> = self.slots_of(&removed).into_iter().collect();
        self.index.remove(&slots);
    }

    /// The slots of ascending sequence numbers; unknown ones have none.
    fn slots_of(&self, seqs: &[Seq]) -> RoaringBitmap {
        let known = self.seqs.read();
        let mut slots = RoaringBitmap::new();
        let mut from = 0;
        for seq in seqs {
            // Galloping from the last match: one pass where many match, few steps where few do.
            let mut step = 1;
            while known.get(from + step).is_some_and(|known| known < seq) {
                step *= 2;
            }
            let end = (from + step + 1).min(known.len());
            from += known[from..end].partition_point(|known| known < seq);
            if known.get(from) == Some(seq)
                && let Ok(slot) = u32::try_from(from)
            {
                slots.insert(slot);
            }
        }
        slots
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(added: &[u64], removed: &[u64]) -> CommittedChange {
        CommittedChange {
            added: added.iter().map(|&seq| Seq(seq)).collect(),
            added_vectors: added.iter().flat_map(|&seq| [1.0, seq as f32]).collect(),
            removed: removed.iter().map(|&seq| Seq(seq)).collect(),
        }
    }

    fn found(projection: &Projection, allowed: Option<&[u64]>) -> Vec<u64> {
        let allowed: Option<Vec<_>> = allowed.map(|seqs| seqs.iter().map(|&s| Seq(s)).collect());
        let request = SearchRequest::nearest(100);
        let found = projection.search(&[0.0, 1.0], allowed.as_deref(), request);
        found.into_iter().map(|candidate| candidate.seq.0).collect()
    }

    #[test]
    fn searches_see_exactly_what_was_committed() {
        let projection = Projection::new(Dimension::new(2).unwrap(), Metric::Dot);
        projection.apply(&change(&[3, 5, 9, 12], &[]));
        assert_eq!(found(&projection, None), [12, 9, 5, 3]);
        projection.apply(&change(&[13, 20], &[13, 5]));
        assert_eq!(found(&projection, None), [20, 12, 9, 3]);
        assert_eq!(found(&projection, Some(&[1, 3, 5, 12, 20, 99])), [20, 12, 3]);
        assert_eq!(found(&projection, Some(&[])), [0; 0]);
    }

    #[test]
    fn a_sparse_index_is_compacted_and_keeps_its_answers() {
        let projection = Projection::new(Dimension::new(2).unwrap(), Metric::Dot);
        assert!(!projection.compact_if_sparse());
        let all: Vec<u64> = (1..=70_000).collect();
        projection.apply(&change(&all, &all[..69_990]));
        let before = found(&projection, None);
        let memory = projection.memory_bytes();
        assert!(projection.compact_if_sparse());
        assert_eq!(found(&projection, None), before);
        assert!(projection.memory_bytes() < memory);
        projection.apply(&change(&[70_001], &[70_000]));
        assert_eq!(found(&projection, Some(&[69_999, 70_000, 70_001])), [70_001, 69_999]);
    }
}
