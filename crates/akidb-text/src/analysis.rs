//! From the text of a document to its terms.

use hashbrown::HashTable;

use crate::{
    Language, LanguageSetting, TextSettings,
    hash::hash,
    language::Manner,
    normal,
    script::Script,
    tokens::{Kind, Token, tokenize},
};

/// Bytes of a term; a longer word is known by its start.
pub(crate) const TERM_BYTES_MAX: usize = 120;

/// Bits of a position that count words; those above are the number of the field.
const OFFSET_BITS: u32 = 20;

/// Words of a field beyond this all have the last position.
pub(crate) const OFFSET_MAX: u32 = (1 << OFFSET_BITS) - 1;

/// Positions left free between two texts of a field, so that no phrase reaches from one to the other.
const GAP: u32 = 100;

/// The number of the field in a position.
pub(crate) fn field_of(position: u32) -> u32 {
    position >> OFFSET_BITS
}

/// The terms of a document, each once, made ready to be inserted.
#[derive(Debug)]
pub struct AnalyzedDocument {
    pub(crate) manner: Manner,
    /// Words, each as often as its field counts.
    pub(crate) length: u32,
    /// The terms, one after the other.
    text: String,
    pub(crate) terms: Vec<AnalyzedTerm>,
    /// Of all terms, in their order.
    positions: Vec<u32>,
}

/// One term of a document.
#[derive(Debug)]
pub(crate) struct AnalyzedTerm {
    start: u32,
    end: u32,
    /// How often the document has it, each as often as its field counts.
    pub(crate) count: u32,
    positions_end: u32,
}

impl AnalyzedDocument {
    /// The terms with their counts and ascending positions, in the order of their first word.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, u32, &[u32])> {
        let mut from = 0;
        self.terms.iter().map(move |term| {
            let positions = &self.positions[from..term.positions_end as usize];
            from = term.positions_end as usize;
            (&self.text[term.start as usize..term.end as usize], term.count, positions)
        })
    }

    /// How many different terms it has.
    #[must_use]
    pub fn term_count(&self) -> usize {
        self.terms.len()
    }
}

/// Analyzes a document. `texts` are those of fields, by their number.
pub(crate) fn analyze(settings: &TextSettings, texts: &[(usize, &str)]) -> AnalyzedDocument {
    let manner = manner_of(settings, texts.iter().map(|&(_, text)| text));
    let mut collector = Collector::default();
    let mut length = 0_u32;
    let mut words = Words::new(manner);
    let mut next = vec![0_u32; settings.fields.len()];
    for &(field, text) in texts {
        let Some(weight) = settings.fields.get(field).map(|field| u32::from(field.weight.get()))
        else {
            continue;
        };
        let first = next[field];
        let base = (field as u32) << OFFSET_BITS;
        let count = tokenize(text, &mut |token: Token| {
            if let Some(term) = words.term(&text[token.range.clone()], token.kind) {
                let offset = first.saturating_add(token.position).min(OFFSET_MAX);
                collector.add(term, base | offset);
                // Identifiers count by their parts.
                length = length.saturating_add(if token.kind == Kind::Whole { 0 } else { weight });
            }
        });
        next[field] = first.saturating_add(count).saturating_add(GAP);
    }
    collector.finish(manner, length, settings)
}

/// How a document of some texts is analyzed.
pub(crate) fn manner_of<'t>(
    settings: &TextSettings,
    texts: impl Iterator<Item = &'t str>,
) -> Manner {
    match settings.language {
        LanguageSetting::None => Manner::Plain,
        LanguageSetting::Named(language) => Manner::of(language),
        LanguageSetting::Auto => Manner::guess(texts),
    }
}

/// The terms of one document while it is read.
#[derive(Default)]
struct Collector {
    numbers: HashTable<u32>,
    text: String,
    /// Where each term ends in `text`.
    ends: Vec<u32>,
    /// The number of a term, and where it stands.
    occurrences: Vec<(u32, u32)>,
}

/// One of the terms that are written one after the other.
fn nth<'t>(text: &'t str, ends: &[u32], number: u32) -> &'t str {
    let number = number as usize;
    let start = number.checked_sub(1).map_or(0, |before| ends[before] as usize);
    &text[start..ends[number] as usize]
}

impl Collector {
    fn add(&mut self, term: &str, position: u32) {
        let hashed = hash(term);
        let (text, ends) = (&self.text, &self.ends);
        let found = self.numbers.find(hashed, |&number| nth(text, ends, number) == term);
        let number = match found {
            Some(&number) => number,
            None => self.number(term, hashed),
        };
        self.occurrences.push((number, position));
    }

    fn number(&mut self, term: &str, hashed: u64) -> u32 {
        let number = self.ends.len() as u32;
        self.text.push_str(term);
        self.ends.push(self.text.len() as u32);
        let (text, ends) = (&self.text, &self.ends);
        self.numbers.insert_unique(hashed, number, |&other| hash(nth(text, ends, other)));
        number
    }

    fn finish(mut self, manner: Manner, length: u32, settings: &TextSettings) -> AnalyzedDocument {
        self.occurrences.sort_unstable();
        let mut terms = Vec::with_capacity(self.ends.len());
        let mut positions: Vec<u32> = Vec::with_capacity(self.occurrences.len());
        let mut occurrences = self.occurrences.iter().peekable();
        let mut start = 0;
        for (number, end) in (0..).zip(self.ends) {
            let from = positions.len();
            let mut count = 0_u32;
            while let Some(&(_, position)) = occurrences.next_if(|&&(of, _)| of == number) {
                let field = &settings.fields[field_of(position) as usize];
                count = count.saturating_add(u32::from(field.weight.get()));
                // Only those beyond the last position share one.
                if positions.len() == from || positions.last() != Some(&position) {
                    positions.push(position);
                }
            }
            terms.push(AnalyzedTerm { start, end, count, positions_end: positions.len() as u32 });
            start = end;
        }
        AnalyzedDocument { manner, length, text: self.text, terms, positions }
    }
}

/// Makes terms of words.
pub(crate) struct Words {
    manner: Manner,
    word: String,
    scratch: String,
}

impl Words {
    pub(crate) fn new(manner: Manner) -> Self {
        Self { manner, word: String::new(), scratch: String::new() }
    }

    /// The term of a token; `None` of a stop word, and of what nothing is left of.
    pub(crate) fn term(&mut self, text: &str, kind: Kind) -> Option<&str> {
        let text = &text[..text.floor_char_boundary(2 * TERM_BYTES_MAX)];
        let initials;
        let text = match kind {
            Kind::Initials => {
                initials = text.replace('.', "");
                &initials
            }
            _ => text,
        };
        let language = match kind {
            Kind::Word | Kind::Initials => self.manner.language_of(Script::of_word(text)),
            Kind::Whole | Kind::Pair | Kind::Last | Kind::Single => None,
        };
        normal::lower(text, language, &mut self.word);
        if let Some(language) = language {
            self.stem(language)?;
        }
        normal::fold(&mut self.word, &mut self.scratch);
        self.word.truncate(self.word.floor_char_boundary(TERM_BYTES_MAX));
        (!self.word.is_empty()).then_some(&self.word)
    }

    fn stem(&mut self, language: Language) -> Option<()> {
        if language.is_stop_word(&self.word) {
            return None;
        }
        if language.has_elisions()
            && let Some(at) = self.word.find('\'')
            && (1..=5).contains(&at)
            && at + 1 < self.word.len()
        {
            self.word.drain(..=at);
            if language.is_stop_word(&self.word) {
                return None;
            }
        }
        if let std::borrow::Cow::Owned(stem) = language.stemmer().stem(&self.word) {
            self.word = stem;
        }
        Some(())
    }

    /// What the terms of all words with this beginning begin with, as far as stems do.
    pub(crate) fn prefix(&mut self, text: &str) -> &str {
        normal::lower(&text[..text.floor_char_boundary(TERM_BYTES_MAX)], None, &mut self.word);
        normal::fold(&mut self.word, &mut self.scratch);
        self.word.truncate(self.word.floor_char_boundary(TERM_BYTES_MAX));
        &self.word
    }
}
