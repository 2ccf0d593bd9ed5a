//! What of a document is posted, and under which bytes.
//!
//! An entry is a tag and the bytes of a value. Entries of one field are sorted, so those of one tag
//! stand together, in the order in which filters order the values. Elements of a list have tags of
//! their own, because `$contains` tells them from values.
//!
//! Long values are not kept whole: a string is cut to its start, a list or object to its hash. An
//! entry of such a tag can tell that a value does not match, and for strings often that it does;
//! where it cannot, only the document itself tells.

use akidb_core::{DocumentId, Operand, value_key};
use serde_json::{Number, Value};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::{FilterIndex, LONG_STRING_START_BYTES};

/// The kind of an entry, in the order of the tags of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null = 0x10,
    False,
    True,
    Number,
    Instant,
    /// A list or an object, by its equality key.
    Compound,
    /// One whose equality key is long, by its hash.
    LongCompound,
    /// A string, by its start, its length and its hash.
    LongString,
    String,
}

/// Where a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValuePlace {
    /// The path leads to it.
    Value,
    /// It is an element of a list that the path leads to.
    Element,
}

/// The entry of every slot that has the field.
pub(super) const PRESENT: &[u8] = &[0x00];

/// The entry of every slot that has several values under the path, through a list of objects.
pub(super) const SEVERAL: &[u8] = &[0x01];

/// The tag of strings that a path leads to. UTF-8 never has this byte, so a text that is looked for
/// in entries that follow one another is never found across two of them.
const STRING_TAG: u8 = 0xFF;

/// The tag of a kind at a place.
pub(super) fn tag(place: ValuePlace, kind: Kind) -> u8 {
    match (place, kind) {
        (ValuePlace::Value, Kind::String) => STRING_TAG,
        (ValuePlace::Value, _) => kind as u8,
        (ValuePlace::Element, _) => kind as u8 + 0x10,
    }
}

/// The tags of a kind: of values, and of elements.
pub(super) fn tags(kind: Kind) -> [u8; 2] {
    [ValuePlace::Value, ValuePlace::Element].map(|place| tag(place, kind))
}

/// The value of an entry of [`Kind::False`], [`Kind::True`], [`Kind::Number`] or [`Kind::String`],
/// without its tag.
pub(super) fn value_of(kind: Kind, value: &[u8]) -> Value {
    match kind {
        Kind::False => Value::Bool(false),
        Kind::True => Value::Bool(true),
        Kind::Number => value_key::number_of(value).map_or(Value::Null, Value::Number),
        Kind::String => Value::String(String::from_utf8_lossy(value).into_owned()),
        _ => Value::Null,
    }
}

/// The least bytes above every entry of a tag.
pub(super) fn end_of(tag: u8) -> Vec<u8> {
    if tag == STRING_TAG { vec![STRING_TAG, STRING_TAG] } else { vec![tag + 1] }
}

/// Calls `post` with every entry of a value: one, or for a date two.
pub(super) fn for_each(value: &Value, place: ValuePlace, post: &mut impl FnMut(&[u8])) {
    let mut entry = Vec::with_capacity(64);
    equality(value, place, &mut entry);
    post(&entry);
    if let Value::String(text) = value
        && entry[0] == tag(place, Kind::Instant)
    {
        entry.clear();
        entry.push(tag(place, Kind::String));
        entry.extend_from_slice(text.as_bytes());
        post(&entry);
    }
}

/// The entry of an id: text and never a date, or an integer.
pub(super) fn of_id(id: &DocumentId, entry: &mut Vec<u8>) {
    match id {
        DocumentId::Integer(id) => {
            entry.push(tag(ValuePlace::Value, Kind::Number));
            value_key::number(&Number::from(*id), entry);
        }
        DocumentId::Text(id) => text(id, ValuePlace::Value, entry),
    }
}

/// The id that an entry is of.
pub(super) fn id_of(entry: &[u8]) -> Option<DocumentId> {
    let (&first, value) = entry.split_first()?;
    if first == STRING_TAG {
        return DocumentId::from_text(str::from_utf8(value).ok()?.to_owned()).ok();
    }
    let is_number = first == tag(ValuePlace::Value, Kind::Number);
    is_number.then(|| value_key::integer_of(value)).flatten().map(DocumentId::Integer)
}

/// The entry of what equals an operand.
pub(super) fn of_operand(operand: &Operand, place: ValuePlace, entry: &mut Vec<u8>) {
    match operand.value() {
        // A date among the operands of ids is text as well.
        Value::String(given)
            if !operand.is_date() && given.len() <= FilterIndex::STRING_BYTES_MAX =>
        {
            text(given, place, entry);
        }
        value => equality(value, place, entry),
    }
}

fn text(text: &str, place: ValuePlace, entry: &mut Vec<u8>) {
    entry.push(tag(place, Kind::String));
    entry.extend_from_slice(text.as_bytes());
}

/// The entry by which a value equals others. Values that are kept whole have the same one exactly
/// where they are equal.
pub(super) fn equality(value: &Value, place: ValuePlace, entry: &mut Vec<u8>) {
    let begin = |entry: &mut Vec<u8>, kind| entry.push(tag(place, kind));
    match value {
        Value::Null => begin(entry, Kind::Null),
        Value::Bool(false) => begin(entry, Kind::False),
        Value::Bool(true) => begin(entry, Kind::True),
        Value::Number(number) => {
            begin(entry, Kind::Number);
            value_key::number(number, entry);
        }
        Value::String(text) if text.len() > FilterIndex::STRING_BYTES_MAX => {
            begin(entry, Kind::LongString);
            entry.extend_from_slice(&text.as_bytes()[..LONG_STRING_START_BYTES]);
            entry.extend_from_slice(&(text.len() as u32).to_be_bytes());
            entry.extend_from_slice(&xxh3_64(text.as_bytes()).to_be_bytes());
        }
        Value::String(text) => {
            begin(entry, Kind::Instant);
            if !value_key::instant(text, entry) {
                entry.pop();
                begin(entry, Kind::String);
                entry.extend_from_slice(text.as_bytes());
            }
        }
        Value::Array(_) | Value::Object(_) => {
            begin(entry, Kind::Compound);
            value_key::equality(value, entry);
            if entry.len() > FilterIndex::COMPOUND_BYTES_MAX {
                let hash = xxh3_128(entry);
                entry.clear();
                begin(entry, Kind::LongCompound);
                entry.extend_from_slice(&hash.to_be_bytes());
            }
        }
    }
}

// An id is kept whole, and a date too, so that both are found without a look at the document.
const _: () = assert!(DocumentId::TEXT_BYTES_MAX <= FilterIndex::STRING_BYTES_MAX);
const _: () = assert!(value_key::DATE_BYTES_MAX <= FilterIndex::STRING_BYTES_MAX);

/// Whether the entry of [`equality`] is of a value that is not kept whole.
pub(super) fn is_cut(entry: &[u8]) -> bool {
    let tags = [tags(Kind::LongCompound), tags(Kind::LongString)];
    entry.first().is_some_and(|first| tags.as_flattened().contains(first))
}
