//! Between rows of SQLite and documents: ids of two types, vectors as bytes, checksums verified.
//!
//! Whatever a damaged row has in its columns, reading it says that it is damaged and nothing else.

use super::{
    placement::Placement,
    source::{Cell, Columns, WrongType, bytes, integer},
    vectors::{PassageColumns, VectorKey, VectorsPerDocument},
};
use crate::checksum;
use std::borrow::Cow;

use akidb_core::{
    DamagedDocument, Document, DocumentId, Metadata, Seq, Timestamp,
    torture::{PlantedFault, has_fault},
};
use akidb_engine::{EmbeddedText, TextHash};

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
        "d.seq, d.id, d.text, d.metadata, d.checksum, d.first_seq, d.fields, \
         d.expires_at"
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
pub(super) fn read_document(row: &dyn Columns) -> Result<DocumentRow, DamagedDocument> {
    let seq = read_seq(row, 0);
    let id = read_id(row, 1);
    let damaged = || DamagedDocument { id: id.clone(), seq: Some(seq) };
    let sound = || {
        let id = id.clone()?;
        let text = bytes(row, 2).ok()?;
        let metadata = bytes(row, 3).ok()??;
        let stored = integer(row, 4).ok()?;
        let first_seq = integer(row, 5).ok()?;
        let fields = bytes(row, 6).ok()?.map(str::from_utf8).transpose().ok()?;
        let expires_at = integer(row, 7).ok()?;
        let sum = checksum::of_document(seq, &id, text, metadata, first_seq, fields, expires_at);
        if stored != Some(sum) && !has_fault(PlantedFault::SkipRowChecksum) {
            return None;
        }
        let text = text.map(|text| String::from_utf8(text.to_vec())).transpose().ok()?;
        let metadata: Metadata = serde_json::from_slice(metadata).ok()?;
        let (passages, of_fields) = (Vec::new(), Vec::new());
        let document = Document {
            id,
            text,
            metadata,
            expires_at: expires_at.map(Timestamp::from_unix_ms),
            vector: None,
            passages,
            fields: of_fields,
            seq,
        };
        Some(DocumentRow { document, placement: Placement(fields.map(str::to_owned)) })
    };
    sound().ok_or_else(damaged)
}

/// A document's id; `None` where a damaged row says none.
pub(super) fn read_id(row: &dyn Columns, column: usize) -> Option<DocumentId> {
    match row.cell(column) {
        Cell::Integer(id) => Some(DocumentId::Integer(id)),
        Cell::Bytes(id) => DocumentId::from_text(str::from_utf8(id).ok()?.to_owned()).ok(),
        Cell::Null | Cell::Other => None,
    }
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
    row: &dyn Columns,
    seq: Seq,
    column: usize,
    per_document: VectorsPerDocument,
) -> Option<VectorRow> {
    let read = || -> Result<Option<VectorRow>, WrongType> {
        let Some(bytes) = bytes(row, column)? else { return Ok(None) };
        let stored = integer(row, column + 1)?;
        let embedded = read_embedded(row, column + 2)?;
        let passage = match per_document {
            VectorsPerDocument::One => None,
            VectorsPerDocument::Several => read_passage(row, column + 6)?,
        };
        // Where only a part of `embedded` or `passage` is there, the checksum is wrong as well.
        let sum = checksum::of_vector(seq, bytes, embedded.as_ref(), passage.as_ref());
        let is_sound = stored == Some(sum) || has_fault(PlantedFault::SkipRowChecksum);
        Ok(is_sound.then(|| VectorRow { vector: vector_from_bytes(bytes), embedded, passage }))
    };
    read().ok().flatten()
}

fn read_embedded(row: &dyn Columns, column: usize) -> Result<Option<EmbeddedText>, WrongType> {
    let hash = bytes(row, column)?.and_then(TextHash::from_bytes);
    let Some(hash) = hash else { return Ok(None) };
    let tokens = integer(row, column + 1)?.and_then(|tokens| u32::try_from(tokens).ok());
    let truncated = match integer(row, column + 2)? {
        Some(0) => Some(false),
        Some(1) => Some(true),
        _ => None,
    };
    let unknown_tokens = integer(row, column + 3)?.and_then(|tokens| u32::try_from(tokens).ok());
    let embedded = tokens.zip(truncated);
    Ok(embedded.map(|(tokens, truncated)| EmbeddedText { hash, tokens, truncated, unknown_tokens }))
}

fn read_passage(row: &dyn Columns, column: usize) -> Result<Option<PassageColumns>, WrongType> {
    let document = integer(row, column)?.map(|seq| Seq(seq.cast_unsigned()));
    let count = integer(row, column + 1)?.and_then(|count| u32::try_from(count).ok());
    let span = integer(row, column + 2)?.zip(integer(row, column + 3)?);
    let byte = |stored| usize::try_from(stored).unwrap_or(usize::MAX);
    let bytes = span.map(|(start, end)| byte(start)..byte(end));
    Ok(bytes.map(|bytes| PassageColumns { document, count, bytes }))
}

/// A sequence number; 0, which no row has, where something else stands in its place.
pub(super) fn read_seq(row: &dyn Columns, column: usize) -> Seq {
    Seq(integer(row, column).ok().flatten().unwrap_or(0).cast_unsigned())
}

/// SQLite's integers are signed; sequence numbers never get near the sign.
pub(super) fn seq_to_sql(seq: Seq) -> i64 {
    seq.0.cast_signed()
}

/// A vector as it is stored, little-endian: where it lies, on processors that are so.
pub(super) fn vector_bytes(vector: &[f32]) -> Cow<'_, [u8]> {
    match cfg!(target_endian = "little") {
        true => Cow::Borrowed(bytemuck::cast_slice(vector)),
        false => Cow::Owned(vector.iter().flat_map(|value| value.to_le_bytes()).collect()),
    }
}

fn vector_from_bytes(bytes: &[u8]) -> Vec<f32> {
    let (values, _) = bytes.as_chunks::<4>();
    values.iter().map(|value| f32::from_le_bytes(*value)).collect()
}
