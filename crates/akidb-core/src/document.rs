//! Documents and what identifies them.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::{FieldName, Metadata, Passage, Timestamp};

/// The number of a write within its collection: every stored row version has its own.
///
/// Sequence numbers order, and name one immutable version of one document. They start at 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seq(pub u64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A document's id: an integer, or a string of 1 to 512 bytes. `5` and `"5"` are different ids.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DocumentId {
    /// Any 64-bit signed integer.
    Integer(i64),
    /// A checked string.
    Text(String),
}

/// The given string is not a document id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDocumentId {
    /// The empty string.
    #[error("is empty, allowed are strings of 1 to 512 bytes and integers")]
    Empty,
    /// Too many bytes.
    #[error("has {given_bytes} bytes, allowed are at most 512")]
    TooLong {
        /// The bytes of the given id.
        given_bytes: usize,
    },
    /// A NUL character.
    #[error("has a NUL character at byte {at_byte}")]
    Nul {
        /// Where it stands.
        at_byte: usize,
    },
}

impl DocumentId {
    /// The longest string id.
    pub const TEXT_BYTES_MAX: usize = 512;

    /// Checks an id given as a string.
    ///
    /// # Errors
    /// When it is empty, too long or holds a NUL.
    pub fn from_text(given: String) -> Result<Self, InvalidDocumentId> {
        if given.is_empty() {
            return Err(InvalidDocumentId::Empty);
        }
        if given.len() > Self::TEXT_BYTES_MAX {
            return Err(InvalidDocumentId::TooLong { given_bytes: given.len() });
        }
        if let Some(at_byte) = given.bytes().position(|byte| byte == 0) {
            return Err(InvalidDocumentId::Nul { at_byte });
        }
        Ok(Self::Text(given))
    }
}

impl From<i64> for DocumentId {
    fn from(id: i64) -> Self {
        Self::Integer(id)
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(id) => id.fmt(f),
            Self::Text(id) => id.fmt(f),
        }
    }
}

impl Serialize for DocumentId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Integer(id) => serializer.serialize_i64(*id),
            Self::Text(id) => serializer.serialize_str(id),
        }
    }
}

/// One stored version of a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The id, unique in its collection.
    pub id: DocumentId,
    /// The text, where the document has one.
    pub text: Option<String>,
    /// The metadata, empty where none was given.
    pub metadata: Metadata,
    /// From when on it is there no more; absent where it stays until it is deleted.
    pub expires_at: Option<Timestamp>,
    /// The vector as it was given or embedded, where it was asked for and there is one for the
    /// whole document.
    pub vector: Option<Vec<f32>>,
    /// Where vectors were asked for and the text was cut into passages: these, in their order.
    pub passages: Vec<Passage>,
    /// What it has in named vector fields, by name.
    pub fields: Vec<DocumentField>,
    /// The sequence number of this version.
    pub seq: Seq,
}

/// What a document has in one named vector field.
#[derive(Clone, Debug, PartialEq)]
pub struct DocumentField {
    /// The field.
    pub name: FieldName,
    /// The text that stands there, where there is one.
    pub text: Option<String>,
    /// The vector, where it was asked for and there is one for the whole text.
    pub vector: Option<Vec<f32>>,
    /// Where vectors were asked for and the text was cut into passages: these, in their order.
    pub passages: Vec<Passage>,
}

/// A stored document whose row fails its checksum or stands on a page that can not be read. At least
/// one of both is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedDocument {
    /// Its id.
    pub id: Option<DocumentId>,
    /// The sequence number of its row.
    pub seq: Option<Seq>,
}

impl fmt::Display for DamagedDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.id, self.seq) {
            (Some(id), _) => id.fmt(f),
            (None, Some(seq)) => write!(f, "the document of sequence number {seq}"),
            (None, None) => f.write_str("a document"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_as_they_were_given() {
        let text = DocumentId::from_text("5".into()).unwrap();
        assert_ne!(text, DocumentId::from(5));
        assert_eq!(serde_json::to_string(&text).unwrap(), "\"5\"");
        assert_eq!(serde_json::to_string(&DocumentId::from(5)).unwrap(), "5");
    }

    #[test]
    fn strings_outside_the_limits_are_refused() {
        assert_eq!(DocumentId::from_text(String::new()), Err(InvalidDocumentId::Empty));
        assert!(DocumentId::from_text("x".repeat(512)).is_ok());
        assert!(DocumentId::from_text("x".repeat(513)).is_err());
        assert_eq!(
            DocumentId::from_text("a\0b".into()),
            Err(InvalidDocumentId::Nul { at_byte: 1 })
        );
    }
}
