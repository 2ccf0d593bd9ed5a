//! The passages of a text by which its document was found: the nearest, or those with the words.

use std::{collections::HashMap, ops::Range};

use akidb_core::{Document, Result, Seq, in_characters};
use akidb_engine::{HitPassage, Query};
use akidb_index::SearchRequest;
use akidb_store::{DocumentStore, PassageSpans};
use akidb_text::{TextMatcher, TextMatches};

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

/// A passage whose place in its text is known.
#[derive(Clone, Debug)]
pub(crate) struct KnownPassage {
    pub(crate) bytes: Range<usize>,
    /// How near it is to the vector of the query, where that is known.
    pub(crate) nearness: Option<f32>,
}

/// The passages of the candidates of a search, by the part that has them. Those of whole texts have none.
pub(crate) struct Passages {
    of_parts: HashMap<usize, PassageSpans>,
    /// How near the vectors of passages are that are to be shown.
    nearness: HashMap<Seq, f32>,
}

impl Passages {
    /// Reads on this thread where in their texts the passages are that candidates were found by: all passages of one
    /// that was found by its words, and of each where the search shows some.
    pub(crate) fn of(
        store: &DocumentStore,
        views: &Views,
        candidates: &[Candidate],
        query: &Query,
        request: SearchRequest<'_>,
    ) -> Result<Self> {
        let mut of_parts = HashMap::new();
        let shows_some = query.shown.passages.is_some();
        // A candidate is no later hit than its place, but an earlier one where others are gone.
        let (before, shown) = candidates.split_at(candidates.len().min(query.shown.from));
        for part in 0..views.len() {
            let (projection, view) = views.part(part);
            let Some(field) = projection.field().filter(|field| field.cuts_texts) else { continue };
            let with_all = before.iter().map(|candidate| (candidate, candidate.by_words));
            let shown = shown.iter().map(|candidate| (candidate, candidate.by_words || shows_some));
            let here = with_all.chain(shown).filter(|(candidate, _)| candidate.part == part);
            let vectors = here.flat_map(|(candidate, with_all)| match with_all {
                true => view.passages_of(candidate.key.document),
                false => vec![candidate.key.seq()],
            });
            let vectors: Vec<Seq> = vectors.collect();
            of_parts.insert(part, store.passage_spans_here(field.number, &vectors)?);
        }
        let mut nearness = HashMap::new();
        if let Some((near, (part, view))) = query.ranking.near().zip(views.near())
            && shows_some
            && of_parts.contains_key(&part)
        {
            let here = shown.iter().filter(|candidate| candidate.part == part);
            let mut documents: Vec<Seq> = here.map(|candidate| candidate.key.document).collect();
            documents.sort_unstable();
            nearness = view.nearness_of_passages(&documents, &near.vector, request);
        }
        Ok(Self { of_parts, nearness })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.of_parts.is_empty()
    }

    /// The passages of a candidate whose place is known, in their order. Damaged ones are left out, which do not keep
    /// the document from being found by others.
    pub(crate) fn known(&self, candidate: &Candidate, views: &Views) -> Vec<KnownPassage> {
        let (_, view) = views.part(candidate.part);
        let Some(spans) = self.of_parts.get(&candidate.part) else { return Vec::new() };
        let vectors = view.passages_of(candidate.key.document).into_iter();
        let known = vectors.filter_map(|vector| {
            let bytes = spans.sound.get(&vector)?.clone()?;
            Some(KnownPassage { bytes, nearness: self.nearness.get(&vector).copied() })
        });
        known.collect()
    }

    /// The passage whose vector is the nearest of a document.
    pub(crate) fn nearest(&self, text: &str, candidate: &Candidate) -> Passage {
        let Some(spans) = self.of_parts.get(&candidate.part) else { return Passage::None };
        match spans.sound.get(&candidate.key.seq()) {
            Some(Some(bytes)) => found(text, bytes.clone()),
            Some(None) => Passage::None,
            None if spans.damaged.contains(&candidate.key.seq()) => Passage::Damaged,
            None => Passage::Gone,
        }
    }
}

/// The text that a document has in a field.
pub(crate) fn text_in<'d>(document: &'d Document, field: &FieldIdentity) -> &'d str {
    let text = match field.name.is_unnamed() {
        true => document.text.as_deref(),
        false => {
            let mut named = document.fields.iter();
            named.find(|it| it.name == field.name).and_then(|it| it.text.as_deref())
        }
    };
    text.unwrap_or_default()
}

/// The passage that fits the words best, the first where none has any of them.
pub(crate) fn with_words(
    text: &str,
    passages: &[KnownPassage],
    matches: &TextMatches,
    matcher: &TextMatcher,
) -> Passage {
    let score = |passage: &KnownPassage| matches.score(&passage.bytes, matcher);
    // Of equal ones the first.
    let best = passages.iter().rev().max_by(|one, other| score(one).total_cmp(&score(other)));
    best.map_or(Passage::None, |best| found(text, best.bytes.clone()))
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
