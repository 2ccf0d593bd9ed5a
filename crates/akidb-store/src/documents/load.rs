//! Opening a collection: the schema, the lost writes, and every vector for the index.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
};

use akidb_core::{Metadata, Seq};
use futures::TryStreamExt;
use sqlx::{Row, SqliteConnection};
use tokio::sync::mpsc;

use super::{
    CommittedChange, DocumentStore, LostRange, QUEUE_WRITES_MAX, StoreOptions, StoredVector,
    Totals,
    row::{StoredId, passage_columns, read_seq, read_vector, seq_to_sql, vector_columns},
    vectors::{VectorKey, VectorsPerDocument},
    writer::Writer,
};
use crate::{StoreError, connection, high_water::HighWater, migrations};

const SELECT_ONE: &str =
    concat!("SELECT v.seq, ", vector_columns!(), " FROM vectors v WHERE v.seq > ?1 ORDER BY v.seq");

const SELECT_SEVERAL: &str = concat!(
    "SELECT v.seq, ",
    vector_columns!(),
    ", ",
    passage_columns!(),
    " FROM vectors v WHERE v.seq > ?1 ORDER BY v.seq"
);

/// A collection that is open but takes no writes yet, so that its indexes can be built.
pub struct Loader {
    path: PathBuf,
    connection: SqliteConnection,
    high_water: HighWater,
    totals: Totals,
    lost: Vec<LostRange>,
    options: StoreOptions,
}

impl DocumentStore {
    /// Opens, or makes, the database in a collection's folder.
    ///
    /// # Errors
    /// When the file can not be opened, or its schema is newer than this program.
    pub async fn open(folder: &Path, options: StoreOptions) -> Result<Loader, StoreError> {
        let path = folder.join("documents.db");
        let (high_water, acknowledged) = HighWater::open(folder)?;
        let mut connection = connection::open_writer(&path, &migrations::collection()).await?;
        crate::directory::sync_directory(folder)?;
        let lost = note_lost_writes(&mut connection, acknowledged, &options).await?;
        let last_seq = last_seq(&mut connection).await?;
        let documents: i64 =
            sqlx::query_scalar("SELECT count(*) FROM documents").fetch_one(&mut connection).await?;
        let totals =
            Totals { documents: documents.cast_unsigned().into(), last_seq: last_seq.0.into() };
        Ok(Loader { path, connection, high_water, totals, lost, options })
    }
}

impl Loader {
    /// The sequence number of the last commit, 0 before the first.
    #[must_use]
    pub fn last_seq(&self) -> Seq {
        Seq(self.totals.last_seq.load(Ordering::Relaxed))
    }

    /// Documents stored.
    #[must_use]
    pub fn document_count(&self) -> u64 {
        self.totals.documents.load(Ordering::Relaxed)
    }

    /// The row versions that there are, ascending. They are read from the index of ids, which is a
    /// small part of the database.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn documents(&mut self) -> Result<Vec<Seq>, StoreError> {
        let mut rows = sqlx::query("SELECT seq FROM documents").fetch(&mut self.connection);
        let mut documents = Vec::new();
        while let Some(row) = rows.try_next().await? {
            documents.push(read_seq(&row, 0)?);
        }
        documents.sort_unstable();
        Ok(documents)
    }

    /// Gives the metadata of every row version after `after` to `visit`, ascending. Checksums are
    /// not compared, as that would read every text: a row that is damaged is found and not served.
    /// Metadata that can not be read are empty.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn metadata(
        &mut self,
        after: Seq,
        mut visit: impl FnMut(Seq, Metadata) + Send,
    ) -> Result<(), StoreError> {
        let query = sqlx::query("SELECT seq, metadata FROM documents WHERE seq > ?1 ORDER BY seq");
        let mut rows = query.bind(seq_to_sql(after)).fetch(&mut self.connection);
        while let Some(row) = rows.try_next().await? {
            let seq = read_seq(&row, 0)?;
            let metadata = serde_json::from_str(row.try_get_unchecked(1)?);
            let metadata = metadata.unwrap_or_else(|error| {
                self.options.metrics.damaged_rows.inc();
                tracing::error!(%seq, %error, "stored metadata can not be read or filtered by");
                Metadata::default()
            });
            visit(seq, metadata);
        }
        Ok(())
    }

    /// Gives every vector after `after` to `visit`, by ascending sequence number, and returns how
    /// many rows fail their checksum and were left out.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn vectors(
        &mut self,
        after: Seq,
        mut visit: impl FnMut(StoredVector) + Send,
    ) -> Result<u64, StoreError> {
        let mut sound = 0;
        let (mut documents_found, mut expected) = (0, 0);
        let mut damaged = Vec::new();
        let per_document = self.options.vectors_per_document;
        let query = sqlx::query(match per_document {
            VectorsPerDocument::One => SELECT_ONE,
            VectorsPerDocument::Several => SELECT_SEVERAL,
        });
        let mut rows = query.bind(seq_to_sql(after)).fetch(&mut self.connection);
        while let Some(row) = rows.try_next().await? {
            let seq = read_seq(&row, 0)?;
            let Some(row) = read_vector(&row, seq, 1, per_document)? else {
                damaged.push(seq);
                continue;
            };
            let passage = row.passage.as_ref();
            let document = passage.and_then(|passage| passage.document).unwrap_or(seq);
            if document == seq {
                documents_found += 1;
                expected += passage.and_then(|passage| passage.count).map_or(1, u64::from);
            }
            sound += 1;
            let passage = u32::try_from(seq.0.saturating_sub(document.0)).unwrap_or(u32::MAX);
            visit(StoredVector { key: VectorKey { document, passage }, vector: row.vector });
        }
        drop(rows);
        for &seq in &damaged {
            self.report_damaged(seq).await?;
        }
        let damaged = damaged.len() as u64;
        // Loading has filled the page cache with vectors that the writer will not read again.
        sqlx::query("PRAGMA shrink_memory").execute(&mut self.connection).await?;
        match per_document {
            // What was there before is not counted.
            _ if after > Seq(0) => {}
            VectorsPerDocument::One => {
                let documents = self.document_count();
                self.report_missing_vectors(sound + damaged, documents);
            }
            // A damaged one does not say how many belong to it.
            VectorsPerDocument::Several if damaged > 0 => {}
            VectorsPerDocument::Several => {
                let documents = self.document_count();
                let without_any = documents.saturating_sub(documents_found);
                self.report_missing_vectors(sound, expected + without_any);
            }
        }
        Ok(damaged)
    }

    /// Names the document of a damaged vector. Its number is its document's or follows it.
    async fn report_damaged(&mut self, seq: Seq) -> Result<(), StoreError> {
        self.options.metrics.damaged_rows.inc();
        let owner =
            sqlx::query("SELECT id FROM documents WHERE seq <= ?1 ORDER BY seq DESC LIMIT 1")
                .bind(seq_to_sql(seq))
                .fetch_optional(&mut self.connection)
                .await?;
        let id = owner.map(|row| row.try_get_unchecked(0)).transpose()?;
        let id = id.map(|StoredId(id)| id.to_string());
        tracing::error!(
            database = %self.path.display(), %seq, id,
            "a stored vector fails its checksum and is not searched"
        );
        Ok(())
    }

    /// Every document has a vector, or as many as its first one says; without them it would not be
    /// found, and nobody would know.
    fn report_missing_vectors(&self, vectors: u64, expected: u64) {
        if expected != vectors {
            self.options.metrics.damaged_rows.inc_by(expected.abs_diff(vectors));
            tracing::error!(
                database = %self.path.display(), vectors, expected,
                "vectors of stored documents are missing, some are not searched"
            );
        }
    }

    /// Starts the writer. `committed` is called after each commit and before its writes are
    /// acknowledged, so that whoever sees an acknowledgement sees the write in the indexes.
    #[must_use]
    pub fn start(self, committed: impl FnMut(CommittedChange) + Send + 'static) -> DocumentStore {
        let (queue, jobs) = mpsc::channel(QUEUE_WRITES_MAX);
        let totals = Arc::new(self.totals);
        let writer = Writer {
            connection: self.connection,
            high_water: self.high_water,
            totals: Arc::clone(&totals),
            vectors_per_document: self.options.vectors_per_document,
            metrics: self.options.metrics.clone(),
            committed: Box::new(committed),
        };
        DocumentStore {
            readers: connection::open_readers(&self.path, self.options.readers_max),
            queue,
            writer: tokio::spawn(writer.run(jobs)),
            totals,
            lost: self.lost,
            vectors_per_document: self.options.vectors_per_document,
            metrics: self.options.metrics,
        }
    }
}

async fn last_seq(connection: &mut SqliteConnection) -> Result<Seq, StoreError> {
    let last: i64 =
        sqlx::query_scalar("SELECT last_seq FROM sequence").fetch_one(connection).await?;
    Ok(Seq(last.cast_unsigned()))
}

/// Compares the database with the high-water mark, and records a loss before anything is written
/// over it. Lost numbers are never used again.
async fn note_lost_writes(
    connection: &mut SqliteConnection,
    acknowledged: Seq,
    options: &StoreOptions,
) -> Result<Vec<LostRange>, StoreError> {
    let stored = last_seq(connection).await?;
    if acknowledged > stored {
        let first = Seq(stored.0 + 1);
        tracing::error!(%first, last = %acknowledged, "acknowledged writes are missing");
        options.metrics.lost_writes.inc_by(acknowledged.0 - stored.0);
        let mut transaction = sqlx::Connection::begin(&mut *connection).await?;
        sqlx::query("INSERT OR REPLACE INTO lost_writes (first_seq, last_seq) VALUES (?1, ?2)")
            .bind(seq_to_sql(first))
            .bind(seq_to_sql(acknowledged))
            .execute(&mut *transaction)
            .await?;
        sqlx::query("UPDATE sequence SET last_seq = ?1")
            .bind(seq_to_sql(acknowledged))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
    }
    let rows = sqlx::query("SELECT first_seq, last_seq FROM lost_writes ORDER BY first_seq")
        .fetch_all(connection)
        .await?;
    let read =
        |row: &_, column| Row::try_get::<i64, _>(row, column).map(|seq| Seq(seq.cast_unsigned()));
    rows.iter().map(|row| Ok(LostRange { first: read(row, 0)?, last: read(row, 1)? })).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use akidb_core::{DocumentId, Metadata};
    use tokio::time::Instant;

    use super::*;
    use crate::{Applied, NewRow, RowVectors, StoreMetrics, Write};

    async fn upsert(store: &DocumentStore, id: i64, values: usize) -> Result<Applied, StoreError> {
        let row = NewRow {
            id: DocumentId::Integer(id),
            text: None,
            metadata: Metadata::default(),
            vectors: RowVectors::Given(vec![1.0; values]),
        };
        let deadline = Instant::now() + Duration::from_secs(20);
        store.write(Write::Upsert(vec![row]), deadline).await
    }

    /// SQLite rolls back by itself when it is full, behind the back of whoever began.
    #[tokio::test]
    async fn a_full_disk_refuses_a_write_and_the_next_that_fits_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let metrics = StoreMetrics::register(&prometheus::Registry::new()).unwrap();
        let options =
            StoreOptions { readers_max: 1, vectors_per_document: VectorsPerDocument::One, metrics };
        let mut loader = DocumentStore::open(folder.path(), options).await.unwrap();
        let few_pages = sqlx::query("PRAGMA max_page_count = 24");
        few_pages.execute(&mut loader.connection).await.unwrap();
        let store = loader.start(|_| {});
        upsert(&store, 1, 1_000).await.unwrap();
        for id in 2..5 {
            let refused = upsert(&store, id, 200_000).await;
            assert!(matches!(refused, Err(StoreError::Full)), "{refused:?}");
        }
        upsert(&store, 5, 1_000).await.unwrap();
        assert_eq!((store.document_count(), store.last_seq()), (2, Seq(2)));
        store.close().await;
    }
}
