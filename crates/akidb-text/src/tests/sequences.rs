//! Inserts, updates, removals, compaction and restarts in any order, against the plain evaluation.

use proptest::prelude::*;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use roaring::RoaringBitmap;

use super::{
    oracle::{Analyzed, Oracle},
    settings,
};
use crate::{LanguageSetting, TextIndex};

/// Words of which the first are in most documents.
const WORDS: [&str; 24] = [
    "the",
    "run",
    "running",
    "runs",
    "house",
    "houses",
    "GPT-4o",
    "foo_bar.rs",
    "10.1145/3292500",
    "Häuser",
    "Haus",
    "und",
    "café",
    "cafe",
    "猫が好き",
    "黒猫",
    "дома",
    "дом",
    "a",
    "runner",
    "x",
    "1,000",
    "well-known",
    "don't",
];

const QUERIES: [&str; 24] = [
    "run",
    "houses run",
    "the",
    "the und a",
    "running -house",
    "\"running house\"",
    "run*",
    "title:run house",
    "-title:run house",
    "hou* -GPT-4o",
    "gpt",
    "\"GPT-4o\" runs",
    "bar foo_bar.rs",
    "3292500",
    "haus Häuser",
    "猫",
    "猫が好き -\"黒猫\"",
    "\"the house\" run run run",
    "unknown",
    "-run",
    "unknown* run",
    "\"run",
    "дом café",
    "title:\"foo bar rs\" x don't 1,000",
];

#[derive(Clone, Debug)]
enum Step {
    Insert(Vec<(String, String)>),
    /// So many documents of a few words, seeded.
    InsertMany(u16, u64),
    /// Documents, by how manieth they are, that get another text.
    Update(Vec<(prop::sample::Index, String)>),
    Remove(Vec<prop::sample::Index>),
    /// Removes all but every so manieth.
    Thin(u8),
    Compact(u64),
    /// Compacts what is there, and makes up for documents that come meanwhile.
    CompactBeside(Vec<String>, u64),
    Reopen,
    Query(usize, u64),
}

fn text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        9 => prop::sample::select(&WORDS[..]).prop_map(str::to_owned),
        1 => "[a-c]{1,2}",
    ];
    prop::collection::vec(word, 0..14).prop_map(|words| words.join(" "))
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        3 => prop::collection::vec((text(), text()), 1..6).prop_map(Step::Insert),
        1 => (1..6_000_u16, any::<u64>()).prop_map(|(count, seed)| Step::InsertMany(count, seed)),
        2 => prop::collection::vec((index(), text()), 1..6).prop_map(Step::Update),
        2 => prop::collection::vec(index(), 1..6).prop_map(Step::Remove),
        1 => (2..9_u8).prop_map(Step::Thin),
        1 => any::<u64>().prop_map(Step::Compact),
        1 => (prop::collection::vec(text(), 1..6), any::<u64>())
            .prop_map(|(texts, seed)| Step::CompactBeside(texts, seed)),
        1 => Just(Step::Reopen),
        4 => (0..QUERIES.len(), any::<u64>()).prop_map(|(query, seed)| Step::Query(query, seed)),
    ]
}

struct Both {
    index: TextIndex,
    oracle: Oracle,
}

impl Both {
    fn insert(&mut self, batch: &[Vec<(usize, &str)>], gap: u32) {
        let first = self.index.slot_count() + gap;
        let documents = batch.iter().map(|texts| self.index.analyze(texts));
        let documents: Vec<_> = (first..).zip(documents).collect();
        self.index.insert_batch(documents);
        for (slot, texts) in (first..).zip(batch) {
            let document = Analyzed::of(self.index.settings(), texts);
            self.oracle.documents.insert(slot, document);
        }
    }

    fn remove(&mut self, slots: &[u32]) {
        self.index.remove(slots);
        slots.iter().for_each(|slot| {
            self.oracle.documents.remove(slot);
        });
    }

    fn slots(&self, indexes: impl Iterator<Item = prop::sample::Index>) -> Vec<u32> {
        let slots: Vec<u32> = self.oracle.documents.keys().copied().collect();
        if slots.is_empty() {
            Vec::new()
        } else {
            indexes.map(|index| *index.get(&slots)).collect()
        }
    }

    /// Slots in some order, all or only those that have a document.
    fn order(&self, seed: u64) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.index.slot_count()).collect();
        if seed.is_multiple_of(2) {
            order.shuffle(&mut StdRng::seed_from_u64(seed));
        }
        order.retain(|slot| seed.is_multiple_of(3) || self.oracle.documents.contains_key(slot));
        order
    }

    fn renumber(&mut self, order: &[u32]) {
        let mut old = std::mem::take(&mut self.oracle.documents);
        let kept = (0..).zip(order).filter_map(|(new, slot)| Some((new, old.remove(slot)?)));
        self.oracle.documents = kept.collect();
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Insert(documents) => {
                let texts =
                    documents.iter().map(|(text, title)| vec![(0, &text[..]), (1, &title[..])]);
                self.insert(&texts.collect::<Vec<_>>(), 0);
            }
            Step::InsertMany(count, seed) => {
                let mut random = StdRng::seed_from_u64(seed);
                let mut word =
                    || WORDS[(random.random::<f32>().powi(3) * WORDS.len() as f32) as usize];
                let texts: Vec<String> = (0..count)
                    .map(|at| (0..at % 9).map(|_| word()).collect::<Vec<_>>().join(" "))
                    .collect();
                let texts: Vec<_> = texts.iter().map(|text| vec![(0, &text[..])]).collect();
                self.insert(&texts, (seed % 3) as u32);
            }
            Step::Update(updates) => {
                let old = self.slots(updates.iter().map(|(index, _)| *index));
                let texts: Vec<_> = updates.iter().map(|(_, text)| vec![(0, &text[..])]).collect();
                self.insert(&texts, 0);
                self.remove(&old);
            }
            Step::Remove(indexes) => {
                let slots = self.slots(indexes.into_iter());
                self.remove(&slots);
            }
            Step::Thin(keep) => {
                let slots = self.oracle.documents.keys().copied();
                let slots: Vec<u32> = slots.filter(|slot| slot % u32::from(keep) != 0).collect();
                self.remove(&slots);
            }
            Step::Compact(seed) => {
                let order = self.order(seed);
                self.index = self.index.freeze().compacted(&order);
                self.renumber(&order);
            }
            Step::CompactBeside(texts, seed) => {
                let mut order = self.order(seed);
                let frozen = self.index.freeze();
                let texts: Vec<_> = texts.iter().map(|text| vec![(0, &text[..])]).collect();
                self.insert(&texts, (seed % 4) as u32);
                self.take(Step::Thin(7));
                let mut index = frozen.compacted(&order);
                let later: Vec<u32> =
                    (frozen.slot_count()..self.index.slot_count()).rev().collect();
                index.append_from(&self.index.freeze(), &later);
                order.extend(later);
                let gone =
                    (0..).zip(&order).filter(|(_, slot)| !self.oracle.documents.contains_key(slot));
                index.remove(&gone.map(|(new, _)| new).collect::<Vec<u32>>());
                self.index = index;
                self.renumber(&order);
            }
            Step::Reopen => {
                let bytes = self.index.freeze().to_bytes();
                self.index = TextIndex::from_bytes(&bytes, self.index.settings().clone()).unwrap();
            }
            Step::Query(at, seed) => self.query(at, seed),
        }
    }

    fn query(&self, at: usize, seed: u64) {
        self.oracle.compare(&self.index, QUERIES[at], None);
        let mut random = StdRng::seed_from_u64(seed);
        let share = random.random::<f64>().powi(3);
        let slots = (0..self.index.slot_count()).filter(|_| random.random_bool(share));
        let filter: RoaringBitmap = slots.collect();
        self.oracle.compare(&self.index, QUERIES[at], Some(&filter));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn answers_are_those_of_a_plain_evaluation(
        steps in prop::collection::vec(step(), 1..24),
        plain in any::<bool>(),
    ) {
        let language = if plain { LanguageSetting::None } else { LanguageSetting::Auto };
        let index = TextIndex::new(settings(language));
        let mut both = Both { index, oracle: Oracle::default() };
        for step in steps {
            both.take(step);
        }
        for at in 0..QUERIES.len() {
            both.query(at, at as u64);
        }
    }
}
