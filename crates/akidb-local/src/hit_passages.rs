//! The passage of a text by which its document was found: the nearest, or the one with the words.

use std::{collections::HashMap, ops::Range};

use akidb_core::{Document, Result, Seq, in_characters};
use akidb_engine::{HitPassage, Ranking};
use akidb_store::{DocumentStore, PassageSpans};
use akidb_text::{TextIndex, TextSettings};

use crate::{
    projection::{Candidate, FieldIdentity},
    views::Views,
};

/// What the store says of the vector by which a document was found.
pub(crate) enum Passage {
    /// It is of the whole document.
    None,
    Found(HitPassage),
    /// The document was replaced meanwhile.
    Gone,
    Damaged,
}

/// The passages of the candidates of a search, by the part that has them. Those of whole texts have none.
pub(crate) struct Passages {
    of_parts: HashMap<usize, PassageSpans>,
}

impl Passages {
    /// Reads on this thread where in their texts the passages are that candidates were found by; of one
    /// that was found by its words, all of its passages.
    pub(crate) fn of(
        store: &DocumentStore,
        views: &Views,
        candidates: &[Candidate],
    ) -> Result<Self> {
        let mut of_parts = HashMap::new();
        for part in 0..views.len() {
            let (projection, view) = views.part(part);
            let Some(field) = projection.field().filter(|field| field.cuts_texts) else { continue };
            let here = candidates.iter().filter(|candidate| candidate.part == part);
            let vectors = here.flat_map(|candidate| match candidate.by_words {
                true => view.passages_of(candidate.slot),
                false => vec![candidate.key.seq()],
            });
            let vectors: Vec<Seq> = vectors.collect();
            of_parts.insert(part, store.passage_spans_here(field.number, &vectors)?);
        }
        Ok(Self { of_parts })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.of_parts.is_empty()
    }

    /// The passage by which a document was found.
    pub(crate) fn of_document(
        &self,
        document: &Document,
        candidate: &Candidate,
        views: &Views,
        ranking: &Ranking,
    ) -> Passage {
        let (projection, view) = views.part(candidate.part);
        let spans = self.of_parts.get(&candidate.part);
        let Some((field, spans)) = projection.field().zip(spans) else { return Passage::None };
        let text = text_in(document, field);
        let sources = projection.word_sources().filter(|sources| sources.has_text);
        match (ranking, sources) {
            (Ranking::Keyword(words), Some(sources)) if candidate.by_words => {
                let vectors = view.passages_of(candidate.slot);
                let known = vectors.iter().filter_map(|vector| spans.sound.get(vector)?.clone());
                let known: Vec<Range<usize>> = known.collect();
                // A damaged one among others does not keep the document from being found by its words.
                match with_words(text, &known, &sources.settings, &words.text) {
                    Some(bytes) => found(text, bytes),
                    None => Passage::None,
                }
            }
            _ if candidate.by_words => Passage::None,
            _ => match spans.sound.get(&candidate.key.seq()) {
                Some(Some(bytes)) => found(text, bytes.clone()),
                Some(None) => Passage::None,
                None if spans.damaged.contains(&candidate.key.seq()) => Passage::Damaged,
                None => Passage::Gone,
            },
        }
    }
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

/// The passage that fits the words best, the first where none has any of them alone.
fn with_words(
    text: &str,
    passages: &[Range<usize>],
    settings: &TextSettings,
    words: &str,
) -> Option<Range<usize>> {
    let first = passages.first()?;
    if passages.len() == 1 {
        return Some(first.clone());
    }
    let index = TextIndex::new(settings.clone());
    for (slot, passage) in (0..).zip(passages) {
        index.insert(slot, &[(0, text.get(passage.clone()).unwrap_or_default())]);
    }
    let best = index.query(words).search(1, None);
    best.first().map_or(Some(first), |best| passages.get(best.slot as usize)).cloned()
}

fn found(text: &str, bytes: Range<usize>) -> Passage {
    let characters = in_characters(text, [bytes.clone()]).and_then(|mut all| all.pop());
    match characters.zip(text.get(bytes)) {
        Some((characters, text)) => {
            Passage::Found(HitPassage { characters, text: text.to_owned() })
        }
        None => Passage::Damaged,
    }
}
