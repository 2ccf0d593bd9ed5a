//! Reading documents: by id, by sequence number, in the order of their creation, and by filter.
//!
//! A damaged row is left out and named beside the others. Where a page can not be read, a read of
//! many rows is made again row by row, so that only those on that page are missing.

use std::{collections::HashMap, sync::Arc};

use akidb_core::{DamagedDocument, Document, DocumentId, Filter, Seq};
use akidb_engine::Rows;
use sqlx::{SqlSafeStr, SqliteConnection, sqlite::SqliteRow};

use super::{
    DocumentStore, Placed, VectorsPerDocument,
    field::{Fields, Place},
    field_rows::{texts_alone, with_vectors},
    lookups::Lookups,
    placement::{Placement, Placements},
    row::{
        DocumentRow, document_columns, read_document, read_id, read_seq, read_vector,
        vector_columns,
    },
    source::{Bound, ByKeys, Columns, Keys, Source, by_keys, json_list, rows_by_keys},
    vectors::{as_given, vectors_of},
    walk::{row_versions, walk},
};
use crate::{StoreError, StoreMetrics};

/// The SELECT of whole documents.
macro_rules! documents {
    () => {
        concat!("SELECT ", document_columns!(), " FROM documents d")
    };
}

/// The SELECT of whole documents with the one vector of each.
macro_rules! documents_with_vector {
    () => {
        concat!(
            "SELECT ",
            document_columns!(),
            ", ",
            vector_columns!(),
            " FROM documents d LEFT JOIN vectors v ON v.seq = d.seq"
        )
    };
}

/// One SELECT with the vector and without.
struct Selects {
    documents: ByKeys,
    with_vector: ByKeys,
}

const BY_IDS: Selects = Selects {
    documents: by_keys!("d.id", documents!()),
    with_vector: by_keys!("d.id", documents_with_vector!()),
};
const BY_SEQS: Selects = Selects {
    documents: by_keys!("d.seq", documents!()),
    with_vector: by_keys!("d.seq", documents_with_vector!()),
};
pub(super) const ALL: &str = concat!(documents!(), " WHERE d.seq >= ?1 ORDER BY d.seq");

/// Where the vector stands behind the document's columns.
const VECTOR_COLUMN: usize = 8;

/// The ids of row versions, from the index of ids: the second place where an id stands.
const IDS_OF: &str = "SELECT seq, id FROM documents INDEXED BY sqlite_autoindex_documents_1 \
     WHERE +seq IN (SELECT value FROM json_each(?1))";

const fn selects(keys: Keys<'_>) -> &'static Selects {
    match keys {
        Keys::Ids(_) => &BY_IDS,
        Keys::Seqs(_) => &BY_SEQS,
    }
}

/// How much of a document is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parts {
    /// Its row of `documents`.
    Row,
    /// And its texts in named fields.
    Texts,
    /// And all of its vectors.
    Vectors,
}

impl Parts {
    pub(super) const fn of(with_vector: bool) -> Self {
        if with_vector { Self::Vectors } else { Self::Texts }
    }
}

/// Rows, and where each of the sound ones has vectors.
#[derive(Default)]
pub(super) struct FoundRows {
    pub(super) rows: Rows,
    /// In the order of the documents.
    pub(super) placements: Vec<Placement>,
}

impl FoundRows {
    /// Takes sound documents out for which there is no part, and names them among the damaged.
    fn keep(
        self,
        mut whole: impl FnMut(Document, &Placement) -> Result<Document, DamagedDocument>,
    ) -> Self {
        let mut kept = Self {
            rows: Rows { damaged: self.rows.damaged, ..Rows::default() },
            ..Self::default()
        };
        for (document, placement) in self.rows.documents.into_iter().zip(self.placements) {
            match whole(document, &placement) {
                Ok(document) => {
                    kept.rows.documents.push(document);
                    kept.placements.push(placement);
                }
                Err(damaged) => kept.rows.damaged.push(damaged),
            }
        }
        kept
    }

    /// The versions of the sound documents, and where they have vectors.
    pub(super) fn versions(&self) -> Vec<(Seq, Placement)> {
        let seqs = self.rows.documents.iter().map(|document| document.seq);
        seqs.zip(self.placements.iter().cloned()).collect()
    }
}

/// What is said of a document of which a part is damaged.
pub(super) fn damaged_part(document: &Document) -> DamagedDocument {
    DamagedDocument { id: Some(document.id.clone()), seq: Some(document.seq) }
}

/// Reads documents over one connection.
pub(super) struct Reader<'c, S> {
    pub(super) connection: &'c mut S,
    pub(super) fields: &'c Fields,
    pub(super) metrics: &'c StoreMetrics,
}

impl<S: Source> Reader<'_, S> {
    /// Row versions in no particular order; those that are not there are absent.
    pub(super) async fn rows(
        &mut self,
        keys: Keys<'_>,
        parts: Parts,
    ) -> Result<FoundRows, StoreError> {
        let mut found = match self.rows_at_once(keys, parts).await {
            Err(error) if error.is_damaged_page() => self.rows_one_by_one(keys, parts).await?,
            rows => rows?,
        };
        let damaged = &mut found.rows.damaged;
        if !damaged.is_empty() {
            self.name(damaged).await?;
            for row in damaged {
                self.metrics.damaged_rows.inc();
                tracing::error!(document = %row, "a stored document is damaged and is not served");
            }
        }
        Ok(found)
    }

    async fn rows_one_by_one(
        &mut self,
        keys: Keys<'_>,
        parts: Parts,
    ) -> Result<FoundRows, StoreError> {
        let mut found = FoundRows::default();
        for key in keys.one_by_one() {
            match self.rows_at_once(key, parts).await {
                Ok(FoundRows { rows, placements }) => {
                    found.rows.documents.extend(rows.documents);
                    found.rows.damaged.extend(rows.damaged);
                    found.placements.extend(placements);
                }
                Err(error) if error.is_damaged_page() => found.rows.damaged.extend(key.damaged()),
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    async fn rows_at_once(
        &mut self,
        keys: Keys<'_>,
        parts: Parts,
    ) -> Result<FoundRows, StoreError> {
        let selects = selects(keys);
        let with_vector = parts == Parts::Vectors;
        let (table, per_document) = self.fields.unnamed;
        let joined = with_vector && per_document == VectorsPerDocument::One;
        let sql = if joined { &selects.with_vector } else { &selects.documents };
        let mut found = FoundRows::default();
        let visit = &mut |row: &dyn Columns| {
            let read = read_document(row);
            match read.and_then(|read| if joined { with_its_vector(row, read) } else { Ok(read) }) {
                Ok(DocumentRow { document, placement }) => {
                    found.rows.documents.push(document);
                    found.placements.push(placement);
                }
                Err(damaged) => found.rows.damaged.push(damaged),
            }
            Ok(())
        };
        rows_by_keys(self.connection, (sql, table), keys, visit).await?;
        if with_vector && !joined {
            found = self.with_passages(found).await?;
        }
        if parts == Parts::Row || self.fields.named.is_empty() {
            return Ok(found);
        }
        self.with_named(found, parts).await
    }

    async fn with_passages(&mut self, found: FoundRows) -> Result<FoundRows, StoreError> {
        let seqs: Vec<Seq> = found.rows.documents.iter().map(|document| document.seq).collect();
        let (table, per_document) = self.fields.unnamed;
        let mut vectors = vectors_of(self.connection, &seqs, table, per_document).await?;
        Ok(found.keep(|document, placement| {
            if placement.has(Place::UNNAMED).is_none() {
                return Ok(document);
            }
            let vectors = vectors.remove(&document.seq).flatten();
            match vectors.and_then(|vectors| as_given(vectors, document.text.as_deref())) {
                Some((vector, passages)) => Ok(Document { vector, passages, ..document }),
                None => Err(damaged_part(&document)),
            }
        }))
    }

    /// Adds what the documents have in named fields.
    async fn with_named(
        &mut self,
        found: FoundRows,
        parts: Parts,
    ) -> Result<FoundRows, StoreError> {
        let versions = found.versions();
        let mut named = match parts {
            Parts::Vectors => with_vectors(self.connection, self.fields, &versions).await?,
            Parts::Row | Parts::Texts => {
                texts_alone(self.connection, self.fields, &versions).await?
            }
        };
        Ok(found.keep(|document, _| match named.remove(&document.seq) {
            None => Ok(document),
            Some(Some(fields)) => Ok(Document { fields, ..document }),
            Some(None) => Err(damaged_part(&document)),
        }))
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
}

impl Reader<'_, SqliteConnection> {
    /// The documents that match, ascending by sequence number, and whether all pages could be read.
    pub(super) async fn matching(
        &mut self,
        filter: &Filter,
        last: Seq,
    ) -> Result<(Vec<Seq>, bool), StoreError> {
        let (mut matching, mut damaged) = (Vec::new(), Vec::new());
        let visit = |row: &SqliteRow, seq| {
            let read = read_document(row);
            match &read {
                Ok(DocumentRow { document, .. }) if filter.matches(document) => {
                    matching.push(seq);
                }
                Ok(_) => {}
                Err(row) => damaged.push(row.clone()),
            }
            Ok(read.is_ok())
        };
        let unreadable = walk(self.connection, ALL.into_sql_str(), Seq(0), last, visit).await?;
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
        let rows = match self.lookups.are_quick(ids.len()) {
            true => self.lookups.rows(Keys::Ids(ids), with_vector),
            false => {
                let ids = ids.to_vec();
                self.elsewhere(move |lookups| lookups.rows(Keys::Ids(&ids), with_vector)).await
            }
        }?;
        self.shown(rows.documents.iter().map(|document| document.seq).max()).await;
        Ok(rows)
    }

    /// Row versions by sequence number, in no particular order; those that are gone are absent.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn by_seqs(&self, seqs: &[Seq], with_vector: bool) -> Result<Rows, StoreError> {
        if self.lookups.are_quick(seqs.len()) {
            return self.by_seqs_here(seqs, with_vector);
        }
        let seqs = seqs.to_vec();
        self.elsewhere(move |lookups| lookups.rows(Keys::Seqs(&seqs), with_vector)).await
    }

    /// The same on this thread, which waits for the disk.
    ///
    /// # Errors
    /// When the read fails.
    pub fn by_seqs_here(&self, seqs: &[Seq], with_vector: bool) -> Result<Rows, StoreError> {
        self.lookups.rows(Keys::Seqs(seqs), with_vector)
    }

    /// Whether so many documents are read by their keys in less time than it takes to have another
    /// thread do so, by what the last reads took.
    #[must_use]
    pub fn lookups_are_quick(&self, documents: usize) -> bool {
        self.lookups.are_quick(documents)
    }

    /// Does on a thread for that what may wait for the disk.
    async fn elsewhere<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Lookups>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let lookups = Arc::clone(&self.lookups);
        let done = tokio::task::spawn_blocking(move || work(&lookups)).await;
        done.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is on its way out.
            Err(_) => Err(StoreError::Closed),
        })
    }

    /// The fields that there are now.
    pub(super) fn fields(&self) -> Fields {
        self.fields.read().clone()
    }

    /// Whether one of these fields was dropped meanwhile.
    pub(super) fn lacks_some_of(&self, fields: &Fields) -> bool {
        fields.lack_some_of(&self.fields())
    }

    /// The row versions that match, ascending. A damaged one matches nothing.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn matching(&self, filter: &Filter) -> Result<Vec<Seq>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        let (fields, metrics) = (Fields::default(), &self.metrics);
        let mut reader = Reader { connection: &mut *connection, fields: &fields, metrics };
        let (matching, _) = reader.matching(filter, self.last_seq()).await?;
        drop(connection);
        self.shown(matching.last().copied()).await;
        Ok(matching)
    }

    /// The row versions that are placed so, ascending, as the indexes of documents say.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn placed(&self, placed: Placed) -> Result<Vec<Seq>, StoreError> {
        let mut snapshot = self.readers.begin().await?;
        let all = row_versions(&mut snapshot, self.last_seq()).await?;
        let placements = Placements::read(&mut snapshot, self.last_seq()).await?;
        placed.among(&self.fields(), &placements, all)
    }

    /// Says that a document was found by a vector whose checksum is wrong.
    pub fn report_damaged_passage(&self, id: &DocumentId) {
        self.metrics.damaged_rows.inc();
        tracing::error!(%id, "a stored document is damaged and is not served");
    }
}

/// The ids of row versions, as far as the index of ids can be read.
pub(super) async fn ids_of<S: Source>(
    connection: &mut S,
    seqs: &[u64],
) -> Result<HashMap<Seq, DocumentId>, StoreError> {
    let mut ids = HashMap::new();
    if seqs.is_empty() {
        return Ok(ids);
    }
    let visit = &mut |row: &dyn Columns| {
        ids.extend(read_id(row, 1).map(|id| (read_seq(row, 0), id)));
        Ok(())
    };
    let list = json_list(seqs);
    match connection.query(IDS_OF.into_sql_str(), Bound::Text(&list), visit).await {
        Err(error) if !error.is_damaged_page() => Err(error),
        _ => Ok(ids),
    }
}

fn with_its_vector(row: &dyn Columns, found: DocumentRow) -> Result<DocumentRow, DamagedDocument> {
    let DocumentRow { document, placement } = found;
    if placement.has(Place::UNNAMED).is_none() {
        return Ok(DocumentRow { document, placement });
    }
    match read_vector(row, document.seq, VECTOR_COLUMN, VectorsPerDocument::One) {
        Some(row) => {
            let document = Document { vector: Some(row.vector), ..document };
            Ok(DocumentRow { document, placement })
        }
        None => Err(damaged_part(&document)),
    }
}
