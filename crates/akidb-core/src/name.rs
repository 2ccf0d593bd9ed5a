//! The name of a collection.

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

impl CollectionName {
    /// Checks a name.
    ///
    /// # Errors
    /// When it is empty, longer than 64 bytes or has another character.
    pub fn new(given: &str) -> Result<Self, InvalidName> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if (1..=64).contains(&given.len()) && given.bytes().all(allowed) {
            Ok(Self(given.to_owned()))
        } else {
            Err(InvalidName { given: given.chars().take(80).collect() })
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CollectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::CollectionName;

    #[test]
    fn names_that_could_leave_their_place_are_refused() {
        for good in ["a", "Films_2024-v2", &"x".repeat(64)] {
            assert!(CollectionName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "../x", "a/b", "a.b", "a b", "é", "a\0", &"x".repeat(65)] {
            assert!(CollectionName::new(bad).is_err(), "{bad}");
        }
    }
}
