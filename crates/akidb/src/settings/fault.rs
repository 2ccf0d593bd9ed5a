//! What is wrong with a configuration, said with the key, the place and what is allowed.

use std::{fmt, path::PathBuf};

use figment::{
    Figment,
    error::{Error, Kind},
    value::Value,
};

use super::variables::name_of;
use crate::failure::Failure;

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// In the configuration file.
    File(PathBuf),
    /// In an environment variable.
    Variable(String),
    /// On the command line.
    Flag(&'static str),
}

impl Source {
    /// The key as it is written at such a place.
    fn spelling(&self, key: &str) -> String {
        match self {
            Self::Variable(_) => name_of(key),
            Self::File(_) | Self::Flag(_) => key.to_owned(),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// A key that does not exist, with the nearest one that does.
pub(super) fn unknown_key(key: &str, value: &Value, place: &Source, known: &[String]) -> Failure {
    let in_section = format!("{key}.");
    if known.iter().any(|known| known.starts_with(&in_section)) {
        let found = value.to_actual();
        return Failure::configuration(format!(
            "{key} is {found} in {place}, it must be a section"
        ))
        .hint(format!("write [{key}] and its keys below it"));
    }
    let failure = Failure::configuration(format!("unknown key {key} in {place}"));
    match nearest(key, known) {
        Some(known) => failure.hint(format!("did you mean {}?", place.spelling(known))),
        None => failure.hint("`akidb config show` lists every key"),
    }
}

/// A text of no characters, which no key takes: a variable that was set to nothing, most often.
pub(super) fn empty_value(key: &str, place: &Source) -> Failure {
    Failure::configuration(format!("{key} is empty in {place}"))
        .hint("leave it out, or unset the variable, for its default")
}

/// A value that its key does not allow.
pub(super) fn bad_value(error: &Error, figment: &Figment) -> Failure {
    // An item of a list has no place of its own.
    let item = error.path.last().and_then(|last| last.parse::<usize>().ok());
    let key = error.path[..error.path.len() - usize::from(item.is_some())].join(".");
    let value = figment.find_value(&key).ok().and_then(|value| match (item, value) {
        (Some(item), Value::Array(_, items)) => items.get(item).cloned(),
        (_, value) => Some(value),
    });
    let found = value.map_or_else(|| "missing".to_owned(), |value| text_of(&value));
    let origin = figment.find_metadata(&key).map_or("the defaults", |metadata| &metadata.name);
    let allowed = match &error.kind {
        Kind::InvalidType(_, expected)
        | Kind::InvalidValue(_, expected)
        | Kind::InvalidLength(_, expected) => format!("allowed is {}", in_words(expected)),
        Kind::UnknownVariant(_, allowed) => format!("allowed are {}", allowed.join(", ")),
        Kind::Message(_) if key.ends_with("_addr") => {
            "allowed is an address with a port, such as 127.0.0.1:8080 or [::1]:8080".to_owned()
        }
        Kind::Message(message) => message.clone(),
        other => other.to_string(),
    };
    Failure::configuration(format!("{key} is {found} in {origin}, {allowed}"))
        .hint("the shipped akidb.toml has every key with its default and what it means")
}

fn in_words(expected: &str) -> &str {
    match expected {
        "u32" | "u64" | "usize" => "a whole number",
        "a boolean" => "true or false",
        other => other,
    }
}

fn text_of(value: &Value) -> String {
    match serde_json::to_string(value) {
        Ok(text) => text,
        Err(_) => value.to_actual().to_string(),
    }
}

/// The known key that is most like `given`, if any is like it at all.
fn nearest<'a>(given: &str, known: &'a [String]) -> Option<&'a String> {
    let name = given.rsplit('.').next().unwrap_or(given);
    let distance = |known: &str| {
        let known_name = known.rsplit('.').next().unwrap_or(known);
        let whole = strsim::damerau_levenshtein(given, known);
        // The right key in a wrong section is near, but not as near as one in the right section.
        whole.min(strsim::damerau_levenshtein(name, known_name) + 1)
    };
    known
        .iter()
        .map(|known| (distance(known), known))
        .min()
        .filter(|(distance, _)| *distance <= (name.len() / 3).max(2))
        .map(|(_, known)| known)
}
