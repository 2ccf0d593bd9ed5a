//! A query as terms: what its words are in the languages that documents are in.

use std::collections::HashMap;

use crate::{
    TextSettings,
    analysis::Words,
    language::Manner,
    syntax::{Form, clauses},
    tokens::{Kind, tokenize},
};

/// Different words of a query that count; those behind them are passed over.
pub(crate) const WORDS_MAX: usize = 1_024;

/// A query, not yet held against an index.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    /// Each different word, and how often it stands.
    pub(crate) words: Vec<(Word, u32)>,
    /// Of each of these whether it stands anywhere but in a phrase or behind the name of a field.
    pub(crate) by_itself: Vec<bool>,
    pub(crate) conditions: Vec<ParsedCondition>,
}

/// A word of a query: any of its terms stands for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Word {
    /// What it is in each language, each once.
    pub(crate) terms: Vec<String>,
    /// What terms that stand for it begin with.
    pub(crate) start: Option<String>,
    /// Whether some language leaves it out, so that documents may have it without anyone knowing.
    is_left_out: bool,
}

/// What documents must have, or must not.
#[derive(Debug)]
pub(crate) struct ParsedCondition {
    pub(crate) excluded: bool,
    /// The only field that counts.
    pub(crate) field: Option<u32>,
    /// Words, and how far each is behind the first.
    pub(crate) words: Vec<(u32, Word)>,
}

/// Takes a query apart and analyzes it in all of `manners`.
pub(crate) fn parse(text: &str, settings: &TextSettings, manners: &[Manner]) -> Parsed {
    let mut parser = Parser {
        analyzers: manners.iter().map(|&manner| Words::new(manner)).collect(),
        numbers: HashMap::new(),
        parsed: Parsed::default(),
        condition_words: 0,
    };
    for clause in clauses(text, settings) {
        let (words, start_at) = match clause.form {
            Form::Words(words) | Form::Phrase(words) => (words, usize::MAX),
            Form::Prefix(start) => (start, start.len()),
        };
        let is_condition =
            clause.excluded || clause.field.is_some() || matches!(clause.form, Form::Phrase(_));
        let mut in_order = Vec::new();
        tokenize(words, &mut |token| {
            // Documents may go on behind it.
            if token.kind == Kind::Last {
                return;
            }
            let is_start = token.range.end == start_at || token.kind == Kind::Single;
            let word = parser.word(&words[token.range], token.kind, is_start);
            if is_condition && token.kind != Kind::Whole && !word.is_empty() && !word.is_left_out {
                in_order.push((token.position, word.clone()));
            }
            if !clause.excluded && !word.is_empty() {
                parser.count(word, !is_condition);
            }
        });
        if is_condition {
            parser.require(ParsedCondition {
                excluded: clause.excluded,
                field: clause.field,
                words: in_order,
            });
        }
    }
    parser.parsed
}

struct Parser {
    analyzers: Vec<Words>,
    /// Where each word stands in `parsed`.
    numbers: HashMap<Word, usize>,
    parsed: Parsed,
    condition_words: usize,
}

impl Parser {
    fn word(&mut self, text: &str, kind: Kind, is_start: bool) -> Word {
        let mut word = Word::default();
        for analyzer in &mut self.analyzers {
            match analyzer.term(text, kind) {
                Some(term) if !word.terms.iter().any(|other| other == term) => {
                    word.terms.push(term.to_owned());
                }
                Some(_) => {}
                None => word.is_left_out = true,
            }
        }
        if is_start && let Some(analyzer) = self.analyzers.first_mut() {
            word.start = Some(analyzer.prefix(text).to_owned()).filter(|start| !start.is_empty());
            word.is_left_out = false;
        }
        word
    }

    fn count(&mut self, word: Word, by_itself: bool) {
        if let Some(&at) = self.numbers.get(&word) {
            let count = &mut self.parsed.words[at].1;
            *count = count.saturating_add(1);
            self.parsed.by_itself[at] |= by_itself;
        } else if self.parsed.words.len() < WORDS_MAX {
            self.numbers.insert(word.clone(), self.parsed.words.len());
            self.parsed.words.push((word, 1));
            self.parsed.by_itself.push(by_itself);
        }
    }

    fn require(&mut self, mut condition: ParsedCondition) {
        let Some(&(first, _)) = condition.words.first() else { return };
        for (offset, _) in &mut condition.words {
            *offset -= first;
        }
        condition.words.truncate(WORDS_MAX - self.condition_words);
        self.condition_words += condition.words.len();
        if !condition.words.is_empty() {
            self.parsed.conditions.push(condition);
        }
    }
}

impl Word {
    fn is_empty(&self) -> bool {
        self.terms.is_empty() && self.start.is_none()
    }
}
