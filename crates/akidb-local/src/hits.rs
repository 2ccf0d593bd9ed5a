//! From what the indexes found to hits: the documents, and the passages that they were found by.

use std::collections::{HashMap, HashSet};

use akidb_core::{DamagedDocument, Document, DocumentId, Metadata, Result, Seq};
use akidb_engine::{Hit, HitParts, Query};
use akidb_store::DocumentStore;

use crate::{
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
}

/// The documents of the candidates, which a search has found. Reads on this thread.
pub(crate) fn fetch(
    store: &DocumentStore,
    views: &Views,
    candidates: &[Candidate],
    search: &Query,
) -> Result<Fetched> {
    let passages = Passages::of(store, views, candidates)?;
    // A passage is a part of its document's text.
    let of_index: Vec<Option<DocumentId>> = match search.parts {
        HitParts::Id if passages.is_empty() => known_ids(views, candidates),
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
        let passage = passages.of_document(&document, candidate, views, &search.ranking);
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
            hits.push(Hit { score, score_parts, rerank: None, document, passage });
        }
    }
    Ok(Fetched { hits, damaged, missing })
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
