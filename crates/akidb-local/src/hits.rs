//! From what the index found to hits: the documents, and the passages that they were found by.

use std::collections::{HashMap, HashSet};

use akidb_core::{DamagedDocument, Document, DocumentId, Metadata, Result, Seq, in_characters};
use akidb_engine::{Hit, HitParts, HitPassage, Query};
use akidb_store::{DocumentStore, PassageSpans};

use crate::projection::{Candidate, FieldIdentity, Projection, View};

/// What the store has of the candidates.
pub(crate) struct Fetched {
    /// The documents, in the order of the candidates.
    pub(crate) hits: Vec<Hit>,
    /// Documents that are there and can not be served.
    pub(crate) damaged: Vec<DamagedDocument>,
    /// How many are gone.
    pub(crate) missing: usize,
}

/// The documents of the candidates, which a view has found. Reads on this thread.
pub(crate) fn fetch(
    store: &DocumentStore,
    (projection, view): (&Projection, &View),
    candidates: &[Candidate],
    search: &Query,
) -> Result<Fetched> {
    let field = projection.field();
    let passages = match field.filter(|field| field.cuts_texts) {
        Some(field) => {
            let vectors: Vec<Seq> = candidates.iter().map(|found| found.key.seq()).collect();
            Some((field, store.passage_spans_here(field.number, &vectors)?))
        }
        None => None,
    };
    // A passage is a part of its document's text.
    let of_index = match search.parts {
        HitParts::Id if passages.is_none() => view.known_ids(candidates),
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
            let of = |it: &Candidate| Some((it.slot, &by_seq.get(&it.key.document)?.id));
            view.prove(read.iter().filter_map(of));
        }
    }
    for (candidate, id) in candidates.iter().zip(of_index) {
        let seq = candidate.key.document;
        by_seq.extend(id.map(|id| (seq, document_of(id, seq))));
    }
    missing += versions_of_others(&by_seq);
    let mut hits = Vec::with_capacity(by_seq.len());
    for &Candidate { key, score, .. } in candidates {
        let Some(document) = by_seq.remove(&key.document) else { continue };
        let passage = match &passages {
            Some((field, passages)) => passage_of(text_in(&document, field), key.seq(), passages),
            None => Passage::None,
        };
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
        if search.itself.as_ref() != Some(&document.id) && hits.len() < search.window {
            hits.push(Hit { score, document, passage });
        }
    }
    Ok(Fetched { hits, damaged, missing })
}

/// A document of which no more is wanted than which one it is.
fn document_of(id: DocumentId, seq: Seq) -> Document {
    Document {
        id,
        text: None,
        metadata: Metadata::default(),
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

/// What the store says of the vector by which a document was found.
enum Passage {
    /// It is of the whole document.
    None,
    Found(HitPassage),
    /// The document was replaced meanwhile.
    Gone,
    Damaged,
}

/// The text that a document has in a field.
fn text_in<'d>(document: &'d Document, field: &FieldIdentity) -> &'d str {
    let text = match field.name.is_unnamed() {
        true => document.text.as_deref(),
        false => {
            let mut named = document.fields.iter();
            named.find(|it| it.name == field.name).and_then(|it| it.text.as_deref())
        }
    };
    text.unwrap_or_default()
}

fn passage_of(text: &str, vector: Seq, spans: &PassageSpans) -> Passage {
    let bytes = match spans.sound.get(&vector) {
        Some(Some(bytes)) => bytes,
        Some(None) => return Passage::None,
        None if spans.damaged.contains(&vector) => return Passage::Damaged,
        None => return Passage::Gone,
    };
    let characters = in_characters(text, [bytes.clone()]).and_then(|mut all| all.pop());
    match characters.zip(text.get(bytes.clone())) {
        Some((characters, text)) => {
            Passage::Found(HitPassage { characters, text: text.to_owned() })
        }
        None => Passage::Damaged,
    }
}
