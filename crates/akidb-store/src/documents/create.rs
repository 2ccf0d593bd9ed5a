//! A new database, before anybody uses it.

use std::path::Path;

use sqlx::Connection;

use super::DocumentStore;
use crate::{StoreError, connection, directory::sync_directory, migrations};

impl DocumentStore {
    /// Makes an empty database in a collection's folder, durably, and closes it.
    ///
    /// # Errors
    /// When the disk fails or is full.
    pub async fn create(folder: &Path) -> Result<(), StoreError> {
        let path = folder.join("documents.db");
        let connection = connection::open_writer(&path, &migrations::collection()).await?;
        connection.close().await?;
        sync_directory(folder)
    }
}
