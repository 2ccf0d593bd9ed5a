//! What is shown of a hit beside its document: its best passages, and where it has the words of the query.

use std::{cell::OnceCell, ops::Range, time::Instant};

use akidb_core::{CharacterOffsets, Document};
use akidb_engine::{
    BestPassage, FusionCandidate, Highlight, Highlights, HitPassage, Hybrid, Query, Ranking,
    ScoreParts, Shown, ShownPassages, fuse,
};
use akidb_text::TextMatches;

use crate::{
    collections::OpenCollection,
    hit_passages::{KnownPassage, Passage, Passages, text_in, with_words},
    projection::{Candidate, QueryWords},
    views::Views,
};

/// Bytes of a snippet for each of its sentences, beyond which these are cut.
const SENTENCE_BYTES_MAX: usize = 1_000;

/// Finds what is shown of the hits of one search.
pub(crate) struct Details<'s> {
    query: &'s Query,
    views: &'s Views,
    passages: &'s Passages,
    words: Option<QueryWords>,
}

/// What is shown of a hit.
pub(crate) struct Shows {
    pub(crate) passage: Passage,
    pub(crate) best_passages: Option<Vec<BestPassage>>,
    pub(crate) highlights: Option<Highlights>,
    /// How many passages got a score.
    pub(crate) scored: u64,
}

/// A hit whose texts are gone through for the words of the query when that is needed, each once.
struct Texts<'h> {
    document: &'h Document,
    /// The text that is searched, and whether it is the document's own.
    searched: &'h str,
    is_own: bool,
    words: Option<&'h QueryWords>,
    in_own: OnceCell<TextMatches>,
    in_searched: OnceCell<TextMatches>,
}

impl<'h> Texts<'h> {
    fn own(&self) -> Option<&TextMatches> {
        let words = self.words?;
        Some(self.in_own.get_or_init(|| words.in_own_text(self.document)))
    }

    fn searched(&self) -> Option<(&TextMatches, &'h QueryWords)> {
        let words = self.words?;
        let matches = match self.is_own {
            true => self.own()?,
            false => self.in_searched.get_or_init(|| words.in_text(self.searched)),
        };
        Some((matches, words))
    }
}

impl<'s> Details<'s> {
    /// Of a search whose candidates have these passages.
    pub(crate) fn of(
        open: &OpenCollection,
        query: &'s Query,
        views: &'s Views,
        passages: &'s Passages,
    ) -> Self {
        let Shown { passages: shown, highlight, .. } = &query.shown;
        let wanted = match &query.ranking {
            Ranking::Keyword(words) if !passages.is_empty() || shown.is_some() => Some(&words.text),
            Ranking::Hybrid(hybrid) if shown.is_some() => Some(&hybrid.words.text),
            _ => None,
        };
        let wanted = highlight.as_ref().map(|highlight| &highlight.query).or(wanted);
        let words = wanted.and_then(|text| open.projections.query_words(text));
        Self { query, views, passages, words }
    }

    /// Whether nobody waits for the answer any more. A long text takes a while to go through.
    pub(crate) fn is_late(&self) -> bool {
        self.words.is_some() && Instant::now() >= self.query.deadline
    }

    /// What is shown of a document, of which nothing but the passage by which it was found comes where
    /// nothing else is shown.
    pub(crate) fn of_hit(
        &self,
        document: &Document,
        candidate: &Candidate,
        is_shown: bool,
    ) -> Shows {
        let (projection, _) = self.views.part(candidate.part);
        let field = projection.field();
        let own = || document.text.as_deref().unwrap_or_default();
        let texts = Texts {
            document,
            searched: field.map_or_else(own, |field| text_in(document, field)),
            is_own: field.is_none_or(|field| field.name.is_unnamed()),
            words: self.words.as_ref(),
            in_own: OnceCell::new(),
            in_searched: OnceCell::new(),
        };
        let Shown { passages: shown, highlight, .. } = &self.query.shown;
        let (shown, highlight) =
            (shown.filter(|_| is_shown), highlight.as_ref().filter(|_| is_shown));
        let by_words = matches!(self.query.ranking, Ranking::Keyword(_)) && candidate.by_words;
        let known = match by_words || shown.is_some() {
            true => self.passages.known(candidate, self.views),
            false => Vec::new(),
        };
        let passage = match texts.searched() {
            _ if !candidate.by_words => self.passages.nearest(texts.searched, candidate),
            Some((matches, words)) if by_words && !known.is_empty() => {
                with_words(texts.searched, &known, matches, &words.matcher)
            }
            _ => Passage::None,
        };
        let scored = if shown.is_some() { known.len() as u64 } else { 0 };
        Shows {
            passage,
            best_passages: shown.map(|shown| self.best(known, &texts, candidate, shown, highlight)),
            highlights: highlight.map(|highlight| highlights(&texts, highlight)),
            scored,
        }
    }

    /// The best passages of a text, best first. One that was not cut is its only passage.
    fn best(
        &self,
        known: Vec<KnownPassage>,
        texts: &Texts<'_>,
        candidate: &Candidate,
        shown: ShownPassages,
        highlight: Option<&Highlight>,
    ) -> Vec<BestPassage> {
        let text = texts.searched;
        let mut scored = match (known.is_empty(), text.is_empty()) {
            (true, true) => return Vec::new(),
            (true, false) => {
                vec![Scored { index: 0, score: candidate.score, parts: candidate.score_parts }]
            }
            (false, _) => scores(&self.query.ranking, &known, texts),
        };
        let known = match known.is_empty() {
            true => vec![KnownPassage { bytes: 0..text.len(), nearness: None }],
            false => known,
        };
        // Of equal ones the first.
        scored.sort_by(|one, other| other.score.total_cmp(&one.score));
        scored.truncate(shown.per_document);
        let found: Vec<Found> =
            scored.into_iter().map(|it| Found::of(it, &known, texts, shown, highlight)).collect();
        let ranges = found.iter().flat_map(Found::ranges);
        let offsets = CharacterOffsets::of(text, ranges);
        let shown = found.into_iter().filter_map(|found| found.shown(text, &offsets));
        shown.collect()
    }
}

/// A passage, by its place among those of its text, and what it is among the best by.
struct Scored {
    index: usize,
    score: f32,
    parts: Option<ScoreParts>,
}

/// What each passage is among the best by. Those that have nothing of what is asked for are left out, unless all of them
/// have not.
fn scores(ranking: &Ranking, known: &[KnownPassage], texts: &Texts<'_>) -> Vec<Scored> {
    #[expect(clippy::cast_possible_truncation, reason = "a score, far from the ends")]
    let fitness = |passage: &KnownPassage| {
        let searched = texts.searched();
        searched
            .map_or(0.0, |(matches, words)| matches.score(&passage.bytes, &words.matcher) as f32)
    };
    let scored = |(index, score)| Scored { index, score, parts: None };
    match ranking {
        Ranking::Semantic(_) => {
            let near = known.iter().enumerate();
            near.filter_map(|(index, it)| Some(scored((index, it.nearness?)))).collect()
        }
        Ranking::Keyword(_) => {
            let mut all: Vec<Scored> = known.iter().map(fitness).enumerate().map(scored).collect();
            if all.iter().any(|it| it.score > 0.0) {
                all.retain(|it| it.score > 0.0);
            } else {
                all.truncate(1);
            }
            all
        }
        Ranking::Hybrid(hybrid) => {
            let parts =
                |it: &KnownPassage| ScoreParts { semantic: it.nearness, keyword: fitness(it) };
            fused(hybrid, &known.iter().map(parts).collect::<Vec<_>>())
        }
    }
}

/// One score of two, as the search makes it of documents.
fn fused(hybrid: &Hybrid, parts: &[ScoreParts]) -> Vec<Scored> {
    let ranks = |score: &dyn Fn(&ScoreParts) -> Option<f32>| {
        let scores = parts.iter().map(score).enumerate();
        let mut order: Vec<(usize, f32)> =
            scores.filter_map(|(index, score)| Some((index, score?))).collect();
        order.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        let mut ranks = vec![None; parts.len()];
        for (rank, (index, _)) in order.into_iter().enumerate() {
            ranks[index] = Some(rank);
        }
        ranks
    };
    let near = ranks(&|parts| parts.semantic);
    let words = ranks(&|parts| Some(parts.keyword).filter(|score| *score > 0.0));
    let candidate = |((parts, semantic_rank), keyword_rank): ((&ScoreParts, _), _)| {
        FusionCandidate { parts: *parts, semantic_rank, keyword_rank, vector: None }
    };
    let candidates: Vec<FusionCandidate> =
        parts.iter().zip(near).zip(words).map(candidate).collect();
    let scores = fuse(hybrid.fusion, &candidates).into_iter().zip(parts).enumerate();
    #[expect(clippy::cast_possible_truncation, reason = "from 0 to some thousands")]
    let scored = |(index, (score, parts)): (usize, (f64, &ScoreParts))| Scored {
        index,
        score: score as f32,
        parts: Some(*parts),
    };
    scores.map(scored).collect()
}

/// A passage that is shown, in bytes of its text.
struct Found {
    scored: Scored,
    bytes: Range<usize>,
    context: Option<Range<usize>>,
    highlights: Vec<Range<usize>>,
}

impl Found {
    fn of(
        scored: Scored,
        known: &[KnownPassage],
        texts: &Texts<'_>,
        shown: ShownPassages,
        highlight: Option<&Highlight>,
    ) -> Self {
        let bytes = known[scored.index].bytes.clone();
        let first = scored.index.saturating_sub(shown.context);
        let last = (scored.index + shown.context).min(known.len() - 1);
        let context = known[first].bytes.start..known[last].bytes.end;
        let matches = texts.searched().map(|(matches, _)| matches);
        let highlights = highlight.zip(matches).map(|(highlight, matches)| {
            matches.within(&bytes).iter().take(highlight.ranges).cloned().collect()
        });
        Self {
            scored,
            bytes,
            context: Some(context).filter(|_| first < last),
            highlights: highlights.unwrap_or_default(),
        }
    }

    fn ranges(&self) -> impl Iterator<Item = &Range<usize>> {
        self.highlights.iter().chain(&self.context).chain([&self.bytes])
    }

    /// As characters; `None` where the passage does not fit its text.
    fn shown(self, text: &str, offsets: &CharacterOffsets) -> Option<BestPassage> {
        let part = |bytes: &Range<usize>| part_of(text, bytes, offsets);
        Some(BestPassage {
            passage: part(&self.bytes)?,
            score: self.scored.score,
            score_parts: self.scored.parts,
            context: self.context.as_ref().and_then(part),
            highlights: self.highlights.iter().filter_map(|it| offsets.characters(it)).collect(),
        })
    }
}

fn part_of(text: &str, bytes: &Range<usize>, offsets: &CharacterOffsets) -> Option<HitPassage> {
    let characters = offsets.characters(bytes)?;
    Some(HitPassage { characters, text: text.get(bytes.clone())?.to_owned() })
}

/// Where the own text of a document has the words.
fn highlights(texts: &Texts<'_>, highlight: &Highlight) -> Highlights {
    let Some((matches, text)) = texts.own().zip(texts.document.text.as_deref()) else {
        return Highlights::default();
    };
    let ranges = matches.ranges();
    let snippet = highlight.sentences.and_then(|sentences| {
        matches.snippet(text, sentences, sentences.saturating_mul(SENTENCE_BYTES_MAX))
    });
    let listed = &ranges[..ranges.len().min(highlight.ranges)];
    let offsets = CharacterOffsets::of(text, listed.iter().chain(&snippet));
    Highlights {
        ranges: listed.iter().filter_map(|range| offsets.characters(range)).collect(),
        total: ranges.len() as u64,
        snippet: snippet.and_then(|bytes| part_of(text, &bytes, &offsets)),
    }
}
