//! Which documents a filter lets through, for everything but a search: as of one commit.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
};

use akidb_core::{Filter, Seq};
use akidb_index::FilterIndex;
use roaring::RoaringBitmap;

use super::{Projection, Shared, generation::Generation};

/// Looks taken beside the commits; the next one holds them up.
const UNDISTURBED_LOOKS_MAX: u32 = 4;

/// The documents that match as of one commit.
pub(crate) struct Matching {
    generation: Arc<Generation>,
    slots: RoaringBitmap,
    /// Documents of which only their metadata tell, ascending.
    pub(crate) unsure: Vec<Seq>,
    /// The last sequence number of that commit.
    pub(crate) as_of: Seq,
}

impl Projection {
    /// The documents that a filter lets through, and those of which that is not known yet.
    pub(crate) fn matching(&self, filter: &Filter) -> Matching {
        let shared = &*self.shared;
        for _ in 0..UNDISTURBED_LOOKS_MAX {
            let before = shared.commits.load(Ordering::Acquire);
            // A commit that replaces a document adds the new version before it takes the old one out.
            let matching = shared.matching(filter);
            if before.is_multiple_of(2) && shared.commits.load(Ordering::Acquire) == before {
                return matching;
            }
        }
        let _writing = shared.writing.lock();
        shared.matching(filter)
    }
}

impl Shared {
    fn matching(&self, filter: &Filter) -> Matching {
        let as_of = Seq(self.applied_seq.load(Ordering::Acquire));
        let generation = self.generation();
        let found = generation.matching(filter, None);
        let mut unsure = generation.documents_in(&found.unsure);
        // The indexes do not have all of these, and the store tells what it has.
        let unsearchable = self.unsearchable.read();
        if !unsearchable.is_empty() {
            let all: BTreeSet<Seq> = unsure.iter().chain(unsearchable.iter()).copied().collect();
            unsure = all.into_iter().collect();
        }
        Matching { generation, slots: found.certain, unsure, as_of }
    }
}

impl Matching {
    /// How many documents match for certain, those aside of which that is not known.
    pub(crate) fn certain_count(&self) -> u64 {
        if self.unsure.is_empty() && !self.generation.keys.read().has_passages() {
            return self.slots.len();
        }
        self.certain().len() as u64
    }

    /// The index that has the values of the documents that match for certain, and a slot of each of
    /// these, those aside of which that is not known.
    pub(crate) fn with_values(&self) -> (&FilterIndex, RoaringBitmap) {
        let mut slots = self.slots.clone();
        let keys = self.generation.keys.read();
        if !self.unsure.is_empty() {
            slots -= keys.of_documents(&self.unsure);
        }
        if keys.has_passages() {
            let mut last = None;
            let is_first = |slot: &u32| {
                let document = Some(keys.key(*slot as usize).document);
                std::mem::replace(&mut last, document) != document
            };
            slots = slots.iter().filter(is_first).collect();
        }
        (&self.generation.filter, slots)
    }

    /// The documents in some slots, ascending.
    pub(crate) fn documents_in(&self, slots: &RoaringBitmap) -> Vec<Seq> {
        self.generation.documents_in(slots)
    }

    /// The documents that match for certain, ascending, those aside of which that is not known.
    pub(crate) fn certain(&self) -> Vec<Seq> {
        let mut documents = self.generation.documents_in(&self.slots);
        if !self.unsure.is_empty() {
            documents.retain(|document| self.unsure.binary_search(document).is_err());
        }
        documents
    }
}
