//! Which documents hold the conditions of a filter on their texts: the keyword index says so, and of the documents of
//! which it does not know, their texts.
//!
//! A field that has texts of its own has no words. There it is asked which documents the others found.

use std::sync::Arc;

use akidb_core::{Filter, Seq, TextTest, WordsJudge};
use akidb_index::Matching;
use roaring::RoaringBitmap;

use super::{
    Projection, Projections,
    generation::Generation,
    keys::{Keys, slot},
    words::Words,
};

/// The documents that hold conditions, as the projections found that have words.
pub(crate) struct FoundTexts {
    /// Documents after this one are not known.
    as_of: Seq,
    tests: Vec<FoundText>,
}

/// Documents of one condition, each kind ascending.
struct FoundText {
    test: TextTest,
    certain: Vec<Seq>,
    unsure: Vec<Seq>,
}

impl Projections {
    /// The documents that hold the conditions of a filter on their texts.
    pub(crate) fn found_texts(&self, filter: &Filter) -> FoundTexts {
        let with_words = self.with_words();
        let as_of = with_words.iter().map(Projection::applied).min().unwrap_or_default();
        let found = |test: &TextTest| {
            let mut found =
                FoundText { test: test.clone(), certain: Vec::new(), unsure: Vec::new() };
            for projection in &with_words {
                let generation = projection.shared.generation();
                let Some(words) = &generation.words else { continue };
                let slots = generation.holding(words, test);
                found.certain.extend(generation.documents_in(&slots.certain));
                found.unsure.extend(generation.documents_in(&slots.unsure));
            }
            found.certain.sort_unstable();
            found.unsure.sort_unstable();
            found
        };
        FoundTexts { as_of, tests: filter.text_tests().into_iter().map(found).collect() }
    }

    /// The filter with somebody to say which documents have its words, where it asks for some.
    pub(crate) fn judged(&self, filter: &Filter) -> Option<Filter> {
        let asks_for_words = |test: &&TextTest| matches!(test, TextTest::Match(_));
        if !filter.text_tests().iter().any(asks_for_words) {
            return None;
        }
        let judge_of = |query: &str| -> WordsJudge {
            match self.document_judge(query) {
                Some(judge) => judge,
                None => Arc::new(|_, _| false),
            }
        };
        Some(filter.judged(&judge_of))
    }
}

impl FoundTexts {
    fn slots(&self, test: &TextTest, keys: &Keys) -> Matching {
        let Some(found) = self.tests.iter().find(|found| found.test == *test) else {
            return unknown(keys.len());
        };
        let mut unsure = keys.of_documents(&found.unsure);
        unsure.insert_range(slot(keys.first_after(self.as_of))..slot(keys.len()));
        let certain = keys.of_documents(&found.certain);
        Matching { unsure: unsure - &certain, certain }
    }
}

/// Of no slot it is known.
fn unknown(slots: usize) -> Matching {
    let mut unsure = RoaringBitmap::new();
    unsure.insert_range(0..slot(slots));
    Matching { certain: RoaringBitmap::new(), unsure }
}

impl Generation {
    /// The slots whose documents match a filter. `found` are documents that hold its conditions on texts, for a generation
    /// without words.
    pub(super) fn matching(&self, filter: &Filter, found: Option<&FoundTexts>) -> Matching {
        self.filter.matching_with(filter, &|test| match (&self.words, found) {
            (Some(words), _) => self.holding(words, test),
            (None, Some(found)) => found.slots(test, &self.keys.read()),
            (None, None) => unknown(self.keys.read().len()),
        })
    }

    /// The slots whose documents hold a condition on their texts. Documents come to the words after they have come to the
    /// filters, so that what the words do not have yet is unsure.
    fn holding(&self, words: &Words, test: &TextTest) -> Matching {
        let (certain, possible, known) = match test {
            TextTest::Match(test) => {
                let query = words.index.query(test.query());
                (query.matching(), Some(RoaringBitmap::new()), query.slot_count())
            }
            TextTest::Contains(part) if words.sources.has_text => {
                let possible = words.index.may_contain(part);
                (RoaringBitmap::new(), possible.slots, possible.slot_count)
            }
            TextTest::Contains(_) => (RoaringBitmap::new(), None, 0),
        };
        let keys = self.keys.read();
        let Some(possible) = possible else { return unknown(keys.len()) };
        let mut unsure = all_slots(&keys, possible);
        unsure.insert_range(slot(keys.end_of_document(known as usize))..slot(keys.len()));
        Matching { certain: all_slots(&keys, certain), unsure }
    }
}

/// All slots of the documents that stand in their first ones.
fn all_slots(keys: &Keys, first: RoaringBitmap) -> RoaringBitmap {
    if !keys.has_passages() {
        return first;
    }
    let mut all = RoaringBitmap::new();
    for first in first {
        let document = keys.key(first as usize).document;
        let slots = keys.of_document(document, first as usize);
        all.insert_range(slot(slots.start)..slot(slots.end));
    }
    all
}
