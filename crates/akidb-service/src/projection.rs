//! The vector index of one collection, kept in step with its store.
//!
//! The store names row versions and the passages of one by sequence number, the index by dense
//! slots. This is where the two meet, and where what was found by several passages becomes one
//! document. Slots are never reused; when most of them are dead, a new generation is built.

use std::{collections::HashSet, sync::Arc};

use akidb_core::{Dimension, Metric, Seq};
use akidb_index::{ExactIndex, Found, Neighbour, SearchRequest, VectorIndex, Work};
use akidb_store::{CommittedChange, VectorKey};
use parking_lot::RwLock;
use roaring::RoaringBitmap;

use crate::IndexStatus;

/// Dead slots, beyond as many as live ones, from which on a rebuild pays.
const DEAD_SLOTS_MIN: usize = 65_536;

/// How many passages of a document are expected among the best; with more of them a search scans
/// again for as many times as much.
const PASSAGES_A_DOCUMENT: usize = 4;

/// A near document, by the nearest of its vectors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) key: VectorKey,
    pub(crate) score: f32,
}

/// What a search found, and what it did for it.
#[derive(Debug, Default)]
pub(crate) struct FoundDocuments {
    /// Best first.
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) work: Work,
    /// Vectors that can be found at all.
    pub(crate) vectors: u64,
    /// Of these, vectors of the allowed documents, where only some are.
    pub(crate) matching: Option<u64>,
    /// Whether the graph that the settings ask for was not there, so that more was compared.
    pub(crate) degraded: bool,
}

/// What two searches did together; the last one says how.
pub(crate) fn both(first: Work, last: Work) -> Work {
    Work {
        strategy: last.strategy,
        ef: first.ef.max(last.ef),
        hops: first.hops + last.hops,
        compared: first.compared + last.compared,
        rescored: first.rescored + last.rescored,
    }
}

/// The searchable vectors of one collection; clones share them.
#[derive(Clone)]
pub(crate) struct Projection {
    current: Arc<RwLock<Arc<Generation>>>,
}

/// An index, and what stands in its slots.
struct Generation {
    index: ExactIndex,
    slots: RwLock<Slots>,
}

/// The vector in each slot, ascending.
#[derive(Default)]
struct Slots {
    seqs: Vec<Seq>,
    /// Which passage of its document it is. Empty as long as each is the first, as it stays where
    /// texts are not cut.
    passages: Vec<u32>,
}

impl Slots {
    fn push(&mut self, key: VectorKey) {
        if key.passage > 0 && self.passages.is_empty() {
            self.passages.resize(self.seqs.len(), 0);
        }
        if key.passage > 0 || !self.passages.is_empty() {
            self.passages.push(key.passage);
        }
        self.seqs.push(key.seq());
    }

    fn key(&self, slot: usize) -> VectorKey {
        let passage = self.passages.get(slot).copied().unwrap_or(0);
        VectorKey { document: Seq(self.seqs[slot].0 - u64::from(passage)), passage }
    }

    /// Whether documents may stand in several slots.
    fn has_passages(&self) -> bool {
        !self.passages.is_empty()
    }

    /// The slots of documents, ascending; unknown ones have none.
    fn of_documents(&self, documents: &[Seq]) -> RoaringBitmap {
        let known = &self.seqs;
        let mut slots = RoaringBitmap::new();
        let mut from = 0;
        for document in documents {
            // Galloping from the last match: one pass where many match, few steps where few do.
            let mut step = 1;
            while known.get(from + step).is_some_and(|known| known < document) {
                step *= 2;
            }
            let end = (from + step + 1).min(known.len());
            from += known[from..end].partition_point(|known| known < document);
            // The first passage may be missing where its row is damaged.
            while from < known.len() && self.key(from).document == *document {
                slots.insert(u32::try_from(from).unwrap_or(u32::MAX));
                from += 1;
            }
        }
        slots
    }
}

impl Projection {
    pub(crate) fn new(dimension: Dimension, metric: Metric) -> Self {
        let index = ExactIndex::new(dimension.get(), metric);
        Self::of(Generation { index, slots: RwLock::default() })
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
        let mut slots = Slots::default();
        {
            let old = generation.slots.read();
            old_slots.iter().for_each(|&slot| slots.push(old.key(slot as usize)));
        }
        *self.current.write() = Arc::new(Generation { index, slots: RwLock::new(slots) });
        true
    }

    /// The nearest documents, best first, each by its best vector; among `allowed` ones where it is
    /// given, ascending.
    pub(crate) fn search(
        &self,
        query: &[f32],
        allowed: Option<&[Seq]>,
        request: SearchRequest<'_>,
    ) -> FoundDocuments {
        let generation = self.generation();
        let slots_of = |documents| generation.slots.read().of_documents(documents);
        let allowed = allowed.map(slots_of);
        let mut limit = match generation.slots.read().has_passages() {
            true => request.limit.saturating_mul(PASSAGES_A_DOCUMENT),
            false => request.limit,
        };
        let mut found = FoundDocuments {
            vectors: generation.index.live_count() as u64,
            matching: allowed.as_ref().map(RoaringBitmap::len),
            ..FoundDocuments::default()
        };
        loop {
            let wider = SearchRequest { limit, allowed: allowed.as_ref(), ..request };
            let Found { neighbours, work } = generation.index.search(query, &wider);
            found.work = both(found.work, work);
            let exhausted = neighbours.len() < limit;
            found.candidates = generation.documents_of(neighbours, request.limit);
            if exhausted || found.candidates.len() == request.limit {
                return found;
            }
            // Few documents have all the best passages.
            limit = limit.saturating_mul(PASSAGES_A_DOCUMENT);
        }
    }

    /// How far the index is, and what it takes.
    pub(crate) fn status(&self) -> IndexStatus {
        IndexStatus {
            vector_count: self.live_count() as u64,
            progress: 1.0,
            memory_bytes: self.memory_bytes() as u64,
            ..IndexStatus::default()
        }
    }

    pub(crate) fn live_count(&self) -> usize {
        self.generation().index.live_count()
    }

    fn memory_bytes(&self) -> usize {
        let generation = self.generation();
        let slots = generation.slots.read();
        let slots =
            slots.seqs.capacity() * size_of::<Seq>() + slots.passages.capacity() * size_of::<u32>();
        generation.index.memory_bytes() + slots
    }
}

impl Generation {
    fn append(&self, added: &[VectorKey], vectors: &[f32]) {
        if added.is_empty() {
            return;
        }
        debug_assert!(added.is_sorted(), "sequence numbers ascend");
        let first_slot = self.index.slot_count();
        {
            // Before the vectors: a slot that a search finds must have its key.
            let mut slots = self.slots.write();
            slots.seqs.reserve(added.len());
            added.iter().for_each(|&key| slots.push(key));
        }
        // Compaction keeps slots far below 2^32.
        self.index.append(u32::try_from(first_slot).unwrap_or(u32::MAX), vectors);
    }

    fn remove(&self, removed: &[Seq]) {
        if removed.is_empty() {
            return;
        }
        let mut removed = removed.to_vec();
        removed.sort_unstable();
        let slots: Vec<u32> = self.slots.read().of_documents(&removed).into_iter().collect();
        self.index.remove(&slots);
    }

    /// The first `limit` documents that stand in slots, each once.
    fn documents_of(&self, neighbours: Vec<Neighbour>, limit: usize) -> Vec<Candidate> {
        let slots = self.slots.read();
        let candidates = neighbours
            .into_iter()
            .map(|Neighbour { slot, score }| Candidate { key: slots.key(slot as usize), score });
        if !slots.has_passages() {
            return candidates.collect();
        }
        let mut seen = HashSet::new();
        candidates.filter(|candidate| seen.insert(candidate.key.document)).take(limit).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(added: &[u64], removed: &[u64]) -> CommittedChange {
        CommittedChange {
            added: added.iter().map(|&seq| VectorKey { document: Seq(seq), passage: 0 }).collect(),
            added_vectors: added.iter().flat_map(|&seq| [1.0, seq as f32]).collect(),
            removed: removed.iter().map(|&seq| Seq(seq)).collect(),
        }
    }

    fn found(projection: &Projection, allowed: Option<&[u64]>) -> Vec<u64> {
        let allowed: Option<Vec<_>> = allowed.map(|seqs| seqs.iter().map(|&s| Seq(s)).collect());
        let request = SearchRequest::nearest(100);
        let found = projection.search(&[0.0, 1.0], allowed.as_deref(), request);
        found.candidates.into_iter().map(|candidate| candidate.key.document.0).collect()
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

    fn cut(documents: &[(u64, &[f32])]) -> CommittedChange {
        let mut change = CommittedChange::default();
        for (document, passages) in documents {
            for (passage, value) in (0..).zip(*passages) {
                change.added.push(VectorKey { document: Seq(*document), passage });
                change.added_vectors.extend([1.0, *value]);
            }
        }
        change
    }

    fn best_passages(projection: &Projection, limit: usize) -> Vec<(u64, u32)> {
        let found = projection.search(&[0.0, 1.0], None, SearchRequest::nearest(limit));
        let found = found.candidates.into_iter();
        found.map(|found| (found.key.document.0, found.key.passage)).collect()
    }

    #[test]
    fn a_document_is_found_once_by_its_best_passage() {
        let projection = Projection::new(Dimension::new(2).unwrap(), Metric::Dot);
        projection.apply(&change(&[1], &[]));
        let many: Vec<f32> = (0..200_u8).map(|i| 100.0 + f32::from(i)).collect();
        projection.apply(&cut(&[(2, &many), (300, &[5.0, 9.0]), (302, &[7.0])]));
        assert_eq!(best_passages(&projection, 2), [(2, 199), (300, 1)]);
        assert_eq!(best_passages(&projection, 9), [(2, 199), (300, 1), (302, 0), (1, 0)]);
        assert_eq!(found(&projection, Some(&[1, 300])), [300, 1]);
        projection.apply(&change(&[303], &[2, 302]));
        assert_eq!(best_passages(&projection, 9), [(303, 0), (300, 1), (1, 0)]);
        assert_eq!(projection.live_count(), 4);
    }

    #[test]
    fn passages_whose_first_is_missing_are_found_and_removed_all_the_same() {
        let projection = Projection::new(Dimension::new(2).unwrap(), Metric::Dot);
        let mut loaded = cut(&[(1, &[1.0]), (2, &[9.0, 2.0, 3.0])]);
        loaded.added.remove(1);
        loaded.added_vectors.drain(2..4);
        projection.apply(&loaded);
        assert_eq!(best_passages(&projection, 9), [(2, 2), (1, 0)]);
        assert_eq!(found(&projection, Some(&[2])), [2]);
        projection.apply(&change(&[], &[2]));
        assert_eq!(best_passages(&projection, 9), [(1, 0)]);
    }

    #[test]
    fn compaction_keeps_passages_with_their_documents() {
        let projection = Projection::new(Dimension::new(2).unwrap(), Metric::Dot);
        let all: Vec<u64> = (1..=70_000).collect();
        projection.apply(&change(&all, &all));
        projection.apply(&cut(&[(70_001, &[5.0, 9.0]), (70_003, &[7.0])]));
        assert!(projection.compact_if_sparse());
        assert_eq!(best_passages(&projection, 9), [(70_001, 1), (70_003, 0)]);
        projection.apply(&change(&[], &[70_001]));
        assert_eq!(best_passages(&projection, 9), [(70_003, 0)]);
    }
}
