//! A query made ready to be looked for in texts, with the analysis that an index of them has.
//!
//! What a query excludes is looked for nowhere. A word in a phrase, or behind the name of a field, is
//! only where that phrase stands, or in that field.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::{
    TextSettings,
    analysis::{Words, manner_of},
    index::Rows,
    language::Manner,
    matches::{Occurrence, TextMatches},
    parsed::{Parsed, Word},
    query::terms_of,
    saturation::{Saturation, idf},
    tokens::{Kind, tokenize},
};

/// Finds the words of a query in texts.
pub struct TextMatcher {
    settings: Arc<TextSettings>,
    /// The ways in which the query was analyzed.
    manners: Vec<Manner>,
    wanted: Wanted,
    /// Of each word of the query.
    weights: Vec<f64>,
    phrases: Vec<Phrase>,
    pub(crate) saturation: Saturation,
}

/// Words that stand one behind the other.
pub(crate) struct Phrase {
    /// The only field that they count in.
    pub(crate) field: Option<u32>,
    /// How far each word is behind the first.
    pub(crate) offsets: Vec<u32>,
}

/// What terms are for a query.
#[derive(Default)]
struct Wanted {
    exact: HashMap<String, Role>,
    /// By what terms begin with.
    starts: HashMap<String, Role>,
    /// The lengths of these in bytes, each once.
    start_bytes: Vec<usize>,
}

/// What a term is for a query.
#[derive(Clone, Debug, Default)]
pub(crate) struct Role {
    /// What it adds to a score, without its saturation.
    pub(crate) weight: f64,
    /// The words of the query that it stands for, by their number.
    words: Vec<usize>,
    /// Whether it counts wherever it stands.
    pub(crate) by_itself: bool,
    /// Whether it is a term of the query, not only one that begins so.
    pub(crate) is_exact: bool,
    /// The phrases that it stands in, and as which word of these.
    pub(crate) in_phrases: Vec<(usize, usize)>,
}

impl Role {
    fn add(&mut self, other: &Self) {
        self.words.extend(&other.words);
        self.by_itself |= other.by_itself;
        self.is_exact |= other.is_exact;
        self.in_phrases.extend(&other.in_phrases);
    }
}

impl Wanted {
    fn add(&mut self, word: &Word, role: &Role) {
        for term in &word.terms {
            let role = Role { is_exact: true, ..role.clone() };
            self.exact.entry(term.clone()).or_default().add(&role);
        }
        if let Some(start) = &word.start {
            self.starts.entry(start.clone()).or_default().add(role);
        }
    }

    fn finished(mut self) -> Self {
        self.start_bytes = self.starts.keys().map(String::len).collect();
        self.start_bytes.sort_unstable();
        self.start_bytes.dedup();
        self
    }

    /// What a term is, if anything. `weights` are those of words.
    fn role_of(&self, term: &str, weights: &[f64]) -> Option<Role> {
        let starts =
            self.start_bytes.iter().filter_map(|&bytes| self.starts.get(term.get(..bytes)?));
        let mut roles = self.exact.get(term).into_iter().chain(starts);
        let mut role = roles.next()?.clone();
        roles.for_each(|other| role.add(other));
        // A word may have it as a term, and as what its terms begin with.
        role.words.sort_unstable();
        role.words.dedup();
        role.weight = role.words.iter().map(|&word| weights[word]).sum();
        Some(role)
    }
}

impl TextMatcher {
    pub(crate) fn new(
        settings: Arc<TextSettings>,
        manners: Vec<Manner>,
        parsed: &Parsed,
        rows: &[&Rows],
    ) -> Self {
        let documents = rows.iter().map(|rows| rows.statistics.documents).sum::<u64>();
        let words = rows.iter().map(|rows| rows.statistics.words).sum::<u64>();
        let mut wanted = Wanted::default();
        let mut weights = Vec::with_capacity(parsed.words.len());
        for ((word, count), &by_itself) in parsed.words.iter().zip(&parsed.by_itself) {
            let having = rows.iter().map(|rows| terms_of(word, rows).1).sum();
            let words = vec![weights.len()];
            weights.push(idf(documents, having) * f64::from(*count));
            wanted.add(word, &Role { words, by_itself, ..Role::default() });
        }
        let mut phrases = Vec::new();
        let mut known = HashSet::new();
        for condition in parsed.conditions.iter().filter(|condition| !condition.excluded) {
            if !known.insert((condition.field, &condition.words)) {
                continue;
            }
            let offsets = condition.words.iter().map(|(offset, _)| *offset).collect();
            for (at, (_, word)) in condition.words.iter().enumerate() {
                let in_phrases = vec![(phrases.len(), at)];
                wanted.add(word, &Role { in_phrases, ..Role::default() });
            }
            phrases.push(Phrase { field: condition.field, offsets });
        }
        let average = words as f64 / documents.max(1) as f64;
        let saturation = Saturation::new(average);
        Self { settings, manners, wanted: wanted.finished(), weights, phrases, saturation }
    }

    fn role_of(&self, term: &str) -> Option<Role> {
        self.wanted.role_of(term, &self.weights)
    }

    /// Where a text has the words. It is the text of a field, by its number, or of none that is indexed; `document` are
    /// all texts of its document, in the order in which they are indexed, by which its language is guessed.
    ///
    /// Takes about as long as to index the text.
    #[must_use]
    pub fn matches<'t>(
        &self,
        document: impl IntoIterator<Item = &'t str>,
        field: Option<usize>,
        text: &str,
    ) -> TextMatches {
        let mut manner = manner_of(&self.settings, document.into_iter());
        // What nobody asked in that language can not be found in it.
        if !self.manners.contains(&manner) {
            manner = self.manners.first().copied().unwrap_or(Manner::USUAL);
        }
        let mut terms = Terms { matcher: self, numbers: HashMap::new(), roles: Vec::new() };
        let (mut words, mut occurrences) = (Words::new(manner), Vec::new());
        let mut word_starts = Vec::new();
        tokenize(text, &mut |token| {
            let Some(term) = words.term(&text[token.range.clone()], token.kind) else { return };
            if token.kind != Kind::Whole {
                word_starts.push(token.range.start);
            }
            if let Some(term) = terms.number(term) {
                occurrences.push(Occurrence { token, term });
            }
        });
        let number = field.and_then(|field| u32::try_from(field).ok());
        let counts = |phrase: &Phrase| phrase.field.is_none() || phrase.field == number;
        let phrases: Vec<Option<&Phrase>> =
            self.phrases.iter().map(|phrase| Some(phrase).filter(|it| counts(it))).collect();
        let weight = field.and_then(|field| self.settings.fields.get(field));
        let weight = weight.map_or(1, |field| u32::from(field.weight.get()));
        TextMatches::new(text, (occurrences, word_starts), &terms.roles, &phrases, weight)
    }
}

/// The terms of a text that are something for a query.
struct Terms<'m> {
    matcher: &'m TextMatcher,
    numbers: HashMap<String, Option<usize>>,
    roles: Vec<Role>,
}

/// Different terms of a text of which it is remembered that they are nothing for a query.
const REMEMBERED_MAX: usize = 1 << 16;

impl Terms<'_> {
    fn number(&mut self, term: &str) -> Option<usize> {
        if let Some(&known) = self.numbers.get(term) {
            return known;
        }
        let number = self.matcher.role_of(term).map(|role| {
            self.roles.push(role);
            self.roles.len() - 1
        });
        if number.is_some() || self.numbers.len() < REMEMBERED_MAX {
            self.numbers.insert(term.to_owned(), number);
        }
        number
    }
}
