//! Searches by words, alone and beside a vector: which documents are the best, and by what.

use std::{
    collections::{BTreeMap, HashSet},
    time::{Duration, Instant},
};

use akidb_core::Seq;
use akidb_engine::{FusionCandidate, Hybrid, Near, ScoreParts, Words, fuse};
use akidb_index::SearchRequest;
use akidb_text::TextQuery;

use crate::{
    projection::{Candidate, FoundDocuments, View},
    views::Views,
};

/// What documents of one part have of the words of a query.
struct WordsView<'v> {
    part: usize,
    view: &'v View,
    query: TextQuery,
}

fn words_views<'v>(views: &'v Views, words: &Words) -> Vec<WordsView<'v>> {
    let of = |(part, view): (usize, &'v View)| {
        Some(WordsView { part, view, query: view.words()?.query(&words.text) })
    };
    views.words().filter_map(of).collect()
}

/// The documents with the best BM25, best first.
fn best_by_words(parts: &[WordsView<'_>], limit: usize) -> Vec<Candidate> {
    let mut all: Vec<Candidate> = Vec::new();
    for WordsView { part, view, query } in parts {
        let found = view.with_words(query, limit);
        all.extend(found.into_iter().map(|candidate| Candidate { part: *part, ..candidate }));
    }
    if parts.len() > 1 {
        all.sort_by(|left, right| best_first((left.score, left), (right.score, right)));
        all.truncate(limit);
    }
    all
}

fn best_first<T: PartialOrd>(
    (left, left_candidate): (T, &Candidate),
    (right, right_candidate): (T, &Candidate),
) -> std::cmp::Ordering {
    let by_score = right.partial_cmp(&left).unwrap_or(std::cmp::Ordering::Equal);
    by_score.then(left_candidate.key.document.cmp(&right_candidate.key.document))
}

/// A search by words alone.
pub(crate) fn by_words(views: &Views, words: &Words, limit: usize) -> FoundDocuments {
    let parts = words_views(views, words);
    let mut candidates = best_by_words(&parts, limit);
    candidates.retain(|candidate| words.min_score.is_none_or(|min| candidate.score >= min));
    FoundDocuments {
        candidates,
        vectors: parts.iter().map(|part| part.view.vectors()).sum(),
        matching: parts.iter().map(|part| part.view.matching()).sum(),
        ..FoundDocuments::default()
    }
}

/// A document that has both scores, or is about to.
#[derive(Default)]
struct Both {
    near: Option<Candidate>,
    near_rank: Option<usize>,
    words: Option<Candidate>,
    words_rank: Option<usize>,
}

/// What a search by both found, and the time that words and the fusion took of it.
pub(crate) struct Fused {
    pub(crate) found: FoundDocuments,
    pub(crate) count: usize,
    pub(crate) words: Duration,
}

/// A search by a vector and by words.
pub(crate) fn by_both(views: &Views, hybrid: &Hybrid, request: SearchRequest<'_>) -> Fused {
    let Hybrid { near: Near { vector, .. }, words, min_semantic, depth, fusion } = hybrid;
    let limit = request.limit;
    let request = SearchRequest { limit: *depth, ..request }.with_min_score(None);
    let Some((near_part, near)) = views.near() else {
        return Fused { found: FoundDocuments::default(), count: 0, words: Duration::ZERO };
    };
    let mut found = near.search(vector, request);
    let began = Instant::now();
    let parts = words_views(views, words);

    // In the order of documents, so that equal scores are always in the same.
    let mut all: BTreeMap<Seq, Both> = BTreeMap::new();
    for (rank, candidate) in found.candidates.drain(..).enumerate() {
        let candidate = Candidate { part: near_part, ..candidate };
        let both = all.entry(candidate.key.document).or_default();
        (both.near, both.near_rank) = (Some(candidate), Some(rank));
    }
    for (rank, candidate) in best_by_words(&parts, *depth).into_iter().enumerate() {
        let both = all.entry(candidate.key.document).or_default();
        (both.words, both.words_rank) = (Some(candidate), Some(rank));
    }
    look_up_nearness(&mut all, (near_part, near), vector, request);
    let excluded = look_up_words(&mut all, &parts);
    all.retain(|document, _| !excluded.contains(document));

    let compared = fusion.compares_vectors().then_some(near);
    let candidates: Vec<FusionCandidate> =
        all.values().map(|both| both.for_fusion(compared)).collect();
    let scores = fuse(*fusion, &candidates);
    let mut ranked: Vec<(f64, Candidate)> = scores
        .into_iter()
        .zip(all.values().zip(&candidates))
        .filter(|(_, (_, it))| is_enough(it.parts, *min_semantic, words.min_score))
        .filter_map(|(score, (both, it))| Some((score, both.candidate(score, it.parts)?)))
        .collect();
    ranked.sort_by(|(left, a), (right, b)| best_first((*left, a), (*right, b)));
    found.candidates = ranked.into_iter().map(|(_, candidate)| candidate).take(limit).collect();
    Fused { found, count: candidates.len(), words: began.elapsed() }
}

/// How near those are that were found by their words alone.
fn look_up_nearness(
    all: &mut BTreeMap<Seq, Both>,
    (part, near): (usize, &View),
    vector: &[f32],
    request: SearchRequest<'_>,
) {
    let unknown = all.iter().filter(|(_, both)| both.near.is_none());
    let unknown: Vec<Seq> = unknown.map(|(document, _)| *document).collect();
    for candidate in near.nearness_of(&unknown, vector, request) {
        if let Some(both) = all.get_mut(&candidate.key.document) {
            both.near = Some(Candidate { part, ..candidate });
        }
    }
}

/// How well those fit the words that are near alone. Returns those that the words rule out.
fn look_up_words(all: &mut BTreeMap<Seq, Both>, parts: &[WordsView<'_>]) -> HashSet<Seq> {
    let mut excluded = HashSet::new();
    for WordsView { part, view, query } in parts {
        let unknown = all.iter().filter(|(_, both)| both.words.is_none());
        let unknown: Vec<Seq> = unknown.map(|(document, _)| *document).collect();
        for (candidate, is_found) in view.words_of(&unknown, query) {
            match all.get_mut(&candidate.key.document) {
                Some(both) if is_found => both.words = Some(Candidate { part: *part, ..candidate }),
                _ => {
                    excluded.insert(candidate.key.document);
                }
            }
        }
    }
    excluded
}

fn is_enough(parts: ScoreParts, min_semantic: Option<f32>, min_keyword: Option<f32>) -> bool {
    min_semantic.is_none_or(|min| parts.semantic.is_some_and(|score| score >= min))
        && min_keyword.is_none_or(|min| parts.keyword >= min)
}

impl Both {
    /// With its vector of a view, where there is one.
    fn for_fusion(&self, view: Option<&View>) -> FusionCandidate {
        FusionCandidate {
            parts: ScoreParts {
                semantic: self.near.map(|near| near.score),
                keyword: self.words.map_or(0.0, |words| words.score),
            },
            semantic_rank: self.near_rank,
            keyword_rank: self.words_rank,
            vector: self.near.zip(view).and_then(|(found, view)| view.unit_vector(found.slot)),
        }
    }

    /// Where it is near there is the passage that is.
    fn candidate(&self, score: f64, parts: ScoreParts) -> Option<Candidate> {
        #[expect(clippy::cast_possible_truncation, reason = "from 0 to some thousands")]
        let score = score as f32;
        Some(Candidate { score, score_parts: Some(parts), ..self.near.or(self.words)? })
    }
}
