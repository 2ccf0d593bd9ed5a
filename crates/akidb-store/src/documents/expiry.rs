//! Which documents have expired, and when the next one does.

use std::path::Path;

use akidb_core::{Seq, Timestamp};
use sqlx::{SqliteExecutor, SqlitePool};

use super::{DocumentStore, Loader, load::FILE_NAME};
use crate::{StoreError, connection};

const NEXT: &str = "SELECT min(expires_at) FROM documents WHERE expires_at IS NOT NULL";

const EXPIRED: &str = "SELECT seq FROM documents \
     WHERE expires_at IS NOT NULL AND expires_at <= ?1 ORDER BY expires_at";

/// What a database says of its documents while the collection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedCount {
    /// How many there are, expired ones included.
    pub documents: u64,
    /// When the first of them expires, or has.
    pub next_expiry: Option<Timestamp>,
}

impl DocumentStore {
    /// Row versions that have expired by a moment, as their rows say whose checksums nobody has looked at.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn expired(&self, by: Timestamp) -> Result<Vec<Seq>, StoreError> {
        let seqs = sqlx::query_scalar::<_, i64>(EXPIRED).bind(by.unix_ms());
        let seqs = seqs.fetch_all(&self.readers).await?;
        Ok(seqs.into_iter().map(|seq| Seq(seq.cast_unsigned())).collect())
    }

    /// When the first document expires, or has.
    ///
    /// # Errors
    /// When the read fails.
    pub async fn next_expiry(&self) -> Result<Option<Timestamp>, StoreError> {
        next(&self.readers).await
    }

    /// What the database of a collection says that is not open, which stays as it is.
    ///
    /// # Errors
    /// When the database can not be read.
    pub async fn count_closed(folder: &Path) -> Result<ClosedCount, StoreError> {
        let readers = connection::open_readers(&folder.join(FILE_NAME), 1);
        let count = count(&readers).await;
        readers.close().await;
        count
    }
}

async fn count(readers: &SqlitePool) -> Result<ClosedCount, StoreError> {
    let documents = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM documents");
    let documents = documents.fetch_one(readers).await?.cast_unsigned();
    let column = "SELECT count(*) FROM pragma_table_info('documents') WHERE name = 'expires_at'";
    // One that was written before documents could expire has none.
    let can_expire: i64 = sqlx::query_scalar(column).fetch_one(readers).await?;
    let next_expiry = if can_expire == 0 { None } else { next(readers).await? };
    Ok(ClosedCount { documents, next_expiry })
}

impl Loader {
    /// When the first document expires, or has: at once, as far as is known, where that can not be read.
    pub async fn next_expiry(&mut self) -> Option<Timestamp> {
        next(self.connection()).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "nobody knows when the first document expires");
            Some(Timestamp::from_unix_ms(i64::MIN))
        })
    }
}

async fn next(database: impl SqliteExecutor<'_>) -> Result<Option<Timestamp>, StoreError> {
    let next = sqlx::query_scalar::<_, Option<i64>>(NEXT).fetch_one(database).await?;
    Ok(next.map(Timestamp::from_unix_ms))
}
