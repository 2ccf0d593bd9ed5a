//! The names of collections, for whoever works on their databases while no node runs.

use std::{collections::HashMap, path::Path};

use sqlx::Row;
use uuid::Uuid;

use crate::{StoreError, connection};

/// The name of each collection, as far as the catalogue of a data directory can be read. Changes
/// nothing.
pub async fn collection_names(root: &Path) -> HashMap<Uuid, String> {
    match read(&root.join("akidb.db")).await {
        Ok(names) => names,
        Err(error) => {
            tracing::warn!(%error, "the catalogue can not be read, collections go by their uuids");
            HashMap::new()
        }
    }
}

async fn read(catalogue: &Path) -> Result<HashMap<Uuid, String>, StoreError> {
    let readers = connection::open_readers(catalogue, 1);
    let rows = sqlx::query("SELECT uuid, name FROM collections").fetch_all(&readers).await?;
    readers.close().await;
    let names = rows.iter().filter_map(|row| {
        let (uuid, name): (&str, &str) = (row.try_get(0).ok()?, row.try_get(1).ok()?);
        Some((Uuid::try_parse(uuid).ok()?, name.to_owned()))
    });
    Ok(names.collect())
}
