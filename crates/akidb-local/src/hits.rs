//! From what the indexes found to hits: the documents, and the passages that they were found by.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use akidb_core::{DamagedDocument, Document, DocumentId, Error, Metadata, Result, Seq};
use akidb_engine::{Hit, HitParts, Query};
use akidb_index::SearchRequest;

use crate::{
    collections::OpenCollection,
    hit_details::{Details, Shows},
    hit_passages::{Passage, Passages},
    projection::Candidate,
    views::Views,
};

/// What the store has of the candidates.
pub(crate) struct Fetched {
    /// The documents, in the order of the candidates.
    pub(crate) hits: Vec<Hit>,
    /// Documents that are there and can not be served.
    pub(crate) damaged: Vec<DamagedDocument>,
    /// How many are gone.
    pub(crate) missing: usize,
    /// How many passages got a score, to be shown, and the time that what is shown took.
    pub(crate) passages: u64,
    pub(crate) shown: Duration,
}

/// The documents of the candidates, which a search has found. Reads on this thread.
///
/// # Errors
/// When a read fails, or nobody waits for the answer any more.
pub(crate) fn fetch(
    open: &OpenCollection,
    views: &Views,
    candidates: &[Candidate],
    search: &Query,
    request: SearchRequest<'_>,
) -> Result<Fetched> {
    let store = &open.store;
    let began = Instant::now();
    let passages = Passages::of(store, views, candidates, search, request)?;
    let details = Details::of(open, search, views, &passages);
    let mut shown = began.elapsed();
    let mut scored_passages = 0;
    // A passage is a part of its document's text.
    let of_index: Vec<Option<DocumentId>> = match search.parts {
        HitParts::Id if passages.is_empty() && !search.shown.is_any() => {
            known_ids(views, candidates)
        }
        _ => vec![None; candidates.len()],
    };
    let read: Vec<Candidate> = candidates
        .iter()
        .zip(&of_index)
        .filter(|(_, id)| id.is_none())
        .map(|(it, _)| *it)
        .collect();
    let mut by_seq: HashMap<Seq, Document> = HashMap::with_capacity(candidates.len());
    let mut damaged = Vec::new();
    let mut missing = 0;
    if !read.is_empty() {
        let seqs: Vec<Seq> = read.iter().map(|candidate| candidate.key.document).collect();
        let rows = store.by_seqs_here(&seqs, search.parts == HitParts::Vectors)?;
        missing = read.len() - rows.documents.len() - rows.damaged.len();
        damaged = rows.damaged;
        by_seq.extend(rows.documents.into_iter().map(|document| (document.seq, document)));
        if search.parts == HitParts::Id {
            prove(views, &read, &by_seq);
        }
    }
    for (candidate, id) in candidates.iter().zip(of_index) {
        let seq = candidate.key.document;
        by_seq.extend(id.map(|id| (seq, document_of(id, seq))));
    }
    missing += versions_of_others(&by_seq);
    let mut hits = Vec::with_capacity(by_seq.len());
    let itself = search.ranking.near().and_then(|near| near.itself.as_ref());
    for candidate in candidates {
        let Some(document) = by_seq.remove(&candidate.key.document) else { continue };
        if details.is_late() {
            return Err(Error::too_late());
        }
        let began = Instant::now();
        let Shows { passage, best_passages, highlights, scored } =
            details.of_hit(&document, candidate, hits.len() >= search.shown.from);
        shown += began.elapsed();
        scored_passages += scored;
        let passage = match passage {
            Passage::None => None,
            Passage::Found(passage) => Some(passage),
            Passage::Gone => {
                missing += 1;
                continue;
            }
            Passage::Damaged => {
                store.report_damaged_passage(&document.id);
                damaged.push(DamagedDocument { id: Some(document.id), seq: Some(document.seq) });
                continue;
            }
        };
        if itself != Some(&document.id) && hits.len() < search.window {
            let Candidate { score, score_parts, .. } = *candidate;
            hits.push(Hit {
                score,
                score_parts,
                rerank: None,
                document,
                passage,
                best_passages,
                highlights,
            });
        }
    }
    Ok(Fetched { hits, damaged, missing, passages: scored_passages, shown })
}

/// The ids of documents that are known without a look at these, each in the place of its candidate.
fn known_ids(views: &Views, candidates: &[Candidate]) -> Vec<Option<DocumentId>> {
    let known = |it: &Candidate| views.part(it.part).1.known_id(it.slot);
    candidates.iter().map(known).collect()
}

/// Takes up the ids of documents that were read.
fn prove(views: &Views, read: &[Candidate], documents: &HashMap<Seq, Document>) {
    for part in 0..views.len() {
        let here = read.iter().filter(|it| it.part == part);
        let of = |it: &Candidate| Some((it.slot, &documents.get(&it.key.document)?.id));
        views.part(part).1.prove(here.filter_map(of));
    }
}

/// A document of which no more is wanted than which one it is.
fn document_of(id: DocumentId, seq: Seq) -> Document {
    Document {
        id,
        text: None,
        metadata: Metadata::default(),
        expires_at: None,
        vector: None,
        passages: Vec::new(),
        fields: Vec::new(),
        seq,
    }
}

/// How many of some documents are a version of another one: an index has the new version of a document
/// that is being replaced before it leaves out the old one, which the store has no more.
fn versions_of_others(documents: &HashMap<Seq, Document>) -> usize {
    let ids: HashSet<&DocumentId> = documents.values().map(|document| &document.id).collect();
    documents.len() - ids.len()
}
