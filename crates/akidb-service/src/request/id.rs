//! A document id as a client gives it.

use std::fmt;

/// An id as a door decoded it; the service checks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GivenId {
    /// A JSON integer or an `int64`.
    Integer(i64),
    /// A string of any length.
    Text(String),
    /// What a URL or a command line says, which do not tell a string from an integer: the string,
    /// where a document has it as its id, else the integer that it is. Of one document only.
    Either(String),
}

impl fmt::Display for GivenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(id) => id.fmt(f),
            Self::Text(id) | Self::Either(id) => id.fmt(f),
        }
    }
}
