//! A new database, before anybody uses it.

use std::path::Path;

use akidb_core::Seq;
use sqlx::Connection;
use uuid::Uuid;

use super::{DocumentStore, Position, history};
use crate::{StoreError, connection, directory::sync_directory, migrations};

impl DocumentStore {
    /// Makes an empty database in a collection's folder, durably, and closes it.
    ///
    /// # Errors
    /// When the disk fails or is full.
    pub async fn create(folder: &Path) -> Result<(), StoreError> {
        let path = folder.join("documents.db");
        let mut connection = connection::open_writer(&path, &migrations::collection()).await?;
        // Named from the beginning, so that file and log can be told from those of others.
        let position = Position { database: Uuid::now_v7(), epoch: 1, seq: Seq(0) };
        history::store(&mut connection, position, None).await?;
        connection.close().await?;
        sync_directory(folder)
    }
}
