//! Whether the file of a database and the log beside it are of one database.
//!
//! SQLite reads any sound log over any file. Where one of the two was exchanged, pages of two
//! databases would be taken for one, and each row of it would be sound. So the head of the file names
//! the database as well as `sequence` does, which every commit writes to the log. The two are
//! compared before anything can write: closing a connection that can would copy the log into the file.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use sqlx::{Connection, SqliteConnection};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use super::history::sound_position;
use crate::{StoreError, connection};

/// Bytes of the head of a file of SQLite, and where in it stands `application_id`.
const HEAD_BYTES: usize = 100;
const TAG_AT: usize = 68;

/// What the head of the file of a database has in `application_id`: 31 bits of the hash of its id, and
/// never 0, which new files have.
pub(super) fn tag_of(database: Uuid) -> i32 {
    let bits = xxh3_64(database.as_bytes()) & 0x7fff_ffff;
    i32::try_from(bits).unwrap_or(1).max(1)
}

/// The tag in the file alone, whatever the log says; 0 in one of a version that wrote none.
fn tag_in_file(path: &Path) -> io::Result<i32> {
    let mut head = [0; HEAD_BYTES];
    File::open(path)?.read_exact(&mut head)?;
    let tag = [head[TAG_AT], head[TAG_AT + 1], head[TAG_AT + 2], head[TAG_AT + 3]];
    Ok(i32::from_be_bytes(tag))
}

/// Whether the file of a database has yet to be given its tag.
pub(super) fn is_untagged(path: &Path) -> bool {
    tag_in_file(path).is_ok_and(|tag| tag == 0)
}

/// Refuses a file beside the log of another database, and a log whose file is empty or gone, which
/// SQLite would remove. A file of which nobody can tell is let through: what is wrong with it shows when
/// it is opened.
pub(super) async fn check(path: &Path) -> Result<(), StoreError> {
    let bytes = |path: &Path| path.metadata().map_or(0, |it| it.len());
    let log = path.with_extension("db-wal");
    if bytes(path) == 0 && bytes(&log) > 0 {
        return Err(StoreError::LogAlone { log });
    }
    let Ok(tag) = tag_in_file(path) else { return Ok(()) };
    if tag == 0 {
        return Ok(());
    }
    let Ok(mut connection) = connection::open_to_look(path).await else { return Ok(()) };
    let position = sound_position(&mut connection).await;
    close(connection).await;
    match position {
        Some(position) if tag_of(position.database) != tag => {
            Err(StoreError::MixedDatabase { path: path.to_owned(), log_of: position.database })
        }
        _ => Ok(()),
    }
}

async fn close(connection: SqliteConnection) {
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "a connection that only looked did not close in order");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn databases_have_tags_of_their_own() {
        let tags: HashSet<i32> = (0..1_000).map(|id| tag_of(Uuid::from_u128(id))).collect();
        assert_eq!(tags.len(), 1_000);
        assert!(!tags.contains(&0));
    }
}
