//! Rows of the catalogue that stand each for itself: one that can not be read is told, and removed.

use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use crate::StoreError;

/// The rows of a table whose first column is their id.
#[derive(Debug)]
pub(super) struct CheckedRows<T> {
    pub(super) sound: Vec<T>,
    /// What the rows say of their ids, true or not, and what is wrong with them.
    pub(super) damaged: Vec<(Vec<u8>, String)>,
}

impl<T> Default for CheckedRows<T> {
    fn default() -> Self {
        Self { sound: Vec::new(), damaged: Vec::new() }
    }
}

impl<T> CheckedRows<T> {
    /// All rows that `select` gives.
    pub(super) async fn read(
        connection: &mut SqliteConnection,
        select: &'static str,
        read: fn(&SqliteRow) -> Result<T, StoreError>,
    ) -> Result<Self, StoreError> {
        let mut rows = Self::default();
        for row in sqlx::query(select).fetch_all(connection).await? {
            match read(&row) {
                Ok(sound) => rows.sound.push(sound),
                Err(error) => {
                    let id: &[u8] = row.try_get_unchecked(0)?;
                    rows.damaged.push((id.to_owned(), error.to_string()));
                }
            }
        }
        Ok(rows)
    }

    /// Removes those that can not be read, whatever their id says, by a statement that takes it.
    pub(super) async fn delete_damaged(
        &self,
        connection: &mut SqliteConnection,
        delete: &'static str,
    ) -> Result<(), StoreError> {
        for (id, _) in &self.damaged {
            sqlx::query(delete).bind(id.as_slice()).execute(&mut *connection).await?;
        }
        Ok(())
    }
}
