//! Where the passages that a search found stand in their texts.

use std::{collections::HashMap, ops::Range, sync::Arc};

use akidb_core::Seq;

use super::{
    DocumentStore, VectorsPerDocument,
    field::Table,
    lookups::{Lookups, at_once},
    row::{passage_columns, read_seq, read_vector, vector_columns},
    source::{ByKeys, Columns, Keys, Source, by_keys, rows_by_keys},
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

const SELECT_SPANS: ByKeys = by_keys!(
    "v.seq",
    concat!("SELECT v.seq, ", vector_columns!(), ", ", passage_columns!(), " FROM vectors v")
);

impl DocumentStore {
    /// Where the passages of vectors of a field, by its number, stand. Vectors that are gone are absent.
    /// Reads on this thread, which waits for the disk.
    ///
    /// # Errors
    /// When the read fails, or the field was dropped.
    pub fn passage_spans_here(
        &self,
        field: u32,
        vectors: &[Seq],
    ) -> Result<PassageSpans, StoreError> {
        self.fields().per_document(Table(field))?;
        self.lookups.spans(Table(field), vectors)
    }
}

impl Lookups {
    fn spans(self: &Arc<Self>, table: Table, vectors: &[Seq]) -> Result<PassageSpans, StoreError> {
        let mut snapshot = self.begin()?;
        let spans = spans_of(snapshot.source(), table, vectors);
        at_once(spans)
    }
}

async fn spans_of<S: Source>(
    source: &mut S,
    table: Table,
    vectors: &[Seq],
) -> Result<PassageSpans, StoreError> {
    let mut spans = PassageSpans::default();
    let visit = &mut |row: &dyn Columns| {
        let seq = read_seq(row, 0);
        match read_vector(row, seq, 1, VectorsPerDocument::Several) {
            Some(found) => {
                spans.sound.insert(seq, found.passage.map(|passage| passage.bytes));
            }
            None => spans.damaged.push(seq),
        }
        Ok(())
    };
    rows_by_keys(source, (&SELECT_SPANS, table), Keys::Seqs(vectors), visit).await?;
    Ok(spans)
}
