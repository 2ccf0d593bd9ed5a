//! A filter made ready: for each condition the entries that it looks for, in their order.

use akidb_core::{Caseless, Filter, Operand, Ordered, Test, TextTest, value_key};
use memchr::memmem::Finder;
use serde_json::Value;

use super::{
    FilterIndex, LONG_STRING_START_BYTES, Matching,
    builder::{EXPIRIES, IDS},
    entry::{self, Kind, ValuePlace, end_of, tag},
};

/// A filter over entries.
pub(super) enum CompiledFilter<'f> {
    All(Vec<CompiledFilter<'f>>),
    Any(Vec<CompiledFilter<'f>>),
    Not(Box<CompiledFilter<'f>>),
    Field {
        path: &'f [u8],
        condition: Condition<'f>,
    },
    /// A condition on texts, by the slots that hold it.
    Texts(Matching),
    /// A condition on a path that is too long to be kept.
    LongPath {
        holds_if_absent: bool,
    },
}

/// What must hold for the entries of a field.
pub(super) enum Condition<'f> {
    AnyOf { keys: Keys, or_absent: bool },
    Within(Spans),
    Exists(bool),
    Contains(Vec<Part<'f>>),
    ContainsCaseless(&'f Caseless),
}

/// Entries looked for, ascending: those that decide, and those that values share which may differ.
#[derive(Default)]
pub(super) struct Keys {
    pub(super) sure: Vec<Vec<u8>>,
    pub(super) unsure: Vec<Vec<u8>>,
}

/// Entries looked for, each span from the first on and below the second.
#[derive(Default)]
pub(super) struct Spans {
    pub(super) sure: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) unsure: Vec<(Vec<u8>, Vec<u8>)>,
}

/// One operand of `$contains`: an element of a list, and where it is a string, part of a string.
pub(super) struct Part<'f> {
    pub(super) elements: Keys,
    pub(super) text: Option<Finder<'f>>,
}

impl<'f> CompiledFilter<'f> {
    pub(super) fn of(filter: &'f Filter, texts: &dyn Fn(&TextTest) -> Matching) -> Self {
        let all = |filters: &'f [Filter]| filters.iter().map(|it| Self::of(it, texts)).collect();
        match filter {
            Filter::And(filters) => Self::All(all(filters)),
            Filter::Or(filters) => Self::Any(all(filters)),
            Filter::Not(filter) => Self::Not(Box::new(Self::of(filter, texts))),
            Filter::Text(test) => Self::Texts(texts(test)),
            Filter::Id(test) => Self::Field { path: IDS, condition: condition(test) },
            Filter::ExpiresAt(test) => Self::Field { path: EXPIRIES, condition: condition(test) },
            Filter::Field { path, test } if path.len() > FilterIndex::PATH_BYTES_MAX => {
                Self::LongPath { holds_if_absent: holds_if_absent(test) }
            }
            Filter::Field { path, test } => {
                Self::Field { path: path.as_bytes(), condition: condition(test) }
            }
        }
    }
}

fn holds_if_absent(test: &Test) -> bool {
    match test {
        Test::AnyOf(operands) => operands.iter().any(|operand| operand.value().is_null()),
        Test::Exists(expected) => !expected,
        Test::Ordered(..) | Test::Contains(_) | Test::Prefix(_) | Test::ContainsCaseless(_) => {
            false
        }
    }
}

fn condition(test: &Test) -> Condition<'_> {
    match test {
        Test::AnyOf(operands) => Condition::AnyOf {
            keys: Keys::of(operands, &[ValuePlace::Value, ValuePlace::Element]),
            or_absent: holds_if_absent(test),
        },
        Test::Ordered(relation, operand) => Condition::Within(Spans::of(*relation, operand)),
        Test::Prefix(prefix) => Condition::Within(Spans::of_prefix(prefix)),
        Test::ContainsCaseless(part) => Condition::ContainsCaseless(part),
        Test::Exists(expected) => Condition::Exists(*expected),
        Test::Contains(operands) => Condition::Contains(operands.iter().map(Part::of).collect()),
    }
}

impl Keys {
    fn of(operands: &[Operand], places: &[ValuePlace]) -> Self {
        let mut keys = Self::default();
        for operand in operands {
            for &place in places {
                let mut key = Vec::new();
                entry::of_operand(operand, place, &mut key);
                if entry::is_cut(&key) { keys.unsure.push(key) } else { keys.sure.push(key) }
            }
        }
        keys.sure.sort_unstable();
        keys.unsure.sort_unstable();
        keys
    }
}

impl<'f> Part<'f> {
    fn of(operand: &'f Operand) -> Self {
        let elements = Keys::of(std::slice::from_ref(operand), &[ValuePlace::Element]);
        Self { elements, text: operand.value().as_str().map(Finder::new) }
    }
}

impl Spans {
    /// The entries that stand so towards the operand, as values and as elements.
    fn of(relation: Ordered, operand: &Operand) -> Self {
        let mut spans = Self::default();
        for place in [ValuePlace::Value, ValuePlace::Element] {
            match operand.value() {
                Value::Number(number) => {
                    let mut key = vec![tag(place, Kind::Number)];
                    value_key::number(number, &mut key);
                    spans.sure.push(span(relation, key));
                }
                Value::String(text) if operand.is_date() => {
                    let mut key = vec![tag(place, Kind::Instant)];
                    value_key::instant(text, &mut key);
                    spans.sure.push(span(relation, key));
                }
                Value::String(text) => spans.add_text(relation, place, text),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {}
            }
        }
        spans
    }

    /// The strings that begin so, as values and as elements.
    fn of_prefix(prefix: &str) -> Self {
        let prefix = prefix.as_bytes();
        // Neither UTF-8 nor the length behind the start of a long string has this byte.
        let beginning =
            |tag: u8, start: &[u8]| ([&[tag], start].concat(), [&[tag], start, &[0xFF]].concat());
        let mut spans = Self::default();
        for place in [ValuePlace::Value, ValuePlace::Element] {
            let long = tag(place, Kind::LongString);
            spans.sure.push(beginning(tag(place, Kind::String), prefix));
            match prefix.get(..LONG_STRING_START_BYTES) {
                Some(start) if prefix.len() > LONG_STRING_START_BYTES => {
                    spans.unsure.push(beginning(long, start));
                }
                _ => spans.sure.push(beginning(long, prefix)),
            }
        }
        spans
    }

    fn add_text(&mut self, relation: Ordered, place: ValuePlace, text: &str) {
        let mut key = vec![tag(place, Kind::String)];
        key.extend_from_slice(text.as_bytes());
        self.sure.push(span(relation, key));
        self.add_long_strings(relation, tag(place, Kind::LongString), text.as_bytes());
    }

    /// Long strings are known by their start. Where the operand has all of it too, it does not tell
    /// which is greater, unless the operand ends there.
    fn add_long_strings(&mut self, relation: Ordered, tag: u8, text: &[u8]) {
        let start = [&[tag], &text[..text.len().min(LONG_STRING_START_BYTES)]].concat();
        let mut beyond = start.clone();
        if text.len() > LONG_STRING_START_BYTES {
            // Bytes of UTF-8 are below 0xFF.
            beyond.last_mut().into_iter().for_each(|byte| *byte += 1);
            self.unsure.push((start.clone(), beyond.clone()));
        }
        self.sure.push(match relation {
            Ordered::Greater | Ordered::GreaterOrEqual => (beyond, end_of(tag)),
            Ordered::Less | Ordered::LessOrEqual => (vec![tag], start),
        });
    }
}

/// The entries of the tag of `key` that stand so towards it.
fn span(relation: Ordered, key: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
    let tag = key[0];
    let mut after = key.clone();
    after.push(0);
    match relation {
        Ordered::Greater => (after, end_of(tag)),
        Ordered::GreaterOrEqual => (key, end_of(tag)),
        Ordered::Less => (vec![tag], key),
        Ordered::LessOrEqual => (vec![tag], after),
    }
}

const _: () = assert!(LONG_STRING_START_BYTES < FilterIndex::STRING_BYTES_MAX);
