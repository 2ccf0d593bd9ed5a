//! The catalogue, `akidb.db`: which collections there are, and what they are.

use akidb_core::{Chunking, CollectionName, Dimension, IndexSettings, Metric};
use sqlx::{Connection, Row, SqliteConnection, sqlite::SqliteRow};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::{DataDirectory, StoreError, connection, migrations};

/// One collection as the catalogue has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionRow {
    /// Its identity, and the name of its folder.
    pub uuid: Uuid,
    /// Its name.
    pub name: CollectionName,
    /// A line for people.
    pub description: Option<String>,
    /// The length of its vectors.
    pub dimension: Dimension,
    /// How they are compared.
    pub metric: Metric,
    /// What searches them, and how.
    pub index: IndexSettings,
    /// The identity of its model as JSON, absent for vectors only.
    pub model: Option<String>,
    /// How its texts are cut, absent where they are truncated.
    pub chunking: Option<Chunking>,
    /// Milliseconds since the Unix epoch.
    pub created_unix_ms: i64,
}

/// The open catalogue. It is small and read once, so one connection does all.
#[derive(Debug)]
pub struct Catalogue {
    connection: Mutex<SqliteConnection>,
}

impl Catalogue {
    /// Opens the catalogue of a data directory and brings its schema up to date.
    ///
    /// # Errors
    /// When SQLite is too old, refuses a pragma, or the schema is newer than this program.
    pub async fn open(directory: &DataDirectory) -> Result<Self, StoreError> {
        let path = directory.root().join("akidb.db");
        let connection = connection::open_writer(&path, &migrations::catalogue()).await?;
        crate::directory::sync_directory(directory.root())?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// Every collection, by name.
    ///
    /// # Errors
    /// When the read fails or a row is malformed.
    pub async fn collections(&self) -> Result<Vec<CollectionRow>, StoreError> {
        let mut connection = self.connection.lock().await;
        let rows = sqlx::query(
            "SELECT uuid, name, description, dimension, metric, model, created_unix_ms, \
             chunk_tokens, chunk_overlap, index_engine, index_m, index_ef_construction, index_ef, \
             index_quantization FROM collections ORDER BY name",
        )
        .fetch_all(&mut *connection)
        .await?;
        rows.iter().map(read_row).collect()
    }

    /// Adds a collection. The caller has checked that the name is free.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn insert(&self, row: &CollectionRow) -> Result<(), StoreError> {
        let mut connection = self.connection.lock().await;
        sqlx::query(
            "INSERT INTO collections (uuid, name, description, dimension, metric, model, \
             created_unix_ms, chunk_tokens, chunk_overlap, index_engine, index_m, \
             index_ef_construction, index_ef, index_quantization) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )
        .bind(row.uuid.to_string())
        .bind(row.name.as_str())
        .bind(row.description.as_deref())
        .bind(i64::try_from(row.dimension.get()).unwrap_or(i64::MAX))
        .bind(row.metric.as_str())
        .bind(row.model.as_deref())
        .bind(row.created_unix_ms)
        .bind(row.chunking.map(|chunking| chunking.tokens))
        .bind(row.chunking.map(|chunking| chunking.overlap))
        .bind(row.index.engine.as_str())
        .bind(row.index.m)
        .bind(row.index.ef_construction)
        .bind(row.index.ef)
        .bind(row.index.quantization.as_str())
        .execute(&mut *connection)
        .await?;
        Ok(())
    }

    /// Changes what of a collection can be changed, all of it or nothing.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn update(
        &self,
        uuid: Uuid,
        description: Option<&str>,
        index: &IndexSettings,
    ) -> Result<(), StoreError> {
        let mut connection = self.connection.lock().await;
        sqlx::query(
            "UPDATE collections SET description = ?2, index_engine = ?3, index_m = ?4, \
             index_ef_construction = ?5, index_ef = ?6, index_quantization = ?7 WHERE uuid = ?1",
        )
        .bind(uuid.to_string())
        .bind(description)
        .bind(index.engine.as_str())
        .bind(index.m)
        .bind(index.ef_construction)
        .bind(index.ef)
        .bind(index.quantization.as_str())
        .execute(&mut *connection)
        .await?;
        Ok(())
    }

    /// Removes a collection; its folder is the caller's to unlink afterwards.
    ///
    /// # Errors
    /// When the write fails.
    pub async fn delete(&self, uuid: Uuid) -> Result<(), StoreError> {
        let mut connection = self.connection.lock().await;
        sqlx::query("DELETE FROM collections WHERE uuid = ?1")
            .bind(uuid.to_string())
            .execute(&mut *connection)
            .await?;
        Ok(())
    }

    /// Checkpoints and closes.
    ///
    /// # Errors
    /// When the last checkpoint fails; nothing is lost by that.
    pub async fn close(self) -> Result<(), StoreError> {
        Ok(self.connection.into_inner().close().await?)
    }
}

fn read_row(row: &SqliteRow) -> Result<CollectionRow, StoreError> {
    Ok(CollectionRow {
        uuid: valid("collection uuid", Uuid::try_parse(row.try_get(0)?))?,
        name: valid("collection name", CollectionName::new(row.try_get(1)?))?,
        description: row.try_get(2)?,
        dimension: valid("dimension", {
            let dimension: i64 = row.try_get(3)?;
            Dimension::new(dimension.try_into().unwrap_or(u64::MAX))
        })?,
        metric: valid("metric", row.try_get::<&str, _>(4)?.parse())?,
        model: row.try_get(5)?,
        created_unix_ms: row.try_get(6)?,
        chunking: {
            let (tokens, overlap) = (row.try_get(7)?, row.try_get(8)?);
            let read = |tokens: Option<u32>, overlap: Option<u32>| {
                Some(Chunking { tokens: tokens?, overlap: overlap? })
            };
            read(tokens, overlap)
        },
        index: IndexSettings {
            engine: valid("index engine", row.try_get::<&str, _>(9)?.parse())?,
            m: row.try_get(10)?,
            ef_construction: row.try_get(11)?,
            ef: row.try_get(12)?,
            quantization: valid("quantization", row.try_get::<&str, _>(13)?.parse())?,
        },
    })
}

fn valid<T, E: ToString>(what: &'static str, parsed: Result<T, E>) -> Result<T, StoreError> {
    parsed.map_err(|reason| StoreError::Malformed { what, reason: reason.to_string() })
}
