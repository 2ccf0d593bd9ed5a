//! Between rows of SQLite and documents: ids of two types, vectors as bytes, checksums verified.

use akidb_core::{Document, DocumentId, Metadata, Seq};
use sqlx::{
    Row, Sqlite, TypeInfo, ValueRef,
    encode::IsNull,
    error::BoxDynError,
    sqlite::{SqliteArgumentsBuffer, SqliteRow, SqliteTypeInfo},
};

use crate::{EmbeddedText, StoreError, TextHash, checksum};

/// The rows of a read: the sound ones, and the ids of those whose checksum is wrong.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// Rows whose checksum is right.
    pub documents: Vec<Document>,
    /// Ids of the others.
    pub damaged: Vec<DocumentId>,
}

/// A row of `vectors`, read while a collection opens.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredVector {
    /// The version of the document.
    pub seq: Seq,
    /// Its vector.
    pub vector: Vec<f32>,
}

/// The columns that [`read_document`] reads, without the vector.
macro_rules! document_columns {
    () => {
        "d.seq, d.id, d.text, d.metadata, d.checksum"
    };
}
pub(super) use document_columns;

/// A row of `documents`: `Ok` when its checksum is right, `Err` with its id when not.
pub(super) fn read_document(row: &SqliteRow) -> Result<Result<Document, DocumentId>, StoreError> {
    let seq = read_seq(row, 0)?;
    let StoredId(id) = row.try_get_unchecked(1)?;
    let text: Option<String> = row.try_get_unchecked(2)?;
    let metadata: &str = row.try_get_unchecked(3)?;
    let stored: i64 = row.try_get_unchecked(4)?;
    if checksum::of_document(seq, &id, text.as_deref(), metadata) != stored {
        return Ok(Err(id));
    }
    match serde_json::from_str::<Metadata>(metadata) {
        Ok(metadata) => Ok(Ok(Document { id, text, metadata, vector: None, seq })),
        Err(_) => Ok(Err(id)),
    }
}

/// The columns that [`read_vector`] reads.
macro_rules! vector_columns {
    () => {
        "v.vector, v.text_hash, v.tokens, v.truncated, v.checksum"
    };
}
pub(super) use vector_columns;

/// A sound row of `vectors`.
pub(super) struct VectorRow {
    pub(super) vector: Vec<f32>,
    /// Absent where the vector is the user's own.
    pub(super) embedded: Option<EmbeddedText>,
}

/// The columns of a vector from `column` on: `None` when it is absent or the checksum is wrong.
pub(super) fn read_vector(
    row: &SqliteRow,
    seq: Seq,
    column: usize,
) -> Result<Option<VectorRow>, StoreError> {
    let bytes: Option<&[u8]> = row.try_get_unchecked(column)?;
    let text_hash: Option<&[u8]> = row.try_get_unchecked(column + 1)?;
    let tokens: Option<i64> = row.try_get_unchecked(column + 2)?;
    let truncated: Option<i64> = row.try_get_unchecked(column + 3)?;
    let stored: Option<i64> = row.try_get_unchecked(column + 4)?;
    // Where a part of it is missing the checksum is wrong as well.
    let embedded = text_hash.and_then(TextHash::from_bytes).zip(tokens).zip(truncated);
    let embedded = embedded.map(|((hash, tokens), truncated)| EmbeddedText {
        hash,
        tokens: u32::try_from(tokens).unwrap_or(u32::MAX),
        truncated: truncated != 0,
    });
    let sound =
        bytes.filter(|bytes| stored == Some(checksum::of_vector(seq, bytes, embedded.as_ref())));
    Ok(sound.map(|bytes| VectorRow { vector: vector_from_bytes(bytes), embedded }))
}

pub(super) fn read_seq(row: &SqliteRow, column: usize) -> Result<Seq, StoreError> {
    let seq: i64 = row.try_get_unchecked(column)?;
    Ok(Seq(seq.cast_unsigned()))
}

/// SQLite's integers are signed; sequence numbers never get near the sign.
pub(super) fn seq_to_sql(seq: Seq) -> i64 {
    seq.0.cast_signed()
}

pub(super) fn vector_to_bytes(vector: &[f32]) -> Vec<u8> {
    let mut bytes = vec![0; vector.len() * 4];
    for (bytes, value) in bytes.chunks_exact_mut(4).zip(vector) {
        bytes.copy_from_slice(&value.to_le_bytes());
    }
    bytes
}

fn vector_from_bytes(bytes: &[u8]) -> Vec<f32> {
    let (values, _) = bytes.as_chunks::<4>();
    values.iter().map(|value| f32::from_le_bytes(*value)).collect()
}

/// A [`DocumentId`] as a column of type ANY: an INTEGER or a TEXT, never converted.
pub(super) struct StoredId(pub(super) DocumentId);

impl sqlx::Type<Sqlite> for StoredId {
    fn type_info() -> SqliteTypeInfo {
        <str as sqlx::Type<Sqlite>>::type_info()
    }

    fn compatible(ty: &SqliteTypeInfo) -> bool {
        matches!(ty.name(), "INTEGER" | "TEXT")
    }
}

impl<'r> sqlx::Decode<'r, Sqlite> for StoredId {
    fn decode(value: sqlx::sqlite::SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
        let is_integer = value.type_info().name() == "INTEGER";
        Ok(Self(if is_integer {
            DocumentId::Integer(<i64 as sqlx::Decode<Sqlite>>::decode(value)?)
        } else {
            DocumentId::from_text(<String as sqlx::Decode<Sqlite>>::decode(value)?)?
        }))
    }
}

impl sqlx::Encode<'_, Sqlite> for StoredId {
    fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        match &self.0 {
            DocumentId::Integer(id) => sqlx::Encode::<Sqlite>::encode_by_ref(id, buffer),
            DocumentId::Text(id) => sqlx::Encode::<Sqlite>::encode(id.clone(), buffer),
        }
    }
}
