//! A query over one moment of an index.

use std::{collections::HashMap, sync::Arc};

use roaring::RoaringBitmap;

use crate::{
    block::Block,
    condition::Condition,
    index::Rows,
    lengths::Lengths,
    parsed::{Parsed, Word},
    saturation::{Saturation, idf},
    search,
};

/// Terms of an index that are looked at for those that begin as a word of a query does.
const START_TERMS_MAX: usize = 16_384;

/// Terms that may stand for such a word: those that most documents have.
const START_TERMS_USED: usize = 64;

/// What a term of weight 1 adds to a score at most.
const SATURATION_MAX: f64 = 2.2;

/// Scores are added up as whole numbers below this one.
const SCORE_END: f64 = (1_u32 << 31) as f64;

/// A document that has words of a query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TextHit {
    /// Where it stands.
    pub slot: u32,
    /// Its BM25, above 0. Those of queries over one index can be compared.
    pub score: f64,
}

/// A query over an index as it was when the query was made; what is removed later on is left out, what
/// comes later is not seen.
///
/// Scores are the same whatever the limit, the filter and the order that they are worked out in.
pub struct TextQuery {
    pub(crate) lists: Vec<Vec<Arc<Block>>>,
    /// Lists that count, and how much a document gets for each, in steps of the score.
    pub(crate) scored: Vec<(usize, f32)>,
    pub(crate) conditions: Vec<Condition>,
    /// Whether no document can have all that has to be there.
    pub(crate) is_void: bool,
    pub(crate) saturation: Saturation,
    pub(crate) lengths: Lengths,
    /// Slots from this one on are not looked at.
    pub(crate) visible: u32,
    /// Steps of a score of 1: a power of two, so that a score is told exactly.
    scale: f64,
}

impl TextQuery {
    /// The best documents, best first, of equal ones the lower slot. Those not in `allowed` are passed over.
    #[must_use]
    pub fn search(&self, limit: usize, allowed: Option<&RoaringBitmap>) -> Vec<TextHit> {
        let best = search::best(self, limit, allowed);
        best.into_iter().map(|(slot, score)| TextHit { slot, score: self.score(score) }).collect()
    }

    /// The score of each of some slots, 0 where a document has none of the words, and `None` where it must not be
    /// found: it has what the query excludes, or lacks what has to be there. A slot that is removed or unknown is one
    /// without words.
    #[must_use]
    pub fn scores(&self, slots: &[u32]) -> Vec<Option<f64>> {
        search::scores(self, slots).into_iter().map(|score| Some(self.score(score?))).collect()
    }

    /// Whether no word of it is in the index, so that it finds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scored.is_empty() || self.is_void
    }

    fn score(&self, steps: u32) -> f64 {
        f64::from(steps) / self.scale
    }
}

/// Holds a query against an index.
pub(crate) fn prepare(parsed: &Parsed, rows: &Rows) -> TextQuery {
    let mut lists = Lists { rows, numbers: HashMap::new(), held: Vec::new() };
    let mut weights: HashMap<usize, f64> = HashMap::new();
    for (word, count) in &parsed.words {
        let (of_word, having) = lists.of_word(word);
        let weight = idf(rows.statistics.documents, having) * f64::from(*count);
        for list in of_word {
            *weights.entry(list).or_default() += weight;
        }
    }
    let mut is_void = false;
    let mut conditions = Vec::new();
    for condition in &parsed.conditions {
        let words = condition.words.iter().map(|(offset, word)| (*offset, lists.of_word(word).0));
        let words: Vec<_> = words.collect();
        if words.iter().all(|(_, lists)| !lists.is_empty()) {
            let (excluded, field) = (condition.excluded, condition.field);
            conditions.push(Condition { excluded, field, words });
        } else {
            is_void |= !condition.excluded;
        }
    }
    let mut weights: Vec<(usize, f64)> = weights.into_iter().collect();
    weights.sort_unstable_by_key(|&(list, _)| list);
    let all = weights.iter().map(|(_, weight)| weight).sum::<f64>() * SATURATION_MAX;
    let scale = (SCORE_END / all.max(1.0)).log2().floor().clamp(0.0, 24.0).exp2();
    let scored =
        weights.into_iter().map(|(list, weight)| (list, (weight * scale) as f32)).collect();
    TextQuery {
        lists: lists.held,
        scored,
        conditions,
        is_void,
        saturation: Saturation::new(rows.statistics.average_length()),
        lengths: rows.lengths.clone(),
        visible: rows.visible,
        scale,
    }
}

/// The postings that a query has taken hold of.
struct Lists<'r> {
    rows: &'r Rows,
    /// By the number of the term.
    numbers: HashMap<u32, usize>,
    held: Vec<Vec<Arc<Block>>>,
}

impl Lists<'_> {
    /// The postings of all terms that stand for a word, and how many documents have one of them, as far as no
    /// document has two.
    fn of_word(&mut self, word: &Word) -> (Vec<usize>, u64) {
        let (terms, having) = terms_of(word, self.rows);
        (terms.into_iter().map(|number| self.hold(number)).collect(), having)
    }

    fn hold(&mut self, number: u32) -> usize {
        let Self { rows, numbers, held } = self;
        *numbers.entry(number).or_insert_with(|| {
            held.push(rows.dictionary.list(number).snapshot(rows.visible));
            held.len() - 1
        })
    }
}

/// The terms that stand for a word, by their numbers, and how many documents have one of them, as far as no
/// document has two.
pub(crate) fn terms_of(word: &Word, rows: &Rows) -> (Vec<u32>, u64) {
    let dictionary = &rows.dictionary;
    let mut terms: Vec<u32> = word.terms.iter().filter_map(|term| dictionary.find(term)).collect();
    if let Some(start) = &word.start {
        let live = |number: &u32| std::cmp::Reverse(dictionary.list(*number).live);
        let mut starting: Vec<u32> = dictionary.with_start(start, START_TERMS_MAX).collect();
        starting.sort_by_key(live);
        terms.extend(starting.into_iter().take(START_TERMS_USED));
        terms.sort_unstable();
        terms.dedup();
    }
    terms.retain(|&number| dictionary.list(number).live > 0);
    let having = terms.iter().map(|&number| u64::from(dictionary.list(number).live)).sum();
    (terms, having)
}
