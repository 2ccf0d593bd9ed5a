//! One generation of a collection's indexes: vectors, keys, filters and words over the same slots.
//!
//! Slots are never used twice within a generation. What renumbers them, such as leaving out the
//! removed ones or another engine, makes a new generation beside the old one, which takes its place
//! in one step.

use std::{collections::HashSet, ops::Range};

use akidb_core::{
    Filter, IndexSettings, Seq,
    torture::{PlantedFault, has_fault},
};
use akidb_index::{FilterIndex, Neighbor, VectorIndex};
use akidb_store::{AddedDocument, CommittedChange, VectorKey};
use parking_lot::RwLock;
use roaring::RoaringBitmap;

use super::{
    Candidate,
    keys::{Keys, slot},
    words::Words,
};

/// The indexes, and what stands in their slots.
pub(super) struct Generation {
    pub(super) index: Box<dyn VectorIndex>,
    pub(super) keys: RwLock<Keys>,
    pub(super) filter: FilterIndex,
    /// The words of documents, each at the first of its slots; absent where no words are searched.
    pub(super) words: Option<Words>,
    /// Slots whose document is sure to have the id that `filter` says: it came with a commit, or its row
    /// was read since. What was loaded is only compared with its checksum when it is read.
    pub(super) proved: RwLock<RoaringBitmap>,
    /// What `index` was made with.
    pub(super) settings: IndexSettings,
    /// Slots below this were there when the collection was opened without a graph of them. As
    /// long as the graph does not hold them, searches are slower than they should be.
    pub(super) graph_due: usize,
}

impl Generation {
    /// A generation of indexes without slots.
    pub(super) fn new(
        index: Box<dyn VectorIndex>,
        settings: IndexSettings,
        words: Option<Words>,
    ) -> Self {
        Self {
            index,
            keys: RwLock::default(),
            filter: FilterIndex::new(),
            words,
            proved: RwLock::default(),
            settings,
            graph_due: 0,
        }
    }

    /// Brings the indexes in step with a commit.
    ///
    /// New versions come before old ones go, so that no search misses a document that is being
    /// replaced; the store has no row for the old version any more.
    pub(super) fn apply(&self, change: &CommittedChange) {
        self.append(&change.added, &change.added_vectors, &change.added_documents);
        self.remove_documents(&change.removed);
    }

    /// The same of a commit that was just made, whose documents nobody has had to read.
    pub(super) fn apply_new(&self, change: &CommittedChange) {
        let first = self.index.slot_count();
        self.apply(change);
        self.proved.write().insert_range(slot(first)..slot(first + change.added.len()));
    }

    fn append(&self, added: &[VectorKey], vectors: &[f32], documents: &[AddedDocument]) {
        if added.is_empty() {
            return;
        }
        debug_assert!(added.is_sorted(), "sequence numbers ascend");
        let first = self.index.slot_count();
        // Before the vectors: a slot that a search finds must have its key, and what filters and words find.
        self.keys.write().extend(added.iter().copied());
        self.append_documents(first, documents);
        self.index.append(slot(first), vectors);
    }

    /// Makes documents findable by their ids, metadata and words, whose slots are at `from` or later.
    /// Returns the slot after the last of them.
    pub(super) fn append_documents(&self, from: usize, documents: &[AddedDocument]) -> usize {
        let (slots, end) = self.slots_of(from, documents);
        let filterable = slots.iter().cloned().zip(documents);
        self.filter.insert_batch(filterable);
        if let Some(words) = &self.words {
            words.append(&slots, documents);
        }
        end
    }

    /// The slots of documents, of which none stands before `from`, and the one after the last of them.
    pub(super) fn slots_of(
        &self,
        mut from: usize,
        documents: &[AddedDocument],
    ) -> (Vec<Range<u32>>, usize) {
        let keys = self.keys.read();
        let slots = documents.iter().map(|document| {
            let slots = keys.of_document(document.seq, from);
            from = slots.end;
            slot(slots.start)..slot(slots.end)
        });
        (slots.collect(), from)
    }

    /// Takes documents out.
    pub(super) fn remove_documents(&self, removed: &[Seq]) {
        if removed.is_empty() || has_fault(PlantedFault::KeepRemovedInIndex) {
            return;
        }
        let mut removed = removed.to_vec();
        removed.sort_unstable();
        let slots = self.keys.read().of_documents(&removed);
        self.remove(&slots);
    }

    pub(super) fn remove(&self, slots: &RoaringBitmap) {
        let slots: Vec<u32> = slots.iter().collect();
        self.filter.remove(&slots);
        if let Some(words) = &self.words {
            words.index.remove(&slots);
        }
        self.index.remove(&slots);
    }

    /// The slots that a search can return.
    pub(super) fn live_slots(&self) -> RoaringBitmap {
        self.filter.matching(&Filter::And(Vec::new())).certain
    }

    /// The first `limit` documents that stand in slots, each once, by its best vector.
    pub(super) fn documents_of(&self, neighbors: &[Neighbor], limit: usize) -> Vec<Candidate> {
        let keys = self.keys.read();
        let candidates = neighbors.iter().map(|&Neighbor { slot, score }| Candidate {
            slot,
            key: keys.key(slot as usize),
            score,
            ..Candidate::default()
        });
        if !keys.has_passages() {
            return candidates.take(limit).collect();
        }
        let mut seen = HashSet::new();
        candidates.filter(|candidate| seen.insert(candidate.key.document)).take(limit).collect()
    }

    /// The documents that a search can return, ascending.
    pub(super) fn live_documents(&self) -> Vec<Seq> {
        self.documents_in(&self.live_slots())
    }

    /// The documents that stand in some slots, ascending.
    pub(super) fn documents_in(&self, slots: &RoaringBitmap) -> Vec<Seq> {
        if slots.is_empty() {
            return Vec::new();
        }
        let keys = self.keys.read();
        let documents = slots.iter().map(|slot| keys.key(slot as usize).document);
        let mut documents: Vec<Seq> = documents.collect();
        documents.dedup();
        documents
    }

    /// Slots whose vector was removed.
    pub(super) fn dead_count(&self) -> usize {
        self.index.slot_count().saturating_sub(self.index.live_count())
    }

    /// Whether searches do without a graph that should be there.
    pub(super) fn degraded(&self) -> bool {
        self.index.pending_count() > 0 && self.index.linked_count() < self.graph_due
    }

    pub(super) fn memory_bytes(&self) -> usize {
        // A statement of its own, so that commits do not wait for the keys longer than it takes.
        let keys = self.keys.read().memory_bytes();
        let proved = self.proved.read().serialized_size();
        let words = self.words.as_ref().map_or(0, |words| words.index.memory_bytes());
        words + keys + self.index.memory_bytes() + self.filter.memory_bytes() + proved
    }
}
