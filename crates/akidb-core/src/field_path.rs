//! The path of a field in metadata.

use std::fmt;

/// A key of metadata, or keys joined by dots: what facets count and what documents are ordered by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FieldPath(String);

/// The given text is not a [`FieldPath`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFieldPath {
    /// No key is empty.
    #[error("must name a field of the metadata, and is empty")]
    Empty,
    /// No key begins so.
    #[error("must name a field of the metadata, none of which begins with a dollar")]
    Dollar,
    /// The values of longer paths are not indexed.
    #[error("has {given_bytes} bytes, allowed are at most {}", FieldPath::BYTES_MAX)]
    TooLong {
        /// Bytes of the given path.
        given_bytes: usize,
    },
}

impl FieldPath {
    /// Bytes of the longest path whose values are indexed.
    pub const BYTES_MAX: usize = 256;

    /// Checks a path.
    ///
    /// # Errors
    /// When it is empty, begins with a dollar or is longer than [`BYTES_MAX`](Self::BYTES_MAX).
    pub fn new(given: &str) -> Result<Self, InvalidFieldPath> {
        match given {
            "" => Err(InvalidFieldPath::Empty),
            given if given.starts_with('$') => Err(InvalidFieldPath::Dollar),
            given if given.len() > Self::BYTES_MAX => {
                Err(InvalidFieldPath::TooLong { given_bytes: given.len() })
            }
            given => Ok(Self(given.to_owned())),
        }
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
