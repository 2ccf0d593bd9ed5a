//! From what the index found to hits: the documents, and the passages that they were found by.

use std::{collections::HashMap, sync::Arc};

use akidb_core::{DamagedDocument, Document, DocumentId, Filter, Result, Seq, in_characters};
use akidb_store::PassageSpans;

use crate::{
    Hit, HitPassage, collections::OpenCollection, failure::from_store, projection::Candidate,
};

/// What the index and the store are asked.
pub(super) struct Nearest {
    pub(super) vector: Arc<Vec<f32>>,
    /// Left out of the hits.
    pub(super) itself: Option<DocumentId>,
    pub(super) filter: Option<Filter>,
    pub(super) window: usize,
    pub(super) min_score: Option<f32>,
    pub(super) with_vector: bool,
    pub(super) ef: Option<usize>,
    pub(super) exact: bool,
    pub(super) rescore: bool,
}

/// What the store has of the candidates.
pub(super) struct Fetched {
    /// The documents, in the order of the candidates.
    pub(super) hits: Vec<Hit>,
    /// Documents that are there and can not be served.
    pub(super) damaged: Vec<DamagedDocument>,
    /// How many are gone.
    pub(super) missing: usize,
}

/// The documents of the candidates.
pub(super) async fn fetch(
    open: &OpenCollection,
    candidates: &[Candidate],
    search: &Nearest,
) -> Result<Fetched> {
    let seqs: Vec<Seq> = candidates.iter().map(|candidate| candidate.key.document).collect();
    let rows = open.store.by_seqs(&seqs, search.with_vector).await.map_err(from_store)?;
    let passages = match open.row.chunking {
        Some(_) => {
            let vectors: Vec<Seq> = candidates.iter().map(|found| found.key.seq()).collect();
            Some(open.store.passage_spans(&vectors).await.map_err(from_store)?)
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
            Some(passages) => passage_of(&document, key.seq(), passages),
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

fn passage_of(document: &Document, vector: Seq, spans: &PassageSpans) -> Passage {
    let bytes = match spans.sound.get(&vector) {
        Some(Some(bytes)) => bytes,
        Some(None) => return Passage::None,
        None if spans.damaged.contains(&vector) => return Passage::Damaged,
        None => return Passage::Gone,
    };
    let text = document.text.as_deref().unwrap_or_default();
    let characters = in_characters(text, [bytes.clone()]).and_then(|mut all| all.pop());
    match characters.zip(text.get(bytes.clone())) {
        Some((characters, text)) => {
            Passage::Found(HitPassage { characters, text: text.to_owned() })
        }
        None => Passage::Damaged,
    }
}
