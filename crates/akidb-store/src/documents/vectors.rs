//! The vectors of a document: one, or one for each passage of its text.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

use super::{
    field::Table,
    row::{
        VectorRow, passage_columns, read_seq, read_vector, seq_to_sql, vector_bytes, vector_columns,
    },
    source::{AtHand, ByKeys, Columns, Keys, Source, by_keys, integer, rows_by_keys},
    write_times::WriteTimes,
};
use crate::{StoreError, checksum};
use akidb_core::{Passage, Seq, in_characters};
use akidb_engine::{EmbeddedText, KnownText, PassageVector, RowVectors, VectorField};

/// Whether the texts of a collection are cut into passages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VectorsPerDocument {
    /// They are not.
    #[default]
    One,
    /// They are, so a document may have several vectors.
    Several,
}

impl VectorsPerDocument {
    /// Those of a field.
    #[must_use]
    pub const fn of(field: &VectorField) -> Self {
        match field.chunking {
            None => Self::One,
            Some(_) => Self::Several,
        }
    }
}

/// What names a vector of a row version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct VectorKey {
    /// The version of the document.
    pub document: Seq,
    /// Which of its passages, from 0.
    pub passage: u32,
}

impl VectorKey {
    /// The first vector of a document.
    #[must_use]
    pub const fn of(document: Seq) -> Self {
        Self { document, passage: 0 }
    }

    /// The vector's own sequence number: that of the document for the first passage, and the
    /// numbers that follow for the others.
    #[must_use]
    pub fn seq(self) -> Seq {
        Seq(self.document.0 + u64::from(self.passage))
    }
}

/// The columns of `vectors` that say what a passage is of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PassageColumns {
    /// The document, on the rows of all passages but the first.
    pub(crate) document: Option<Seq>,
    /// How many passages there are, on the row of the first.
    pub(crate) count: Option<u32>,
    pub(crate) bytes: Range<usize>,
}

/// A row of `vectors` to write.
pub(super) struct NewVector<'r> {
    pub(super) key: VectorKey,
    pub(super) vector: &'r [f32],
    embedded: Option<EmbeddedText>,
    passage: Option<PassageColumns>,
}

/// What every vector has.
const INSERT_OWN: &str = "INSERT INTO vectors (seq, vector, checksum) VALUES (?1, ?2, ?3)";
/// And what is known of its text.
const INSERT_EMBEDDED: &str = "INSERT INTO vectors \
     (seq, vector, checksum, text_hash, tokens, truncated, unknown_tokens) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
/// And where its passage stands.
const INSERT_PASSAGE: &str = "INSERT INTO vectors \
     (seq, vector, checksum, text_hash, tokens, truncated, unknown_tokens, document_seq, passages, \
     start_byte, end_byte) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

impl NewVector<'_> {
    /// Adds the row to the table of a field.
    pub(super) fn insert_into(
        &self,
        connection: &AtHand,
        table: Table,
        times: &mut WriteTimes,
    ) -> Result<(), StoreError> {
        let mut clock = times.clock();
        let seq = self.key.seq();
        let (embedded, passage) = (self.embedded.as_ref(), self.passage.as_ref());
        let vector = vector_bytes(self.vector);
        let sum = checksum::of_vector(seq, &vector, embedded, passage);
        clock.lap(|times| &mut times.checksum);
        // A column that is NULL takes its time too.
        let insert = match (embedded, passage) {
            (None, None) => INSERT_OWN,
            (Some(_), None) => INSERT_EMBEDDED,
            (_, Some(_)) => INSERT_PASSAGE,
        };
        let mut insert = connection.0.prepare_cached(table.sql(insert).as_str())?;
        insert.raw_bind_parameter(1, seq_to_sql(seq))?;
        insert.raw_bind_parameter(2, &*vector)?;
        insert.raw_bind_parameter(3, sum)?;
        if embedded.is_some() || passage.is_some() {
            let hash = embedded.map(|embedded| embedded.hash.as_bytes());
            insert.raw_bind_parameter(4, hash)?;
            insert.raw_bind_parameter(5, embedded.map(|embedded| embedded.tokens))?;
            insert.raw_bind_parameter(6, embedded.map(|embedded| embedded.truncated))?;
            insert.raw_bind_parameter(7, embedded.and_then(|embedded| embedded.unknown_tokens))?;
        }
        if let Some(PassageColumns { document, count, bytes }) = passage {
            let byte = |byte: usize| i64::try_from(byte).unwrap_or(i64::MAX);
            insert.raw_bind_parameter(8, document.map(seq_to_sql))?;
            insert.raw_bind_parameter(9, *count)?;
            insert.raw_bind_parameter(10, byte(bytes.start))?;
            insert.raw_bind_parameter(11, byte(bytes.end))?;
        }
        clock.lap(|times| &mut times.bind);
        insert.raw_execute()?;
        clock.lap(|times| &mut times.step);
        Ok(())
    }
}

/// The rows of a document under its sequence number.
pub(super) fn rows_of(vectors: &RowVectors, document: Seq) -> impl Iterator<Item = NewVector<'_>> {
    let (given, known) = match vectors {
        RowVectors::Given(vector) => (Some(vector), None),
        RowVectors::Embedded(known) => (None, Some(known)),
    };
    let given = given.into_iter().map(move |vector| NewVector {
        key: VectorKey { document, passage: 0 },
        vector,
        embedded: None,
        passage: None,
    });
    given.chain(known.into_iter().flat_map(move |known| rows_of_text(known, document)))
}

/// Vectors as a document gives them: one for the whole text, or those of its passages. `None` where
/// a passage is not in the text.
pub(super) fn as_given(
    vectors: RowVectors,
    text: Option<&str>,
) -> Option<(Option<Vec<f32>>, Vec<Passage>)> {
    let mut passages = match vectors {
        RowVectors::Given(vector) => return Some((Some(vector), Vec::new())),
        RowVectors::Embedded(known) => known.passages,
    };
    if let [PassageVector { bytes: None, vector }] = passages.as_mut_slice() {
        return Some((Some(std::mem::take(vector)), Vec::new()));
    }
    let text = text?;
    let bytes = passages.iter().map(|passage| passage.bytes.clone());
    let characters = in_characters(text, bytes.collect::<Option<Vec<_>>>()?)?;
    let passages = characters.into_iter().zip(passages);
    let passages = passages
        .map(|(characters, passage)| Passage { characters, vector: passage.vector })
        .collect();
    Some((None, passages))
}

/// From the rows of a document, in their order; `None` where one is damaged or missing.
fn from_rows(document: Seq, rows: Vec<(Seq, Option<VectorRow>)>) -> Option<RowVectors> {
    let mut rows = rows.into_iter();
    let (_, first) = rows.next().filter(|(seq, _)| *seq == document)?;
    let VectorRow { vector, embedded, passage } = first?;
    let Some(embedded) = embedded else {
        return passage.is_none().then_some(RowVectors::Given(vector));
    };
    let count = passage.as_ref().map_or(Some(1), |passage| passage.count)?;
    let bytes = passage.map(|passage| passage.bytes);
    let mut passages = vec![PassageVector { bytes, vector }];
    // What only a damaged row says to be a passage of this document has another number.
    for passage in 1..count {
        let expected = VectorKey { document, passage }.seq();
        let (_, row) = rows.next().filter(|(seq, _)| *seq == expected)?;
        let VectorRow { vector, passage, .. } = row?;
        let passage = passage.filter(|passage| passage.document == Some(document))?;
        passages.push(PassageVector { bytes: Some(passage.bytes), vector });
    }
    Some(RowVectors::Embedded(KnownText { passages, embedded }))
}

fn rows_of_text(text: &KnownText, document: Seq) -> impl Iterator<Item = NewVector<'_>> {
    let count = u32::try_from(text.passages.len()).unwrap_or(u32::MAX);
    (0..count).zip(&text.passages).map(move |(passage, row)| {
        let first = passage == 0;
        let columns = |bytes| PassageColumns {
            document: (!first).then_some(document),
            count: first.then_some(count),
            bytes,
        };
        NewVector {
            key: VectorKey { document, passage },
            vector: &row.vector,
            embedded: first.then_some(text.embedded),
            passage: row.bytes.clone().map(columns),
        }
    })
}

const SELECT_ONE: ByKeys =
    by_keys!("v.seq", concat!("SELECT v.seq, ", vector_columns!(), " FROM vectors v"));

macro_rules! select_several {
    () => {
        concat!("SELECT v.seq, ", vector_columns!(), ", ", passage_columns!(), " FROM vectors v")
    };
}

const SELECT_SEVERAL: ByKeys = ByKeys {
    listed: concat!(
        select_several!(),
        " WHERE v.seq IN (SELECT value FROM json_each(?1)) \
         OR v.document_seq IN (SELECT value FROM json_each(?1)) ORDER BY v.seq"
    ),
    single: concat!(select_several!(), " WHERE v.seq = ?1 OR v.document_seq = ?1 ORDER BY v.seq"),
};

/// Where the document stands in a row of these.
const DOCUMENT_COLUMN: usize = 7;

/// The vectors of row versions in a field. Those of which a row is damaged or missing are `None`, those that
/// have no row at all are absent.
pub(super) async fn vectors_of<S: Source>(
    connection: &mut S,
    documents: &[Seq],
    table: Table,
    per_document: VectorsPerDocument,
) -> Result<HashMap<Seq, Option<RowVectors>>, StoreError> {
    let sql = match per_document {
        VectorsPerDocument::One => &SELECT_ONE,
        VectorsPerDocument::Several => &SELECT_SEVERAL,
    };
    let wanted: HashSet<Seq> = documents.iter().copied().collect();
    let mut found: HashMap<Seq, Vec<(Seq, Option<VectorRow>)>> = HashMap::new();
    let visit = &mut |row: &dyn Columns| {
        let seq = read_seq(row, 0);
        let document = match per_document {
            VectorsPerDocument::Several if !wanted.contains(&seq) => {
                let document = integer(row, DOCUMENT_COLUMN).ok().flatten();
                document.map_or(seq, |document| Seq(document.cast_unsigned()))
            }
            _ => seq,
        };
        let read = read_vector(row, seq, 1, per_document);
        found.entry(document).or_default().push((seq, read));
        Ok(())
    };
    rows_by_keys(connection, (sql, table), Keys::Seqs(documents), visit).await?;
    let found = found.into_iter();
    Ok(found.map(|(document, rows)| (document, from_rows(document, rows))).collect())
}
