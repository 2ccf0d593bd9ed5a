//! Where the passages that a search found stand in their texts.

use std::{collections::HashMap, ops::Range};

use akidb_core::Seq;

use super::{
    DocumentStore, VectorsPerDocument,
    field::Table,
    read::json_list,
    row::{passage_columns, read_seq, read_vector, vector_columns},
};
use crate::StoreError;

/// The vectors of a read by their sequence number.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PassageSpans {
    /// The bytes of each passage in its text; absent for a vector that is not of a passage.
    pub sound: HashMap<Seq, Option<Range<usize>>>,
    /// Those whose checksum is wrong.
    pub damaged: Vec<Seq>,
}

const SELECT_SPANS: &str = concat!(
    "SELECT v.seq, ",
    vector_columns!(),
    ", ",
    passage_columns!(),
    " FROM vectors v WHERE v.seq IN (SELECT value FROM json_each(?1))"
);

impl DocumentStore {
    /// Where the passages of vectors of a field, by its number, stand. Vectors that are gone are absent.
    ///
    /// # Errors
    /// When the read fails, or the field was dropped.
    pub async fn passage_spans(
        &self,
        field: u32,
        vectors: &[Seq],
    ) -> Result<PassageSpans, StoreError> {
        self.fields().per_document(Table(field))?;
        let vectors: Vec<u64> = vectors.iter().map(|seq| seq.0).collect();
        let rows = sqlx::query(Table(field).sql(SELECT_SPANS))
            .bind(json_list(&vectors))
            .fetch_all(&self.readers);
        let mut spans = PassageSpans::default();
        for row in rows.await? {
            let seq = read_seq(&row, 0)?;
            match read_vector(&row, seq, 1, VectorsPerDocument::Several)? {
                Some(found) => {
                    spans.sound.insert(seq, found.passage.map(|passage| passage.bytes));
                }
                None => spans.damaged.push(seq),
            }
        }
        Ok(spans)
    }
}
