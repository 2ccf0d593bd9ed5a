//! Reading documents: by id, by sequence number, in the order of their creation, and by filter.
//!
//! A damaged row is left out and named beside the others. Where a page can not be read, a read of
//! many rows is made again row by row, so that only those on that page are missing.

use std::collections::HashMap;

use akidb_core::{DamagedDocument, Document, DocumentId, Filter, Seq};
use akidb_engine::Rows;
use futures::TryStreamExt;
use sqlx::{SqliteConnection, sqlite::SqliteRow};

use super::{
    DocumentStore, VectorsPerDocument,
    row::{StoredId, document_columns, read_document, read_seq, read_vector, vector_columns},
    vectors::{put_into, vectors_of},
    walk::{row_versions, walk},
};
use crate::{StoreError, StoreMetrics};

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

/// One SELECT with the vector and without.
struct Selects {
    documents: &'static str,
    with_vector: &'static str,
}

/// Both forms of one SELECT.
macro_rules! selects {
    ($where:literal) => {
        Selects { documents: select!($where), with_vector: select_with_vector!($where) }
    };
}

const BY_IDS: Selects = selects!("WHERE d.id IN (SELECT value FROM json_each(?1))");
const BY_SEQS: Selects = selects!("WHERE d.seq IN (SELECT value FROM json_each(?1))");
pub(super) const ALL: &str = select!("WHERE d.seq >= ?1 ORDER BY d.seq");

/// Where the vector stands behind the document's columns.
const VECTOR_COLUMN: usize = 6;

/// The ids of row versions, from the index of ids: the second place where an id stands.
const IDS_OF: &str = "SELECT seq, id FROM documents INDEXED BY sqlite_autoindex_documents_1 \
     WHERE +seq IN (SELECT value FROM json_each(?1))";

/// Which rows are wanted.
#[derive(Clone, Copy)]
pub(super) enum Keys<'k> {
    Ids(&'k [DocumentId]),
    Seqs(&'k [Seq]),
}

impl<'k> Keys<'k> {
    fn json(self) -> String {
        match self {
            Self::Ids(ids) => json_list(ids),
            Self::Seqs(seqs) => json_list(&seqs.iter().map(|seq| seq.0).collect::<Vec<_>>()),
        }
    }

    fn one_by_one(self) -> Box<dyn Iterator<Item = Self> + Send + 'k> {
        match self {
            Self::Ids(ids) => Box::new(ids.chunks(1).map(Self::Ids)),
            Self::Seqs(seqs) => Box::new(seqs.chunks(1).map(Self::Seqs)),
        }
    }

    fn selects(self) -> &'static Selects {
        match self {
            Self::Ids(_) => &BY_IDS,
            Self::Seqs(_) => &BY_SEQS,
        }
    }

    /// What is known of rows that can not be read.
    fn damaged(self) -> Vec<DamagedDocument> {
        match self {
            Self::Ids(ids) => {
                ids.iter().map(|id| DamagedDocument { id: Some(id.clone()), seq: None }).collect()
            }
            Self::Seqs(seqs) => {
                seqs.iter().map(|&seq| DamagedDocument { id: None, seq: Some(seq) }).collect()
            }
        }
    }
}

/// Reads documents over one connection.
pub(super) struct Reader<'c> {
    pub(super) connection: &'c mut SqliteConnection,
    pub(super) vectors_per_document: VectorsPerDocument,
    pub(super) metrics: &'c StoreMetrics,
}

impl Reader<'_> {
    /// Row versions in no particular order; those that are not there are absent.
    pub(super) async fn rows(
        &mut self,
        keys: Keys<'_>,
        with_vector: bool,
    ) -> Result<Rows, StoreError> {
        let mut found = match self.rows_at_once(keys, with_vector).await {
            Err(error) if error.is_damaged_page() => {
                self.rows_one_by_one(keys, with_vector).await?
            }
            rows => rows?,
        };
        if !found.damaged.is_empty() {
            self.name(&mut found.damaged).await?;
            for row in &found.damaged {
                self.metrics.damaged_rows.inc();
                tracing::error!(document = %row, "a stored document is damaged and is not served");
            }
        }
        Ok(found)
    }

    async fn rows_one_by_one(
        &mut self,
        keys: Keys<'_>,
        with_vector: bool,
    ) -> Result<Rows, StoreError> {
        let mut found = Rows::default();
        for key in keys.one_by_one() {
            match self.rows_at_once(key, with_vector).await {
                Ok(rows) => {
                    found.documents.extend(rows.documents);
                    found.damaged.extend(rows.damaged);
                }
                Err(error) if error.is_damaged_page() => found.damaged.extend(key.damaged()),
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    async fn rows_at_once(
        &mut self,
        keys: Keys<'_>,
        with_vector: bool,
    ) -> Result<Rows, StoreError> {
        let selects = keys.selects();
        let joined = with_vector && self.vectors_per_document == VectorsPerDocument::One;
        let sql = if joined { selects.with_vector } else { selects.documents };
        let mut rows = sqlx::query(sql).bind(keys.json()).fetch(&mut *self.connection);
        let mut found = Rows::default();
        while let Some(row) = rows.try_next().await? {
            let read = match read_document(&row)? {
                Ok(document) if joined => with_its_vector(&row, document)?,
                read => read,
            };
            match read {
                Ok(document) => found.documents.push(document),
                Err(damaged) => found.damaged.push(damaged),
            }
        }
        drop(rows);
        if with_vector && !joined {
            return self.with_passages(found).await;
        }
        Ok(found)
    }

    async fn with_passages(&mut self, found: Rows) -> Result<Rows, StoreError> {
        let Rows { documents, mut damaged } = found;
        let seqs: Vec<Seq> = documents.iter().map(|document| document.seq).collect();
        let mut vectors = vectors_of(self.connection, &seqs, self.vectors_per_document).await?;
        let mut sound = Vec::with_capacity(documents.len());
        for document in documents {
            let row = DamagedDocument { id: Some(document.id.clone()), seq: Some(document.seq) };
            let vectors = vectors.remove(&document.seq).flatten();
            match vectors.and_then(|vectors| put_into(vectors, document)) {
                Some(document) => sound.push(document),
                None => damaged.push(row),
            }
        }
        Ok(Rows { documents: sound, damaged })
    }

    /// Looks up ids in the index of ids: a damaged row may say another one of itself, or none.
    async fn name(&mut self, damaged: &mut [DamagedDocument]) -> Result<(), StoreError> {
        let seqs: Vec<u64> = damaged.iter().filter_map(|row| Some(row.seq?.0)).collect();
        let ids = ids_of(self.connection, &seqs).await?;
        for row in damaged {
            if let Some(id) = row.seq.and_then(|seq| ids.get(&seq)) {
                row.id = Some(id.clone());
            }
        }
        Ok(())
    }

    /// The documents that match, ascending by sequence number, and whether all pages could be read.
    pub(super) async fn matching(
        &mut self,
        filter: &Filter,
        last: Seq,
    ) -> Result<(Vec<Seq>, bool), StoreError> {
        let (mut matching, mut damaged) = (Vec::new(), Vec::new());
        let visit = |row: &SqliteRow, seq| {
            let read = read_document(row)?;
            match &read {
                Ok(document) if filter.matches(&document.id, &document.metadata) => {
                    matching.push(seq);
                }
                Ok(_) => {}
                Err(row) => damaged.push(row.clone()),
            }
            Ok(read.is_ok())
        };
        let unreadable = walk(self.connection, ALL, Seq(0), last, visit).await?;
        if !unreadable.is_empty() {
            for seq in row_versions(self.connection, last).await? {
                if unreadable.iter().any(|range| range.contains(&seq.0)) {
                    damaged.push(DamagedDocument { id: None, seq: Some(seq) });
                }
            }
        }
        for row in &damaged {
            self.metrics.damaged_rows.inc();
            tracing::error!(document = %row, "a stored document is damaged and matches nothing");
        }
        Ok((matching, unreadable.is_empty()))
    }
}

impl DocumentStore {
    /// Documents by id, in no particular order; unknown ids are absent.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn by_ids(&self, ids: &[DocumentId], with_vector: bool) -> Result<Rows, StoreError> {
        let rows = self.read(Keys::Ids(ids), with_vector).await?;
        self.shown(rows.documents.iter().map(|document| document.seq).max()).await;
        Ok(rows)
    }

    /// Row versions by sequence number, in no particular order; those that are gone are absent.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn by_seqs(&self, seqs: &[Seq], with_vector: bool) -> Result<Rows, StoreError> {
        self.read(Keys::Seqs(seqs), with_vector).await
    }

    async fn read(&self, keys: Keys<'_>, with_vector: bool) -> Result<Rows, StoreError> {
        // Passages are read after their documents, which must be of the same moment.
        if with_vector && self.vectors_per_document == VectorsPerDocument::Several {
            let mut snapshot = self.readers.begin().await?;
            return self.reader(&mut snapshot).rows(keys, with_vector).await;
        }
        let mut connection = self.readers.acquire().await?;
        self.reader(&mut connection).rows(keys, with_vector).await
    }

    pub(super) fn reader<'c>(&'c self, connection: &'c mut SqliteConnection) -> Reader<'c> {
        Reader {
            connection,
            vectors_per_document: self.vectors_per_document,
            metrics: &self.metrics,
        }
    }

    /// The row versions that match, ascending. A damaged one matches nothing.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn matching(&self, filter: &Filter) -> Result<Vec<Seq>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        let (matching, _) = self.reader(&mut connection).matching(filter, self.last_seq()).await?;
        drop(connection);
        self.shown(matching.last().copied()).await;
        Ok(matching)
    }

    /// Says that a document was found by a vector whose checksum is wrong.
    pub fn report_damaged_passage(&self, id: &DocumentId) {
        self.metrics.damaged_rows.inc();
        tracing::error!(%id, "a stored document is damaged and is not served");
    }
}

/// The ids of row versions, as far as the index of ids can be read.
pub(super) async fn ids_of(
    connection: &mut SqliteConnection,
    seqs: &[u64],
) -> Result<HashMap<Seq, DocumentId>, StoreError> {
    let mut ids = HashMap::new();
    if seqs.is_empty() {
        return Ok(ids);
    }
    let mut rows = sqlx::query(IDS_OF).bind(json_list(seqs)).fetch(connection);
    loop {
        match rows.try_next().await.map_err(StoreError::from) {
            Ok(Some(row)) => {
                let seq = read_seq(&row, 0)?;
                let id = sqlx::Row::try_get_unchecked(&row, 1).ok();
                ids.extend(id.map(|StoredId(id)| (seq, id)));
            }
            Ok(None) => return Ok(ids),
            Err(error) if error.is_damaged_page() => return Ok(ids),
            Err(error) => return Err(error),
        }
    }
}

fn with_its_vector(
    row: &SqliteRow,
    document: Document,
) -> Result<Result<Document, DamagedDocument>, StoreError> {
    let seq = read_seq(row, 0)?;
    Ok(match read_vector(row, seq, VECTOR_COLUMN, VectorsPerDocument::One)? {
        Some(row) => Ok(Document { vector: Some(row.vector), ..document }),
        None => Err(DamagedDocument { id: Some(document.id), seq: Some(seq) }),
    })
}

/// A list for `json_each`, which keeps integers and texts apart.
pub(super) fn json_list<T: serde::Serialize>(items: &[T]) -> String {
    serde_json::to_string(items).unwrap_or_default()
}
