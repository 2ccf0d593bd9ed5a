//! What a writer does between writes: disk given back, and the log emptied.
//!
//! What was deleted must not stay in the log, and neither must its space. So the pages that became
//! free are given back in steps, each a short transaction of its own, and then the log is copied
//! into the database and truncated. This begins when no write has come for a moment, and under steady
//! writes at the latest after a while where something was deleted; waiting writes go first.

use std::time::Duration;

use sqlx::{Row, SqliteConnection};
use tokio::time::Instant;

use crate::StoreError;

/// How long no write must have come.
const IDLE: Duration = Duration::from_secs(1);

/// How long what was deleted may stay under steady writes.
const BUSY_MAX: Duration = Duration::from_secs(15);

/// Pages given back in one step, 4 MiB.
const STEP_PAGES: u32 = 512;

/// Free pages that stay for the next writes: so many, or one in so many of all where that is more.
const KEPT_PAGES: i64 = 256;
const KEPT_ONE_IN: i64 = 20;

/// What is left to do, and since when.
#[derive(Debug)]
pub(super) struct Tidy {
    last_commit: Option<Instant>,
    first_removal: Option<Instant>,
    /// Whether the database can give pages back: others than those of before, and without damage.
    gives_pages_back: Option<bool>,
}

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There is more to do.
    More,
    /// The log could not be emptied, because somebody reads.
    Later,
    Done,
}

impl Tidy {
    /// A database that was just opened may have a log of before.
    pub(super) fn new(has_damage: bool) -> Self {
        Self {
            last_commit: Some(Instant::now()),
            first_removal: None,
            gives_pages_back: has_damage.then_some(false),
        }
    }

    /// Takes note of a commit.
    pub(super) fn committed(&mut self, removed: bool) {
        let now = Instant::now();
        self.last_commit = Some(now);
        if removed {
            self.first_removal.get_or_insert(now);
        }
    }

    /// No more pages are given back where one can not be read.
    pub(super) fn met_damage(&mut self) {
        self.gives_pages_back = Some(false);
    }

    /// When the next step is due, if one is.
    pub(super) fn due(&self) -> Option<Instant> {
        let idle = self.last_commit.map(|last| last + IDLE);
        let busy = self.first_removal.map(|first| first + BUSY_MAX);
        idle.into_iter().chain(busy).min()
    }

    /// Takes a step. Says whether the log is empty now.
    pub(super) async fn step(&mut self, connection: &mut SqliteConnection) -> bool {
        match self.try_step(connection).await {
            Ok(Step::More) => {}
            Ok(Step::Later) => self.postpone(),
            Err(StoreError::Full) => {
                // Pages are given back through the log, which takes room of its own until it is
                // emptied; there may be enough then.
                self.postpone();
                return truncate_log(connection).await.is_ok_and(|step| step == Step::Done);
            }
            Ok(Step::Done) => {
                (self.last_commit, self.first_removal) = (None, None);
                return true;
            }
            Err(error) => {
                tracing::warn!(%error, "disk could not be given back, nothing is lost");
                self.gives_pages_back = Some(false);
                (self.last_commit, self.first_removal) = (None, None);
            }
        }
        false
    }

    fn postpone(&mut self) {
        self.last_commit = Some(Instant::now());
        self.first_removal = self.first_removal.map(|_| Instant::now());
    }

    async fn try_step(&mut self, connection: &mut SqliteConnection) -> Result<Step, StoreError> {
        if self.gives_pages_back(connection).await? && has_free_pages(connection).await? {
            let step = sqlx::AssertSqlSafe(format!("PRAGMA incremental_vacuum({STEP_PAGES})"));
            sqlx::query(step).fetch_all(connection).await?;
            return Ok(Step::More);
        }
        truncate_log(connection).await
    }

    async fn gives_pages_back(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> Result<bool, StoreError> {
        const INCREMENTAL: i64 = 2;
        if let Some(known) = self.gives_pages_back {
            return Ok(known);
        }
        let mode = number(connection, "PRAGMA auto_vacuum").await?;
        Ok(*self.gives_pages_back.insert(mode == INCREMENTAL))
    }
}

async fn has_free_pages(connection: &mut SqliteConnection) -> Result<bool, StoreError> {
    let free = number(connection, "PRAGMA freelist_count").await?;
    let pages = number(connection, "PRAGMA page_count").await?;
    Ok(free > KEPT_PAGES.max(pages / KEPT_ONE_IN))
}

/// Copies the log into the database and cuts it off. Waits for nobody who reads.
pub(super) async fn truncate_log(connection: &mut SqliteConnection) -> Result<Step, StoreError> {
    let passive = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(&mut *connection).await?;
    let (log, copied): (i64, i64) = (passive.try_get(1)?, passive.try_get(2)?);
    if copied < log {
        return Ok(Step::Later);
    }
    sqlx::query("PRAGMA busy_timeout = 0").execute(&mut *connection).await?;
    let truncated =
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *connection).await;
    sqlx::query("PRAGMA busy_timeout = 5000").execute(&mut *connection).await?;
    let busy: i64 = truncated?.try_get(0)?;
    Ok(if busy == 0 { Step::Done } else { Step::Later })
}

async fn number(connection: &mut SqliteConnection, sql: &'static str) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(sql).fetch_one(connection).await?)
}
