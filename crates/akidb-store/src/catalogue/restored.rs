//! A catalogue that comes out of a backup: without what of the data directory of then goes on in it, and with
//! what stands beside it.

use std::path::Path;

use sqlx::{Connection, Row};

use super::{
    FILE_NAME,
    description::{self, Description},
    mark,
    row::{self, StoredRow, malformed},
};
use crate::{StoreError, connection, directory::Folder, migrations};

/// Brings the schema of the catalogue in `root` up to date, forgets the backups that were on their way, that of this
/// moment among them, and writes the mark and the descriptions of all folders.
pub(crate) async fn settle(root: &Path) -> Result<(), StoreError> {
    let path = root.join(FILE_NAME);
    let mut connection = connection::open_writer(&path, &migrations::catalogue()).await?;
    let forget = sqlx::query("DELETE FROM tasks WHERE kind = 'backup' AND state = 'running'");
    forget.execute(&mut connection).await?;
    let state = sqlx::query("SELECT change FROM state").fetch_optional(&mut connection).await?;
    let change: i64 = state.map_or(Ok(0), |row| row.try_get(0))?;
    let mut rows = Vec::new();
    row::read_all(&mut connection, &mut rows).await?;
    connection.close().await?;
    for row in rows {
        let StoredRow::Sound(stamped) = row else {
            return Err(malformed("row of a collection", "its checksum is wrong"));
        };
        let folder = Folder::Collection(stamped.row.uuid).path(root);
        description::write(&folder, &Description { stamped, database: None })?;
    }
    mark::write(root, change.cast_unsigned())
}
