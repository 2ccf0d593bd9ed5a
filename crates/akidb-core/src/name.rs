//! The names of a collection and of a vector field.

use std::fmt;

/// 1 to 64 of the characters `A-Z a-z 0-9 _ -`: safe in a path, a URL and a metric label.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CollectionName(String);

/// The given name is not a [`CollectionName`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a collection name, allowed are 1 to 64 of A-Z a-z 0-9 _ -")]
pub struct InvalidName {
    given: String,
}

/// The name of a vector field of a collection: by the same rule, or empty for the one field that a
/// collection has which names none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldName(String);

/// The given name is not a [`FieldName`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not the name of a vector field, allowed are 1 to 64 of A-Z a-z 0-9 _ -")]
pub struct InvalidFieldName {
    given: String,
}

/// Whether a name is safe in a path, a URL and a metric label.
fn is_plain(given: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=64).contains(&given.len()) && given.bytes().all(allowed)
}

/// As much of a refused name as a message has room for.
fn shown(given: &str) -> String {
    given.chars().take(80).collect()
}

impl CollectionName {
    /// Checks a name.
    ///
    /// # Errors
    /// When it is empty, longer than 64 bytes or has another character.
    pub fn new(given: &str) -> Result<Self, InvalidName> {
        match is_plain(given) {
            true => Ok(Self(given.to_owned())),
            false => Err(InvalidName { given: shown(given) }),
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FieldName {
    /// The name of the unnamed field.
    pub const UNNAMED: Self = Self(String::new());

    /// Checks a name; the empty one is that of the unnamed field.
    ///
    /// # Errors
    /// When it is longer than 64 bytes or has another character.
    pub fn new(given: &str) -> Result<Self, InvalidFieldName> {
        match given.is_empty() || is_plain(given) {
            true => Ok(Self(given.to_owned())),
            false => Err(InvalidFieldName { given: shown(given) }),
        }
    }

    /// Whether it is the name of the unnamed field.
    #[must_use]
    pub fn is_unnamed(&self) -> bool {
        self.0.is_empty()
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names are ordered and compared as their texts.
impl std::borrow::Borrow<str> for CollectionName {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for CollectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{CollectionName, FieldName};

    #[test]
    fn names_that_could_leave_their_place_are_refused() {
        for good in ["a", "Films_2024-v2", &"x".repeat(64)] {
            assert!(CollectionName::new(good).is_ok(), "{good}");
            assert!(FieldName::new(good).is_ok_and(|name| !name.is_unnamed()), "{good}");
        }
        for bad in ["", "../x", "a/b", "a.b", "a b", "é", "a\0", &"x".repeat(65)] {
            assert!(CollectionName::new(bad).is_err(), "{bad}");
            assert_eq!(FieldName::new(bad).is_ok(), bad.is_empty(), "{bad}");
        }
    }
}
