//! A plain evaluation: every document is looked at, nothing is kept but the documents.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use roaring::RoaringBitmap;

use crate::{
    AnalyzedDocument, TextHit, TextIndex, TextSettings,
    analysis::{analyze, field_of},
    count_code,
    language::Manner,
    parsed::{Parsed, ParsedCondition, Word, parse},
};

/// Documents by slot.
#[derive(Default)]
pub(super) struct Oracle {
    pub(super) documents: BTreeMap<u32, Analyzed>,
}

/// A document with its terms.
pub(super) struct Analyzed {
    manner: Manner,
    length: f64,
    terms: HashMap<String, (f64, Vec<u32>)>,
}

impl Analyzed {
    pub(super) fn of(settings: &TextSettings, texts: &[(usize, &str)]) -> Self {
        let document: AnalyzedDocument = analyze(settings, texts);
        let kept = |count| f64::from(count_code::decode(count_code::encode(count)));
        let terms = document
            .iter()
            .map(|(term, count, positions)| (term.to_owned(), (kept(count), positions.to_vec())));
        let length = kept(document.length).max(1.0);
        Self { manner: document.manner, length, terms: terms.collect() }
    }

    fn positions(&self, terms: &BTreeSet<String>) -> BTreeSet<u32> {
        let of_terms = terms.iter().filter_map(|term| self.terms.get(term));
        of_terms.flat_map(|(_, positions)| positions.iter().copied()).collect()
    }

    fn holds(&self, condition: &ParsedCondition, words: &[BTreeSet<String>]) -> bool {
        let starts = self.positions(&words[0]);
        let mut starts = starts
            .iter()
            .filter(|&&start| condition.field.is_none_or(|field| field_of(start) == field));
        starts.any(|start| {
            let mut words = condition.words.iter().zip(words);
            words.all(|((offset, _), terms)| self.positions(terms).contains(&(start + offset)))
        })
    }
}

impl Oracle {
    fn live(&self) -> impl Iterator<Item = (u32, &Analyzed)> {
        self.documents
            .iter()
            .map(|(&slot, document)| (slot, document))
            .filter(|(_, it)| !it.terms.is_empty())
    }

    /// All terms that stand for a word, and how many documents have them.
    fn terms_of(&self, word: &Word) -> (BTreeSet<String>, f64) {
        let stands_for = |term: &str| {
            let begins = word.start.as_ref().is_some_and(|start| term.starts_with(start.as_str()));
            begins || word.terms.iter().any(|other| other == term)
        };
        let mut terms = BTreeSet::new();
        let mut having = 0.0;
        for term in self.live().flat_map(|(_, document)| document.terms.keys()) {
            if stands_for(term) {
                having += 1.0;
                terms.insert(term.clone());
            }
        }
        (terms, having)
    }

    fn parsed(&self, settings: &TextSettings, query: &str) -> Parsed {
        let manners: BTreeSet<Manner> = self.live().map(|(_, document)| document.manner).collect();
        parse(query, settings, &manners.into_iter().collect::<Vec<_>>())
    }

    /// Every document that a query lets through, with its score, which may be 0.
    pub(super) fn scores(&self, settings: &TextSettings, query: &str) -> BTreeMap<u32, f64> {
        let parsed = self.parsed(settings, query);
        let count = self.live().count() as f64;
        let average = self.live().map(|(_, it)| it.length).sum::<f64>() / count.max(1.0);
        let mut weights: HashMap<String, f64> = HashMap::new();
        for (word, times) in &parsed.words {
            let (terms, having) = self.terms_of(word);
            let documents = count.max(having);
            let idf = (1.0 + (documents - having + 0.5) / (having + 0.5)).ln();
            for term in terms {
                *weights.entry(term).or_default() += idf * f64::from(*times);
            }
        }
        let words_of = |condition: &ParsedCondition| -> Vec<BTreeSet<String>> {
            condition.words.iter().map(|(_, word)| self.terms_of(word).0).collect()
        };
        let conditions: Vec<_> = parsed.conditions.iter().map(|it| (it, words_of(it))).collect();
        let mut scores = BTreeMap::new();
        for (slot, document) in self.live() {
            if !conditions.iter().all(|(it, words)| document.holds(it, words) != it.excluded) {
                continue;
            }
            let norm = 1.2 * (0.25 + 0.75 * document.length / average);
            let parts = weights.iter().filter_map(|(term, weight)| {
                let (count, _) = document.terms.get(term)?;
                Some(weight * 2.2 * count / (count + norm))
            });
            scores.insert(slot, parts.sum());
        }
        scores
    }

    /// Compares what an index answers, for several limits and a filter.
    pub(super) fn compare(&self, index: &TextIndex, query: &str, filter: Option<&RoaringBitmap>) {
        let let_through = self.scores(index.settings(), query);
        let prepared = index.query(query);
        let mut expected: Vec<(u32, f64)> = let_through
            .iter()
            .map(|(&slot, &score)| (slot, score))
            .filter(|&(slot, score)| score > 0.0 && filter.is_none_or(|it| it.contains(slot)))
            .collect();
        expected.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let all = prepared.search(usize::MAX, filter);
        let context = format!("{query:?}, filter {}", filter.is_some());
        assert_eq!(all.len(), expected.len(), "{context}");
        assert!(
            all.is_sorted_by(|a, b| b.score < a.score || b.score == a.score && a.slot < b.slot)
        );
        for (TextHit { slot, score }, (_, expected)) in all.iter().zip(&expected) {
            let own = let_through[slot];
            assert!((score - own).abs() < 1e-5 * (1.0 + own), "{context}: {slot} {score} {own}");
            assert!((score - expected).abs() < 1e-5 * (1.0 + own), "{context}: rank of {slot}");
        }
        for limit in [0, 1, 3, 10, 50] {
            assert_eq!(
                prepared.search(limit, filter),
                all[..limit.min(all.len())],
                "{context}, {limit}"
            );
        }
        let slots: Vec<u32> = (0..index.slot_count() + 2).rev().collect();
        let found: HashMap<u32, f64> = all.iter().map(|hit| (hit.slot, hit.score)).collect();
        let with_words: BTreeSet<u32> = self.live().map(|(slot, _)| slot).collect();
        let parsed = self.parsed(index.settings(), query);
        let asks_for_some = parsed.conditions.iter().any(|it| !it.excluded);
        for (&slot, score) in slots.iter().zip(prepared.scores(&slots)) {
            let is_let_through = match with_words.contains(&slot) {
                true => let_through.contains_key(&slot),
                false => !asks_for_some,
            };
            assert_eq!(score.is_some(), is_let_through, "{context}: {slot}");
            if let Some(&found) = found.get(&slot) {
                assert_eq!(score, Some(found), "{context}: the score of {slot} by itself");
            }
        }
    }
}
