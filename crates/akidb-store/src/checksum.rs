//! The checksum of a row: XXH3 with 64 bits over every column, each with its length and kind.

use akidb_core::{DocumentId, Seq};
use xxhash_rust::xxh3::Xxh3;

use crate::{EmbeddedText, documents::PassageColumns};

/// The checksum of a row of `documents`.
pub(crate) fn of_document(seq: Seq, id: &DocumentId, text: Option<&str>, metadata: &str) -> i64 {
    let mut hash = Xxh3::new();
    hash.update(&seq.0.to_le_bytes());
    match id {
        DocumentId::Integer(id) => {
            hash.update(b"i");
            hash.update(&id.to_le_bytes());
        }
        DocumentId::Text(id) => update_with_length(&mut hash, b't', id.as_bytes()),
    }
    match text {
        Some(text) => update_with_length(&mut hash, b't', text.as_bytes()),
        None => hash.update(b"n"),
    }
    update_with_length(&mut hash, b'm', metadata.as_bytes());
    hash.digest().cast_signed()
}

/// The checksum of a row of `vectors`. What is absent adds nothing, so rows from before a column
/// was there keep their checksum.
pub(crate) fn of_vector(
    seq: Seq,
    vector: &[u8],
    embedded: Option<&EmbeddedText>,
    passage: Option<&PassageColumns>,
) -> i64 {
    let mut hash = Xxh3::new();
    hash.update(&seq.0.to_le_bytes());
    update_with_length(&mut hash, b'v', vector);
    if let Some(EmbeddedText { hash: text, tokens, truncated }) = embedded {
        update_with_length(&mut hash, b'h', text.as_bytes());
        hash.update(&tokens.to_le_bytes());
        hash.update(&[u8::from(*truncated)]);
    }
    if let Some(PassageColumns { document, count, bytes }) = passage {
        hash.update(b"p");
        hash.update(&document.map_or(0, |document| document.0).to_le_bytes());
        hash.update(&count.unwrap_or(0).to_le_bytes());
        hash.update(&(bytes.start as u64).to_le_bytes());
        hash.update(&(bytes.end as u64).to_le_bytes());
    }
    hash.digest().cast_signed()
}

fn update_with_length(hash: &mut Xxh3, kind: u8, bytes: &[u8]) {
    hash.update(&[kind]);
    hash.update(&(bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TextHash;

    #[test]
    fn every_column_counts() {
        let id = DocumentId::from_text("a".into()).unwrap();
        let embedded = EmbeddedText { hash: TextHash::of("bc"), tokens: 1, truncated: false };
        let passage = |document, count, bytes| Some(PassageColumns { document, count, bytes });
        let other_text = EmbeddedText { hash: TextHash::of("cb"), ..embedded };
        let all = [
            of_document(Seq(1), &id, Some("bc"), "{}"),
            of_document(Seq(2), &id, Some("bc"), "{}"),
            of_document(Seq(1), &DocumentId::Integer(97), Some("bc"), "{}"),
            of_document(Seq(1), &DocumentId::from_text("ab".into()).unwrap(), Some("c"), "{}"),
            of_document(Seq(1), &id, None, "{}"),
            of_document(Seq(1), &id, Some(""), "{}"),
            of_document(Seq(1), &id, Some("bc"), "{ }"),
            of_vector(Seq(1), b"abcd", None, None),
            of_vector(Seq(2), b"abcd", None, None),
            of_vector(Seq(1), b"abcd", Some(&embedded), None),
            of_vector(Seq(1), b"abcd", Some(&other_text), None),
            of_vector(Seq(1), b"abcd", Some(&EmbeddedText { tokens: 2, ..embedded }), None),
            of_vector(Seq(1), b"abcd", Some(&EmbeddedText { truncated: true, ..embedded }), None),
            of_vector(Seq(1), b"abcd", Some(&embedded), passage(None, Some(2), 0..1).as_ref()),
            of_vector(Seq(1), b"abcd", None, passage(None, Some(2), 0..1).as_ref()),
            of_vector(Seq(1), b"abcd", None, passage(None, Some(3), 0..1).as_ref()),
            of_vector(Seq(1), b"abcd", None, passage(Some(Seq(2)), None, 0..1).as_ref()),
            of_vector(Seq(1), b"abcd", None, passage(Some(Seq(3)), None, 0..1).as_ref()),
            of_vector(Seq(1), b"abcd", None, passage(None, Some(2), 0..2).as_ref()),
            of_vector(Seq(1), b"abcd", None, passage(None, Some(2), 1..2).as_ref()),
        ];
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }
}
