//! Searches of one moment of a collection, whose answers are documents.

use std::{collections::HashSet, sync::Arc, time::Duration};

use akidb_core::{DocumentId, Filter, Seq};
use akidb_index::{SearchRequest, Work};
use roaring::RoaringBitmap;

use super::{Candidate, Projection, generation::Generation};

/// How many passages of a document are expected among the best; with more of them a search runs
/// again for as many times as much.
const PASSAGES_A_DOCUMENT: usize = 4;

/// What a search can find: the vectors of one generation, or those that a filter lets through.
pub(crate) struct View {
    generation: Arc<Generation>,
    ef: usize,
    /// Absent where there is no filter.
    allowed: Option<RoaringBitmap>,
    /// Slots of which only the document tells whether it matches.
    unsure: RoaringBitmap,
}

/// What was found, and what finding it took.
#[derive(Debug, Default)]
pub(crate) struct FoundDocuments {
    /// The nearest documents, best first, each by its best vector.
    pub(crate) candidates: Vec<Candidate>,
    /// What the index did.
    pub(crate) work: Work,
    /// Vectors that can be found at all.
    pub(crate) vectors: u64,
    /// Of these, vectors of the documents that the filter lets through, where there is one.
    pub(crate) matching: Option<u64>,
    /// Whether the index has work that waits, such as codes to choose anew after what searches saw.
    pub(crate) has_work: bool,
    /// Whether the search did without a graph that should be there. It is right all the same.
    pub(crate) degraded: bool,
}

impl Projection {
    /// All vectors of this moment, or those that match.
    pub(crate) fn view(&self, filter: Option<&Filter>) -> View {
        let generation = self.shared.generation();
        let ef = self.shared.wanted.read().ef as usize;
        let matching = filter.map(|filter| generation.filter.matching(filter));
        let (allowed, unsure) = match matching {
            Some(matching) => (Some(matching.certain), matching.unsure),
            None => (None, RoaringBitmap::new()),
        };
        View { generation, ef, allowed, unsure }
    }
}

impl Projection {
    /// The fields of a filter that no document has, as the filter index knows without a look at any.
    pub(crate) fn unknown_fields(&self, filter: Option<&Filter>) -> Vec<String> {
        let Some(filter) = filter else { return Vec::new() };
        let generation = self.shared.generation();
        let unknown = generation.filter.unknown_fields(filter);
        unknown.into_iter().map(str::to_owned).collect()
    }
}

impl View {
    /// The documents of which only their metadata tell whether they match, see
    /// [`settle`](Self::settle). Rarely any.
    pub(crate) fn unsure(&self) -> Vec<Seq> {
        self.generation.documents_in(&self.unsure)
    }

    /// Lets through those of the unsure documents that match.
    pub(crate) fn settle(&mut self, matching: &HashSet<Seq>) {
        let keys = self.generation.keys.read();
        let matches = |slot: &u32| matching.contains(&keys.key(*slot as usize).document);
        let slots: RoaringBitmap =
            std::mem::take(&mut self.unsure).iter().filter(matches).collect();
        self.allowed = self.allowed.take().map(|allowed| allowed | slots);
    }

    /// About how long a search takes.
    pub(crate) fn expected_time(&self, request: &SearchRequest<'_>) -> Duration {
        let ef = request.effort.ef.unwrap_or(self.ef);
        let request = SearchRequest { allowed: self.allowed.as_ref(), ..*request }.with_ef(ef);
        self.generation.index.expected_time(&request)
    }

    /// The ids of documents that are known without a look at these, each in the place of its candidate.
    pub(crate) fn known_ids(&self, candidates: &[Candidate]) -> Vec<Option<DocumentId>> {
        let proved = self.generation.proved.read();
        let known = |it: &Candidate| proved.contains(it.slot).then(|| self.id_of(it.slot))?;
        candidates.iter().map(known).collect()
    }

    /// Takes up the ids of documents that were read.
    pub(crate) fn prove<'d>(&self, read: impl IntoIterator<Item = (u32, &'d DocumentId)>) {
        let read = read.into_iter();
        let equal = read.filter(|(slot, id)| self.id_of(*slot).as_ref() == Some(*id));
        let equal: Vec<u32> = equal.map(|(slot, _)| slot).collect();
        if !equal.is_empty() {
            self.generation.proved.write().extend(equal);
        }
    }

    fn id_of(&self, slot: u32) -> Option<DocumentId> {
        self.generation.filter.id_of(slot)
    }

    /// The nearest documents. The request's `limit` is one of documents; its `allowed` is not
    /// looked at.
    pub(crate) fn search(&self, vector: &[f32], request: SearchRequest<'_>) -> FoundDocuments {
        let documents = request.limit;
        let ef = request.effort.ef.unwrap_or(self.ef);
        let mut request = SearchRequest { allowed: self.allowed.as_ref(), ..request }.with_ef(ef);
        if self.generation.keys.read().has_passages() {
            request.limit = documents.saturating_mul(PASSAGES_A_DOCUMENT);
        }
        let mut work = Work::default();
        loop {
            let found = self.generation.index.search(vector, &request);
            work = work.and(found.work);
            let exhausted = found.neighbors.len() < request.limit;
            let candidates = self.generation.documents_of(&found.neighbors, documents);
            if exhausted || candidates.len() == documents {
                return FoundDocuments {
                    candidates,
                    work,
                    vectors: self.generation.index.live_count() as u64,
                    matching: self.allowed.as_ref().map(RoaringBitmap::len),
                    has_work: self.generation.index.pending_count() > 0,
                    degraded: self.generation.degraded(),
                };
            }
            // Few documents have all the best passages.
            request.limit = request.limit.saturating_mul(PASSAGES_A_DOCUMENT);
        }
    }
}
