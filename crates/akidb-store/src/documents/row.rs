//! Between rows of SQLite and documents: ids of two types, vectors as bytes, checksums verified.
//!
//! Whatever a damaged row has in its columns, reading it says that it is damaged and nothing else.

use akidb_core::{
    DamagedDocument, Document, DocumentId, Metadata, Seq,
    torture::{PlantedFault, has_fault},
};
use akidb_engine::{EmbeddedText, TextHash};
use sqlx::{
    Row, Sqlite, TypeInfo, ValueRef,
    encode::IsNull,
    error::BoxDynError,
    sqlite::{SqliteArgumentsBuffer, SqliteRow, SqliteTypeInfo},
};

use super::{
    field::Placement,
    vectors::{PassageColumns, VectorKey, VectorsPerDocument},
};
use crate::{StoreError, checksum};

/// A row of `vectors`, read while a collection opens.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredVector {
    /// What it is of.
    pub key: VectorKey,
    /// Its vector.
    pub vector: Vec<f32>,
}

/// The columns that [`read_document`] reads, without the vector.
macro_rules! document_columns {
    () => {
        "d.seq, d.id, d.text, d.metadata, d.checksum, d.first_seq, d.fields"
    };
}
pub(super) use document_columns;

/// A sound row of `documents`.
pub(super) struct DocumentRow {
    pub(super) document: Document,
    pub(super) placement: Placement,
}

/// A row of `documents`: `Ok` when its checksum is right, `Err` with what it says of itself when
/// not.
pub(super) fn read_document(
    row: &SqliteRow,
) -> Result<Result<DocumentRow, DamagedDocument>, StoreError> {
    let seq = read_seq(row, 0)?;
    let id = row.try_get_unchecked(1).ok().map(|StoredId(id)| id);
    let text: Option<&[u8]> = row.try_get_unchecked(2)?;
    let metadata: Option<&[u8]> = row.try_get_unchecked(3)?;
    let stored: Option<i64> = row.try_get_unchecked(4)?;
    let first_seq: Option<i64> = row.try_get_unchecked(5)?;
    let fields: Option<&[u8]> = row.try_get_unchecked(6)?;
    let sound = || {
        let (id, metadata) = (id.clone()?, metadata?);
        let fields = fields.map(str::from_utf8).transpose().ok()?;
        let sum = checksum::of_document(seq, &id, text, metadata, first_seq, fields);
        if stored != Some(sum) && !has_fault(PlantedFault::SkipRowChecksum) {
            return None;
        }
        let text = text.map(|text| String::from_utf8(text.to_vec())).transpose().ok()?;
        let metadata: Metadata = serde_json::from_slice(metadata).ok()?;
        let (passages, of_fields) = (Vec::new(), Vec::new());
        let document =
            Document { id, text, metadata, vector: None, passages, fields: of_fields, seq };
        Some(DocumentRow { document, placement: Placement(fields.map(str::to_owned)) })
    };
    Ok(sound().ok_or_else(|| DamagedDocument { id: id.clone(), seq: Some(seq) }))
}

/// The columns that [`read_vector`] reads.
macro_rules! vector_columns {
    () => {
        "v.vector, v.checksum, v.text_hash, v.tokens, v.truncated, v.unknown_tokens"
    };
}
pub(super) use vector_columns;

/// What it reads after them where a document may have several vectors.
macro_rules! passage_columns {
    () => {
        "v.document_seq, v.passages, v.start_byte, v.end_byte"
    };
}
pub(super) use passage_columns;

/// A sound row of `vectors`.
pub(super) struct VectorRow {
    pub(super) vector: Vec<f32>,
    /// Absent where the vector is the user's own, and on all passages but the first.
    pub(super) embedded: Option<EmbeddedText>,
    /// Absent where the text was not to be cut.
    pub(super) passage: Option<PassageColumns>,
}

/// The columns of a vector from `column` on: `None` when it is absent or the checksum is wrong.
pub(super) fn read_vector(
    row: &SqliteRow,
    seq: Seq,
    column: usize,
    per_document: VectorsPerDocument,
) -> Result<Option<VectorRow>, StoreError> {
    let bytes: Option<&[u8]> = row.try_get_unchecked(column)?;
    let stored: Option<i64> = row.try_get_unchecked(column + 1)?;
    let embedded = read_embedded(row, column + 2)?;
    let passage = match per_document {
        VectorsPerDocument::One => None,
        VectorsPerDocument::Several => read_passage(row, column + 6)?,
    };
    // Where only a part of `embedded` or `passage` is there, the checksum is wrong as well.
    let sum = |bytes: &[u8]| checksum::of_vector(seq, bytes, embedded.as_ref(), passage.as_ref());
    let is_unchecked = has_fault(PlantedFault::SkipRowChecksum);
    let sound = bytes.filter(|bytes| is_unchecked || stored == Some(sum(bytes)));
    Ok(sound.map(|bytes| VectorRow { vector: vector_from_bytes(bytes), embedded, passage }))
}

fn read_embedded(row: &SqliteRow, column: usize) -> Result<Option<EmbeddedText>, StoreError> {
    let hash: Option<&[u8]> = row.try_get_unchecked(column)?;
    let Some(hash) = hash.and_then(TextHash::from_bytes) else { return Ok(None) };
    let tokens: Option<i64> = row.try_get_unchecked(column + 1)?;
    let truncated: Option<i64> = row.try_get_unchecked(column + 2)?;
    let tokens = tokens.and_then(|tokens| u32::try_from(tokens).ok());
    let truncated = match truncated {
        Some(0) => Some(false),
        Some(1) => Some(true),
        _ => None,
    };
    let unknown_tokens: Option<i64> = row.try_get_unchecked(column + 3)?;
    let unknown_tokens = unknown_tokens.and_then(|tokens| u32::try_from(tokens).ok());
    let embedded = tokens.zip(truncated);
    Ok(embedded.map(|(tokens, truncated)| EmbeddedText { hash, tokens, truncated, unknown_tokens }))
}

fn read_passage(row: &SqliteRow, column: usize) -> Result<Option<PassageColumns>, StoreError> {
    let document: Option<i64> = row.try_get_unchecked(column)?;
    let count: Option<i64> = row.try_get_unchecked(column + 1)?;
    let count = count.and_then(|count| u32::try_from(count).ok());
    let start: Option<i64> = row.try_get_unchecked(column + 2)?;
    let end: Option<i64> = row.try_get_unchecked(column + 3)?;
    let bytes = start.zip(end).map(|(start, end)| {
        let byte = |stored| usize::try_from(stored).unwrap_or(usize::MAX);
        byte(start)..byte(end)
    });
    let document = document.map(|seq| Seq(seq.cast_unsigned()));
    Ok(bytes.map(|bytes| PassageColumns { document, count, bytes }))
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
