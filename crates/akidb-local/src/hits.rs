//! From what the index found to hits: the documents, and the passages that they were found by.

use std::collections::HashMap;

use akidb_core::{DamagedDocument, Document, Result, Seq, in_characters};
use akidb_engine::{Hit, HitPassage, Query};
use akidb_store::PassageSpans;

use crate::{
    collections::OpenCollection,
    projection::{Candidate, FieldIdentity, Projection},
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

/// The documents of the candidates.
pub(crate) async fn fetch(
    open: &OpenCollection,
    projection: &Projection,
    candidates: &[Candidate],
    search: &Query,
) -> Result<Fetched> {
    let seqs: Vec<Seq> = candidates.iter().map(|candidate| candidate.key.document).collect();
    let rows = open.store.by_seqs(&seqs, search.with_vector).await?;
    let field = projection.field();
    let passages = match field.filter(|field| field.cuts_texts) {
        Some(field) => {
            let vectors: Vec<Seq> = candidates.iter().map(|found| found.key.seq()).collect();
            Some((field, open.store.passage_spans(field.number, &vectors).await?))
        }
        None => None,
    };
    let mut damaged = rows.damaged;
    let mut missing = candidates.len() - rows.documents.len() - damaged.len();
    let mut by_seq: HashMap<Seq, Document> =
        rows.documents.into_iter().map(|document| (document.seq, document)).collect();
    let mut hits = Vec::with_capacity(by_seq.len());
    for &Candidate { key, score } in candidates {
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
                open.store.report_damaged_passage(&document.id);
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
    let text = match field.number {
        0 => document.text.as_deref(),
        _ => {
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
