//! Another database with all that one has, as of one moment.

use std::{
    fs::{self, File},
    path::Path,
    time::Duration,
};

use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use uuid::Uuid;

use super::{Position, history, load::FILE_NAME, tidy::truncate_log};
use crate::{StoreError, connection, directory::sync_directory, high_water::HighWater, migrations};

/// Steps of SQLite's machine between two looks at whether the copy is still wanted, a few milliseconds.
const STEPS_BETWEEN_LOOKS: i32 = 100_000;

/// How often it is told how much is copied.
const TELL_EVERY: Duration = Duration::from_millis(50);

/// What a copy asks and tells on its way.
pub trait CopyWatch: Clone + Send + Sync + 'static {
    /// Whether it is not wanted any more.
    fn is_stopped(&self) -> bool;
    /// How much is copied, 0 to 1.
    fn copied(&self, part: f32);
}

/// Writes all that the database in `from` has, as of one moment, into one of another id in `to`,
/// durably. Who writes meanwhile is not held up; the log of `from` grows until the copy is made. Says
/// whether it is whole.
///
/// # Errors
/// When a page can not be read, or the disk fails or is full. What is in `to` then is of no use.
pub(crate) async fn copy(
    from: &Path,
    to: &Path,
    watch: &impl CopyWatch,
) -> Result<bool, StoreError> {
    let (from, path) = (from.join(FILE_NAME), to.join(FILE_NAME));
    if !vacuum_into(&from, &path, watch).await? {
        return Ok(false);
    }
    let mut connection = connection::open_writer(&path, &migrations::collection()).await?;
    let position = history::sound_position(&mut connection).await;
    let position = position.ok_or_else(|| StoreError::Malformed {
        what: "row of `sequence`",
        reason: "its checksum is wrong; hint: `akidb repair`".to_owned(),
    })?;
    let position = Position { database: Uuid::now_v7(), epoch: 1, seq: position.seq };
    history::store(&mut connection, position, None).await?;
    truncate_log(&mut connection).await?;
    connection.close().await?;
    // What `VACUUM INTO` writes is synced by nobody.
    let synced = File::open(&path).and_then(|file| file.sync_all());
    synced.map_err(StoreError::io("syncing", &path))?;
    HighWater::establish(to, position)?;
    sync_directory(to)?;
    Ok(!watch.is_stopped())
}

/// One statement, and so one moment.
async fn vacuum_into(from: &Path, to: &Path, watch: &impl CopyWatch) -> Result<bool, StoreError> {
    let mut connection = open_to_copy(from).await?;
    let stop = watch.clone();
    connection
        .lock_handle()
        .await?
        .set_progress_handler(STEPS_BETWEEN_LOOKS, move || !stop.is_stopped());
    let bytes = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    let all = bytes(from).max(1);
    let copied = {
        let name = to.display().to_string();
        let vacuum = sqlx::query("VACUUM INTO ?1").bind(name).execute(&mut connection);
        tokio::pin!(vacuum);
        loop {
            match tokio::time::timeout(TELL_EVERY, &mut vacuum).await {
                Ok(copied) => break copied,
                #[expect(clippy::cast_precision_loss, reason = "of a part, three digits count")]
                Err(_) => watch.copied((bytes(to) as f32 / all as f32).min(1.0)),
            }
        }
    };
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "a connection that only read did not close in order");
    }
    match copied {
        _ if watch.is_stopped() => Ok(false),
        Ok(_) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// A connection that only reads. `query_only` would forbid to write to the new database, too.
async fn open_to_copy(path: &Path) -> Result<SqliteConnection, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .create_if_missing(false)
        .pragma("trusted_schema", "0")
        .busy_timeout(Duration::from_secs(5));
    Ok(SqliteConnection::connect_with(&options).await?)
}
