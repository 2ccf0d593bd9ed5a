//! The checksum of a row: XXH3 with 64 bits over every column, each with its length and kind.

use akidb_core::{DocumentId, Seq};
use akidb_engine::EmbeddedText;
use xxhash_rust::xxh3::Xxh3;

use crate::documents::{PassageColumns, Position};

/// The checksum of a row of `documents`. Rows without `first_seq`, `fields` or `expires_at` keep the checksum
/// that they had before the column was there.
pub(crate) fn of_document(
    seq: Seq,
    id: &DocumentId,
    text: Option<&[u8]>,
    metadata: &[u8],
    first_seq: Option<i64>,
    fields: Option<&str>,
    expires_at: Option<i64>,
) -> i64 {
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
        Some(text) => update_with_length(&mut hash, b't', text),
        None => hash.update(b"n"),
    }
    update_with_length(&mut hash, b'm', metadata);
    if let Some(first_seq) = first_seq {
        hash.update(b"f");
        hash.update(&first_seq.to_le_bytes());
    }
    if let Some(fields) = fields {
        update_with_length(&mut hash, b'v', fields.as_bytes());
    }
    if let Some(expires_at) = expires_at {
        hash.update(b"e");
        hash.update(&expires_at.to_le_bytes());
    }
    hash.digest().cast_signed()
}

/// The checksum of the text of a named field.
pub(crate) fn of_text(seq: Seq, text: &[u8]) -> i64 {
    let mut hash = Xxh3::new();
    hash.update(&seq.0.to_le_bytes());
    update_with_length(&mut hash, b'x', text);
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
    if let Some(EmbeddedText { hash: text, tokens, truncated, unknown_tokens }) = embedded {
        update_with_length(&mut hash, b'h', text.as_bytes());
        hash.update(&tokens.to_le_bytes());
        hash.update(&[u8::from(*truncated)]);
        if let Some(unknown_tokens) = unknown_tokens {
            hash.update(b"u");
            hash.update(&unknown_tokens.to_le_bytes());
        }
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

/// The checksum of the row of `sequence`, and of a high-water mark.
pub(crate) fn of_position(position: &Position) -> i64 {
    let mut hash = Xxh3::new();
    hash.update(position.database.as_bytes());
    hash.update(&position.epoch.to_le_bytes());
    hash.update(&position.seq.0.to_le_bytes());
    hash.digest().cast_signed()
}

/// The checksum of a row of `lost_writes`.
pub(crate) fn of_lost_writes(first: Seq, last: Seq) -> i64 {
    let mut hash = Xxh3::new();
    hash.update(b"l");
    hash.update(&first.0.to_le_bytes());
    hash.update(&last.0.to_le_bytes());
    hash.digest().cast_signed()
}

fn update_with_length(hash: &mut Xxh3, kind: u8, bytes: &[u8]) {
    hash.update(&[kind]);
    hash.update(&(bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}

#[cfg(test)]
mod tests {
    use akidb_engine::TextHash;

    use super::*;

    #[test]
    fn every_column_counts() {
        let id = DocumentId::from_text("a".into()).unwrap();
        let hash = TextHash::of("bc");
        let embedded = EmbeddedText { hash, tokens: 1, truncated: false, unknown_tokens: None };
        let unknown = |unknown_tokens| EmbeddedText { unknown_tokens, ..embedded };
        let passage = |document, count, bytes| Some(PassageColumns { document, count, bytes });
        let other_text = EmbeddedText { hash: TextHash::of("cb"), ..embedded };
        let ab = DocumentId::from_text("ab".into()).unwrap();
        let at = |database, epoch, seq| Position {
            database: uuid::Uuid::from_u128(database),
            epoch,
            seq: Seq(seq),
        };
        let all = [
            of_position(&at(1, 1, 1)),
            of_position(&at(2, 1, 1)),
            of_position(&at(1, 2, 1)),
            of_position(&at(1, 1, 2)),
            of_lost_writes(Seq(1), Seq(2)),
            of_lost_writes(Seq(1), Seq(3)),
            of_lost_writes(Seq(2), Seq(2)),
            of_document(Seq(1), &id, Some(b"bc"), b"{}", None, None, None),
            of_document(Seq(2), &id, Some(b"bc"), b"{}", None, None, None),
            of_document(Seq(2), &id, Some(b"bc"), b"{}", Some(1), None, None),
            of_document(Seq(2), &id, Some(b"bc"), b"{}", Some(0), None, None),
            of_document(Seq(2), &id, Some(b"bc"), b"{}", None, Some(""), None),
            of_document(Seq(2), &id, Some(b"bc"), b"{}", None, Some("0,3"), None),
            of_document(Seq(2), &id, Some(b"bc"), b"{}", None, None, Some(0)),
            of_document(Seq(2), &id, Some(b"bc"), b"{}", None, None, Some(1)),
            of_text(Seq(1), b"bc"),
            of_text(Seq(2), b"bc"),
            of_text(Seq(1), b"cb"),
            of_document(Seq(1), &DocumentId::Integer(97), Some(b"bc"), b"{}", None, None, None),
            of_document(Seq(1), &ab, Some(b"c"), b"{}", None, None, None),
            of_document(Seq(1), &id, None, b"{}", None, None, None),
            of_document(Seq(1), &id, Some(b""), b"{}", None, None, None),
            of_document(Seq(1), &id, Some(b"bc"), b"{ }", None, None, None),
            of_vector(Seq(1), b"abcd", None, None),
            of_vector(Seq(2), b"abcd", None, None),
            of_vector(Seq(1), b"abcd", Some(&embedded), None),
            of_vector(Seq(1), b"abcd", Some(&other_text), None),
            of_vector(Seq(1), b"abcd", Some(&EmbeddedText { tokens: 2, ..embedded }), None),
            of_vector(Seq(1), b"abcd", Some(&EmbeddedText { truncated: true, ..embedded }), None),
            of_vector(Seq(1), b"abcd", Some(&unknown(Some(0))), None),
            of_vector(Seq(1), b"abcd", Some(&unknown(Some(1))), None),
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
