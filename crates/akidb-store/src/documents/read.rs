//! Reading documents: by id, by sequence number, in order, and by filter.

use akidb_core::{Document, DocumentId, Filter, Seq};
use futures::TryStreamExt;
use sqlx::sqlite::SqliteRow;

use super::{
    DocumentStore,
    row::{
        Rows, document_columns, read_document, read_seq, read_vector, seq_to_sql, vector_columns,
    },
};
use crate::StoreError;

/// The SELECT of whole documents, with the vector where it is asked for.
macro_rules! select {
    (without_vector, $where:literal) => {
        concat!("SELECT ", document_columns!(), " FROM documents d ", $where)
    };
    (with_vector, $where:literal) => {
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

/// Both forms of one SELECT.
macro_rules! select_either {
    ($with_vector:expr, $where:literal) => {
        if $with_vector { select!(with_vector, $where) } else { select!(without_vector, $where) }
    };
}

/// Where the vector stands behind the document's columns.
const VECTOR_COLUMN: usize = 5;

impl DocumentStore {
    /// Documents by id, in no particular order; unknown ids are absent.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn by_ids(&self, ids: &[DocumentId], with_vector: bool) -> Result<Rows, StoreError> {
        let sql = select_either!(with_vector, "WHERE d.id IN (SELECT value FROM json_each(?1))");
        let rows = sqlx::query(sql).bind(json_list(ids)).fetch_all(&self.readers).await?;
        self.read_all(&rows, with_vector)
    }

    /// Row versions by sequence number, in no particular order; those that are gone are absent.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn by_seqs(&self, seqs: &[Seq], with_vector: bool) -> Result<Rows, StoreError> {
        let seqs: Vec<u64> = seqs.iter().map(|seq| seq.0).collect();
        let sql = select_either!(with_vector, "WHERE d.seq IN (SELECT value FROM json_each(?1))");
        let rows = sqlx::query(sql).bind(json_list(&seqs)).fetch_all(&self.readers).await?;
        self.read_all(&rows, with_vector)
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
        let sql = select_either!(with_vector, "WHERE d.seq > ?1 ORDER BY d.seq");
        let mut stream = sqlx::query(sql).bind(seq_to_sql(seq)).fetch(&self.readers);
        let mut found = Rows::default();
        while found.documents.len() < limit {
            let Some(row) = stream.try_next().await? else {
                break;
            };
            self.read_one(&row, with_vector, filter, &mut found)?;
        }
        Ok(found)
    }

    /// The row versions that match, ascending.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn matching(&self, filter: &Filter) -> Result<Vec<Seq>, StoreError> {
        let sql = select!(without_vector, "ORDER BY d.seq");
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

    fn read_all(&self, rows: &[SqliteRow], with_vector: bool) -> Result<Rows, StoreError> {
        let mut found = Rows::default();
        for row in rows {
            self.read_one(row, with_vector, None, &mut found)?;
        }
        Ok(found)
    }

    fn read_one(
        &self,
        row: &SqliteRow,
        with_vector: bool,
        filter: Option<&Filter>,
        found: &mut Rows,
    ) -> Result<(), StoreError> {
        let read = match read_document(row)? {
            Ok(document) if !filter.is_none_or(|filter| filter.matches(&document.metadata)) => {
                return Ok(());
            }
            Ok(document) if with_vector => with_its_vector(row, document)?,
            read => read,
        };
        match read {
            Ok(document) => found.documents.push(document),
            Err(id) => {
                self.report_damaged(&id);
                found.damaged.push(id);
            }
        }
        Ok(())
    }

    fn report_damaged(&self, id: &DocumentId) {
        self.metrics.damaged_rows.inc();
        tracing::error!(%id, "a stored document fails its checksum and is not served");
    }
}

fn with_its_vector(
    row: &SqliteRow,
    document: Document,
) -> Result<Result<Document, DocumentId>, StoreError> {
    let seq = read_seq(row, 0)?;
    Ok(match read_vector(row, seq, VECTOR_COLUMN)? {
        Some(row) => Ok(Document { vector: Some(row.vector), ..document }),
        None => Err(document.id),
    })
}

/// A list for `json_each`, which keeps integers and texts apart.
pub(super) fn json_list<T: serde::Serialize>(items: &[T]) -> String {
    serde_json::to_string(items).unwrap_or_default()
}
