//! Searches of one moment of a collection, whose answers are documents.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use akidb_core::{DocumentId, Filter, Seq};
use akidb_index::{SearchRequest, Work};
use akidb_text::{TextHit, TextIndex, TextQuery};
use roaring::RoaringBitmap;

use super::{Candidate, FoundTexts, Projection, generation::Generation, keys::slot};

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
    /// `found` are documents that hold the conditions on texts, for a projection without words.
    pub(crate) fn view(&self, filter: Option<&Filter>, found: Option<&FoundTexts>) -> View {
        let generation = self.shared.generation();
        let ef = self.shared.wanted.read().ef as usize;
        let matching = filter.map(|filter| generation.matching(filter, found));
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

    /// Whether some of what a filter lets through was removed since.
    pub(crate) fn lost_some(&self) -> bool {
        self.allowed.as_ref().is_some_and(|allowed| self.generation.filter.has_removed(allowed))
    }

    /// About how long a search takes.
    pub(crate) fn expected_time(&self, request: &SearchRequest<'_>) -> Duration {
        let ef = request.effort.ef.unwrap_or(self.ef);
        let request = SearchRequest { allowed: self.allowed.as_ref(), ..*request }.with_ef(ef);
        self.generation.index.expected_time(&request)
    }

    /// The id of the document in a slot, where it is known without a look at that.
    pub(crate) fn known_id(&self, slot: u32) -> Option<DocumentId> {
        let is_proved = self.generation.proved.read().contains(slot);
        is_proved.then(|| self.id_of(slot))?
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

    /// The words of the documents; absent where they are not searched.
    pub(crate) fn words(&self) -> Option<&TextIndex> {
        self.generation.words.as_ref().map(|words| &words.index)
    }

    /// How many vectors there are.
    pub(crate) fn vectors(&self) -> u64 {
        self.generation.index.live_count() as u64
    }

    /// Of these, those of documents that the filter lets through, where there is one.
    pub(crate) fn matching(&self) -> Option<u64> {
        self.allowed.as_ref().map(RoaringBitmap::len)
    }

    /// The documents that have words of a query, best first.
    pub(crate) fn with_words(&self, query: &TextQuery, limit: usize) -> Vec<Candidate> {
        let found = query.search(limit, self.allowed.as_ref());
        let keys = self.generation.keys.read();
        let candidate =
            |it: TextHit| Candidate::by_words(it.slot, keys.key(it.slot as usize), it.score);
        found.into_iter().map(candidate).collect()
    }

    /// What documents, ascending, have of the words of a query, and whether it lets them be found. Those that
    /// are not here are left out.
    pub(crate) fn words_of(&self, documents: &[Seq], query: &TextQuery) -> Vec<(Candidate, bool)> {
        let keys = self.generation.keys.read();
        let mut from = 0;
        let first_slots = documents.iter().filter_map(|document| {
            let slots = keys.of_document(*document, from);
            from = slots.end;
            (!slots.is_empty()).then_some(slot(slots.start))
        });
        let slots: Vec<u32> = first_slots.collect();
        let scores = query.scores(&slots);
        let candidate = |(slot, score): (u32, Option<f64>)| {
            let key = keys.key(slot as usize);
            (Candidate::by_words(slot, key, score.unwrap_or(0.0)), score.is_some())
        };
        slots.into_iter().zip(scores).map(candidate).collect()
    }

    /// How near documents, ascending, are. Those that are not here are left out.
    pub(crate) fn nearness_of(
        &self,
        documents: &[Seq],
        vector: &[f32],
        request: SearchRequest<'_>,
    ) -> Vec<Candidate> {
        let slots = self.generation.keys.read().of_documents(documents);
        if slots.is_empty() {
            return Vec::new();
        }
        let request =
            SearchRequest { allowed: Some(&slots), limit: slots.len() as usize, ..request };
        let found = self.generation.index.search(vector, &request);
        self.generation.documents_of(&found.neighbors, documents.len())
    }

    /// The vector in a slot, of length 1; absent where it has none.
    pub(crate) fn unit_vector(&self, slot: u32) -> Option<Vec<f32>> {
        let mut vector = self.generation.index.vector(slot)?;
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        if !(length.is_normal()) {
            return None;
        }
        vector.iter_mut().for_each(|value| *value /= length);
        Some(vector)
    }

    /// The vectors of a document, in the order of its passages.
    pub(crate) fn passages_of(&self, document: Seq) -> Vec<Seq> {
        let keys = self.generation.keys.read();
        let slots = keys.of_document(document, 0);
        slots.map(|slot| keys.key(slot).seq()).collect()
    }

    /// How near each vector of some documents, ascending, is.
    pub(crate) fn nearness_of_passages(
        &self,
        documents: &[Seq],
        vector: &[f32],
        request: SearchRequest<'_>,
    ) -> HashMap<Seq, f32> {
        let slots = self.generation.keys.read().of_documents(documents);
        if slots.is_empty() {
            return HashMap::new();
        }
        let request =
            SearchRequest { allowed: Some(&slots), limit: slots.len() as usize, ..request };
        let found = self.generation.index.search(vector, &request.with_min_score(None));
        let keys = self.generation.keys.read();
        let scored =
            found.neighbors.iter().map(|near| (keys.key(near.slot as usize).seq(), near.score));
        scored.collect()
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
                    vectors: self.vectors(),
                    matching: self.matching(),
                    has_work: self.generation.index.pending_count() > 0,
                    degraded: self.generation.degraded(),
                };
            }
            // Few documents have all the best passages.
            request.limit = request.limit.saturating_mul(PASSAGES_A_DOCUMENT);
        }
    }
}
