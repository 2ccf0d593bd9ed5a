//! Reading documents: by id, by sequence number, in order, and by filter.

use akidb_core::{Document, DocumentId, Filter, Seq};
use futures::{Stream, TryStreamExt};
use sqlx::{Sqlite, SqliteConnection, sqlite::SqliteRow};

use super::{
    DocumentStore, VectorsPerDocument,
    row::{
        Rows, document_columns, read_document, read_seq, read_vector, seq_to_sql, vector_columns,
    },
    vectors::vectors_of,
};
use crate::StoreError;

/// The SELECT of whole documents.
macro_rules! select {
    ($where:literal) => {
        concat!("SELECT ", document_columns!(), " FROM documents d ", $where)
    };
}

/// The SELECT of whole documents with the one vector of each.
macro_rules! select_with_vector {
    ($where:literal) => {
        concat!(
            "SELECT ",
            document_columns!(),
            ", ",
            vector_columns!(),
            " FROM documents d LEFT JOIN vectors v ON v.seq = d.seq ",
            $where
        )
    };
}

/// All forms of one SELECT.
macro_rules! selects {
    ($where:literal) => {
        Selects { documents: select!($where), with_vector: select_with_vector!($where) }
    };
}

/// One SELECT with the vector and without.
struct Selects {
    documents: &'static str,
    with_vector: &'static str,
}

const BY_IDS: Selects = selects!("WHERE d.id IN (SELECT value FROM json_each(?1))");
const BY_SEQS: Selects = selects!("WHERE d.seq IN (SELECT value FROM json_each(?1))");
const AFTER: Selects = selects!("WHERE d.seq > ?1 ORDER BY d.seq");

/// Where the vector stands behind the document's columns.
const VECTOR_COLUMN: usize = 5;

/// How the vectors of documents are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Vectors {
    Left,
    /// With the document's row.
    Joined,
    /// After the documents, in the same moment: a text is read once for all of its passages.
    Apart,
}

/// Which of the rows of a SELECT are wanted.
#[derive(Clone, Copy)]
struct Wanted<'f> {
    limit: usize,
    filter: Option<&'f Filter>,
}

impl Wanted<'_> {
    const ALL: Self = Self { limit: usize::MAX, filter: None };
}

impl DocumentStore {
    /// Documents by id, in no particular order; unknown ids are absent.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn by_ids(&self, ids: &[DocumentId], with_vector: bool) -> Result<Rows, StoreError> {
        self.read(&BY_IDS, json_list(ids), with_vector, Wanted::ALL).await
    }

    /// Row versions by sequence number, in no particular order; those that are gone are absent.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn by_seqs(&self, seqs: &[Seq], with_vector: bool) -> Result<Rows, StoreError> {
        let seqs: Vec<u64> = seqs.iter().map(|seq| seq.0).collect();
        self.read(&BY_SEQS, json_list(&seqs), with_vector, Wanted::ALL).await
    }

    /// The first `limit` documents after a sequence number that match, in the order of writing.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn after(
        &self,
        seq: Seq,
        limit: usize,
        filter: Option<&Filter>,
        with_vector: bool,
    ) -> Result<Rows, StoreError> {
        self.read(&AFTER, seq_to_sql(seq), with_vector, Wanted { limit, filter }).await
    }

    async fn read<'q, P>(
        &self,
        selects: &Selects,
        parameter: P,
        with_vector: bool,
        wanted: Wanted<'_>,
    ) -> Result<Rows, StoreError>
    where
        P: sqlx::Encode<'q, Sqlite> + sqlx::Type<Sqlite> + Send + 'q,
    {
        let vectors = match self.vectors_per_document {
            _ if !with_vector => Vectors::Left,
            VectorsPerDocument::One => Vectors::Joined,
            VectorsPerDocument::Several => Vectors::Apart,
        };
        let sql = if vectors == Vectors::Joined { selects.with_vector } else { selects.documents };
        let query = sqlx::query(sql).bind(parameter);
        if vectors == Vectors::Apart {
            let mut snapshot = self.readers.begin().await?;
            let found = self.read_rows(query.fetch(&mut *snapshot), vectors, wanted).await?;
            self.with_passages(&mut snapshot, found).await
        } else {
            self.read_rows(query.fetch(&self.readers), vectors, wanted).await
        }
    }

    async fn read_rows(
        &self,
        mut rows: impl Stream<Item = sqlx::Result<SqliteRow>> + Unpin,
        vectors: Vectors,
        wanted: Wanted<'_>,
    ) -> Result<Rows, StoreError> {
        let mut found = Rows::default();
        while found.documents.len() < wanted.limit {
            let Some(row) = rows.try_next().await? else { break };
            let read = match read_document(&row)? {
                Ok(document) => {
                    if !wanted.filter.is_none_or(|filter| filter.matches(&document.metadata)) {
                        continue;
                    }
                    if vectors == Vectors::Joined {
                        with_its_vector(&row, document)?
                    } else {
                        Ok(document)
                    }
                }
                damaged => damaged,
            };
            match read {
                Ok(document) => found.documents.push(document),
                Err(id) => self.leave_out(id, &mut found.damaged),
            }
        }
        Ok(found)
    }

    async fn with_passages(
        &self,
        snapshot: &mut SqliteConnection,
        found: Rows,
    ) -> Result<Rows, StoreError> {
        let Rows { documents, mut damaged } = found;
        let seqs: Vec<Seq> = documents.iter().map(|document| document.seq).collect();
        let mut vectors = vectors_of(snapshot, &seqs, self.vectors_per_document).await?;
        let mut sound = Vec::with_capacity(documents.len());
        for document in documents {
            let id = document.id.clone();
            let vectors = vectors.remove(&document.seq).flatten();
            match vectors.and_then(|vectors| vectors.put_into(document)) {
                Some(document) => sound.push(document),
                None => self.leave_out(id, &mut damaged),
            }
        }
        Ok(Rows { documents: sound, damaged })
    }

    /// The row versions that match, ascending.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn matching(&self, filter: &Filter) -> Result<Vec<Seq>, StoreError> {
        let sql = select!("ORDER BY d.seq");
        let mut stream = sqlx::query(sql).fetch(&self.readers);
        let mut seqs = Vec::new();
        while let Some(row) = stream.try_next().await? {
            match read_document(&row)? {
                Ok(document) if filter.matches(&document.metadata) => seqs.push(document.seq),
                Ok(_) => {}
                Err(id) => self.report_damaged(&id),
            }
        }
        Ok(seqs)
    }

    fn leave_out(&self, id: DocumentId, damaged: &mut Vec<DocumentId>) {
        self.report_damaged(&id);
        damaged.push(id);
    }

    pub(super) fn report_damaged(&self, id: &DocumentId) {
        self.metrics.damaged_rows.inc();
        tracing::error!(%id, "a stored document fails its checksum and is not served");
    }
}

fn with_its_vector(
    row: &SqliteRow,
    document: Document,
) -> Result<Result<Document, DocumentId>, StoreError> {
    let seq = read_seq(row, 0)?;
    Ok(match read_vector(row, seq, VECTOR_COLUMN, VectorsPerDocument::One)? {
        Some(row) => Ok(Document { vector: Some(row.vector), ..document }),
        None => Err(document.id),
    })
}

/// A list for `json_each`, which keeps integers and texts apart.
pub(super) fn json_list<T: serde::Serialize>(items: &[T]) -> String {
    serde_json::to_string(items).unwrap_or_default()
}
