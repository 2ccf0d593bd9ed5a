//! Why a body could not be decoded: the place, the line and column, and what is allowed there.

use akidb_core::{Error, ErrorCode};
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use super::synonyms::meant_by;
use crate::wire::LIST_TOO_LONG;

/// The longest key of a path, and the longest description, that an error repeats.
const KEY_CHARS_MAX: usize = 80;
const DESCRIPTION_CHARS_MAX: usize = 300;

/// Decodes `text` again, following the path, and describes the fault.
pub(super) fn explain<T: DeserializeOwned>(text: &str, fault: &serde_json::Error) -> Error {
    if text.trim_ascii().is_empty() {
        return malformed("body", "is empty, a JSON object is expected");
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Err(error) => describe(&field_of(error.path()), error.inner()),
        // The value itself is good: what is wrong stands behind it.
        Ok(_) => describe("body", fault),
    }
}

/// The fault of a body that is not UTF-8.
pub(super) fn explain_encoding(body: &[u8], error: std::str::Utf8Error) -> Error {
    let before = body.get(..error.valid_up_to()).unwrap_or_default();
    let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
    let column = 1 + before.iter().rev().take_while(|&&byte| byte != b'\n').count();
    malformed("body", &format!("is not UTF-8 at line {line} column {column}"))
}

fn malformed(field: &str, description: &str) -> Error {
    Error::at(ErrorCode::MalformedRequest, field, description)
}

fn describe(field: &str, fault: &serde_json::Error) -> Error {
    let (line, column) = (fault.line(), fault.column());
    let message = fault.to_string();
    let place = format!(" at line {line} column {column}");
    let message = message.strip_suffix(&place).unwrap_or(&message);
    if let Some((name, allowed)) = unknown_field(message) {
        let description = format!("{}{place}", suggest(name, &allowed));
        return Error::at(ErrorCode::UnknownField, field, description);
    }
    if message.starts_with(LIST_TOO_LONG) {
        return Error::at(ErrorCode::LimitExceeded, field, message);
    }
    malformed(field, &format!("{}{place}", shorten(message, DESCRIPTION_CHARS_MAX)))
}

/// Reads serde's text for an unknown field, which carries its parts in no other way: the name and
/// the names that are known.
fn unknown_field(message: &str) -> Option<(&str, Vec<&str>)> {
    let rest = message.strip_prefix("unknown field `")?;
    let Some((name, expected)) = rest.rsplit_once("`, expected ") else {
        return Some((rest.split('`').next().unwrap_or_default(), Vec::new()));
    };
    Some((name, expected.split('`').skip(1).step_by(2).collect()))
}

/// Says that a name is unknown, with the known one that it was probably meant to be.
pub(crate) fn suggest(name: &str, allowed: &[&str]) -> String {
    let name = shorten(name, KEY_CHARS_MAX);
    if let Some(meant) = meant_by(&name, allowed) {
        return format!("is not a known field, did you mean {meant:?}?");
    }
    let nearest = allowed
        .iter()
        .map(|known| (strsim::damerau_levenshtein(&name, known), known))
        .min()
        .filter(|(distance, known)| *distance <= 1 + known.len() / 4);
    match nearest {
        _ if allowed.is_empty() => "is not a known field, none is allowed here".to_owned(),
        Some((_, known)) => format!("is not a known field, did you mean {known:?}?"),
        None => format!("is not a known field, allowed are {}", allowed.join(", ")),
    }
}

/// The place as `documents[3].vector[17]`, or `body` for the whole.
fn field_of(path: &Path) -> String {
    let mut field = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => field.push_str(&format!("[{index}]")),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                if !field.is_empty() {
                    field.push('.');
                }
                field.push_str(&shorten(key, KEY_CHARS_MAX));
            }
            Segment::Unknown => {}
        }
    }
    if field.is_empty() { "body".to_owned() } else { field }
}

fn shorten(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
