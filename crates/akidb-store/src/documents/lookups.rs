//! Rows by their keys, read on the thread that asks for them.
//!
//! A row that is in memory is read in a few microseconds, which a message to another thread takes several
//! times. So these connections run their statements where they are asked, and keep them prepared. Each read
//! is a transaction that ends with it, so that the log can be emptied between any two. A disk that lets
//! readers wait must not keep a thread from other requests: what reads take is measured, and where it is
//! long they belong on a thread for that.

use std::{
    path::PathBuf,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use akidb_engine::Rows;
use futures::FutureExt;
use parking_lot::{Condvar, Mutex, RwLock};

use super::{
    field::Fields,
    read::{Parts, Reader},
    source::{AtHand, Keys},
};
use crate::{StoreError, StoreMetrics, connection};

/// A connection that nobody has used for so long is closed.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// A read that is expected to take no longer is quick: a hop to another thread and back takes about a
/// tenth of it, and no other request waits for longer.
const QUICK: Duration = Duration::from_millis(1);

/// What reading a row is taken to need before any was read.
const ROW_TIME_AT_FIRST: Duration = Duration::from_micros(20);

/// A read counts for no more than this, as a thread that was not given a processor reads slowly once.
const COUNTED_MAX: Duration = Duration::from_millis(4);

/// One read in so many decides what the next ones are expected to take.
const READS_REMEMBERED: u64 = 8;

/// The connections of one collection for reads by keys.
pub(super) struct Lookups {
    path: PathBuf,
    connections_max: u32,
    connections: Mutex<Connections>,
    given_back: Condvar,
    row_time_ns: AtomicU64,
    /// Shared with the writer.
    fields: Arc<RwLock<Fields>>,
    metrics: StoreMetrics,
}

#[derive(Default)]
struct Connections {
    /// Those that nobody uses, and since when; the one used last comes last.
    idle: Vec<(AtHand, Instant)>,
    used: u32,
    /// Whether a task looks after those that are idle.
    is_watched: bool,
    is_closed: bool,
}

impl std::fmt::Debug for Lookups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Lookups").field(&self.path).finish()
    }
}

impl Lookups {
    pub(super) fn new(
        path: PathBuf,
        connections_max: u32,
        fields: Arc<RwLock<Fields>>,
        metrics: StoreMetrics,
    ) -> Self {
        Self {
            path,
            connections_max: connections_max.max(1),
            connections: Mutex::default(),
            given_back: Condvar::new(),
            row_time_ns: AtomicU64::new(nanoseconds(ROW_TIME_AT_FIRST)),
            fields,
            metrics,
        }
    }

    /// Whether reading so many rows is expected to take less time than a hop to another thread is worth.
    /// Opening a connection is not, and neither is waiting for one.
    pub(super) fn are_quick(&self, rows: usize) -> bool {
        let expected = self.row_time_ns.load(Ordering::Relaxed).saturating_mul(rows as u64);
        expected <= nanoseconds(QUICK) && !self.connections.lock().idle.is_empty()
    }

    /// Rows by their keys.
    pub(super) fn rows(
        self: &Arc<Self>,
        keys: Keys<'_>,
        with_vector: bool,
    ) -> Result<Rows, StoreError> {
        let mut snapshot = self.begin()?;
        let began = Instant::now();
        let rows = loop {
            let fields = self.fields.read().clone();
            let metrics = &self.metrics;
            let mut reader = Reader { connection: snapshot.source(), fields: &fields, metrics };
            match at_once(reader.rows(keys, Parts::of(with_vector))) {
                // It has met tables that are gone.
                Err(StoreError::Sqlite(_)) if fields.lack_some_of(&self.fields.read()) => {
                    drop(snapshot);
                    snapshot = self.begin()?;
                }
                // Or emptied.
                Ok(found)
                    if !found.rows.damaged.is_empty()
                        && fields.lack_some_of(&self.fields.read()) =>
                {
                    drop(snapshot);
                    snapshot = self.begin()?;
                }
                rows => break rows?.rows,
            }
        };
        self.count(keys.len(), began.elapsed());
        Ok(rows)
    }

    /// Takes up what a read took.
    fn count(&self, rows: usize, took: Duration) {
        let Some(now) = nanoseconds(took.min(COUNTED_MAX)).checked_div(rows as u64) else { return };
        let before = self.row_time_ns.load(Ordering::Relaxed);
        let after = (before * (READS_REMEMBERED - 1) + now) / READS_REMEMBERED;
        // One of two at the same time is enough.
        self.row_time_ns.store(after, Ordering::Relaxed);
    }

    /// One moment of the database, over a connection of its own. Waits where all of them are used.
    pub(super) fn begin(self: &Arc<Self>) -> Result<Snapshot, StoreError> {
        let mut connections = self.connections.lock();
        let idle = loop {
            if connections.is_closed {
                return Err(StoreError::Closed);
            }
            match connections.idle.pop() {
                Some((idle, _)) => break Some(idle),
                None if connections.used < self.connections_max => break None,
                None => self.given_back.wait(&mut connections),
            }
        };
        connections.used += 1;
        drop(connections);
        let mut snapshot = Snapshot { lookups: Arc::clone(self), connection: idle };
        if snapshot.connection.is_none() {
            snapshot.connection = Some(AtHand(connection::open_at_hand(&self.path)?));
        }
        snapshot.execute("BEGIN")?;
        Ok(snapshot)
    }

    fn give_back(self: &Arc<Self>, connection: Option<AtHand>) {
        let mut connections = self.connections.lock();
        connections.used -= 1;
        if !connections.is_closed
            && let Some(connection) = connection
            // Where nobody looks after it, none may stay idle.
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            connections.idle.push((connection, Instant::now()));
            if !connections.is_watched {
                connections.is_watched = true;
                runtime.spawn(close_idle(Arc::downgrade(self)));
            }
        }
        drop(connections);
        self.given_back.notify_all();
    }

    /// Closes those that have been idle for long. Says whether there are others to look after.
    fn close_old(&self) -> bool {
        let mut connections = self.connections.lock();
        let is_old = |(_, since): &(AtHand, Instant)| since.elapsed() >= IDLE_MAX;
        let old = connections.idle.partition_point(is_old);
        let closed: Vec<_> = connections.idle.drain(..old).collect();
        connections.is_watched = connections.used > 0 || !connections.idle.is_empty();
        let is_watched = connections.is_watched;
        drop(connections);
        drop(closed);
        is_watched
    }

    /// Takes no more reads, waits for those that run, and closes every connection.
    pub(super) fn close(&self) {
        let mut connections = self.connections.lock();
        connections.is_closed = true;
        self.given_back.notify_all();
        while connections.used > 0 {
            self.given_back.wait(&mut connections);
        }
        let idle = std::mem::take(&mut connections.idle);
        drop(connections);
        drop(idle);
    }
}

async fn close_idle(lookups: Weak<Lookups>) {
    loop {
        tokio::time::sleep(IDLE_MAX).await;
        match lookups.upgrade() {
            Some(lookups) if lookups.close_old() => {}
            _ => return,
        }
    }
}

/// A read transaction, which ends with it.
pub(super) struct Snapshot {
    lookups: Arc<Lookups>,
    /// Absent where it could not be opened, or its transaction not be ended.
    connection: Option<AtHand>,
}

impl Snapshot {
    /// The connection.
    ///
    /// # Panics
    /// Never: it is only absent before it is opened, and while it goes.
    pub(super) fn source(&mut self) -> &mut AtHand {
        #[expect(clippy::expect_used, reason = "see above")]
        self.connection.as_mut().expect("is open")
    }

    fn execute(&mut self, sql: &str) -> Result<(), StoreError> {
        self.source().execute(sql)
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        if self.connection.is_some()
            && let Err(error) = self.execute("COMMIT")
        {
            // SQLite has ended it, or cannot; a new connection is sure to have none open.
            tracing::debug!(%error, "a connection for reads is opened anew");
            self.connection = None;
        }
        self.lookups.give_back(self.connection.take());
    }
}

/// The outcome of what waits for nothing, as a connection at hand never does.
pub(super) fn at_once<T>(
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    work.now_or_never().unwrap_or_else(|| {
        let reason = "a read at hand has waited".to_owned();
        Err(StoreError::Malformed { what: "read", reason })
    })
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use akidb_core::{DocumentId, Metadata, Seq};
    use akidb_engine::{KnownText, NewRow, PassageVector, RowVectors, UpsertRules, Write};
    use sqlx::{Connection as _, SqliteConnection};

    use super::*;
    use crate::{DocumentStore, StoreOptions, VectorsPerDocument};

    fn options(vectors_per_document: VectorsPerDocument) -> StoreOptions {
        let metrics = StoreMetrics::register(&prometheus::Registry::new()).unwrap();
        StoreOptions { readers_max: 2, vectors_per_document, ..StoreOptions::plain(metrics) }
    }

    fn row(id: impl Into<DocumentId>, passages: Option<usize>) -> NewRow {
        let passage = |at: usize| PassageVector { bytes: Some(at..at + 1), vector: vec![1.0, 2.0] };
        let embedded = akidb_engine::EmbeddedText {
            hash: akidb_engine::TextHash::from_bytes(&[7; 16]).unwrap(),
            tokens: 3,
            truncated: false,
            unknown_tokens: Some(1),
        };
        NewRow {
            expiry: akidb_core::Expiry::Unsaid,
            id: id.into(),
            text: Some("abcdef".to_owned()),
            metadata: Metadata::default(),
            vectors: Some(match passages {
                None => RowVectors::Given(vec![1.0, 2.0]),
                Some(count) => RowVectors::Embedded(KnownText {
                    passages: (0..count).map(passage).collect(),
                    embedded,
                }),
            }),
            fields: Vec::new(),
            if_seq: None,
        }
    }

    async fn store_of(
        folder: &std::path::Path,
        per_document: VectorsPerDocument,
        rows: Vec<NewRow>,
    ) -> DocumentStore {
        let loader = DocumentStore::open(folder, options(per_document)).await.unwrap();
        let store = loader.start(|_| {});
        let deadline = tokio::time::Instant::now() + Duration::from_secs(600);
        store.write(Write::Upsert(rows, UpsertRules::default()), deadline).await.unwrap();
        store
    }

    /// What a search reads is what a write and a page read, whatever a damaged row has in its columns.
    #[tokio::test]
    async fn both_drivers_read_the_same() {
        use VectorsPerDocument::{One, Several};
        for (per_document, passages) in [(One, None), (Several, Some(3))] {
            for damage in [
                "UPDATE documents SET text = NULL WHERE seq = 1",
                "UPDATE documents SET checksum = checksum + 1 WHERE seq = 1",
                "UPDATE documents SET id = 5 WHERE seq = 1",
                "UPDATE documents SET id = x'ff' WHERE seq = 1",
                "UPDATE documents SET id = 1.5 WHERE seq = 1",
                "UPDATE documents SET first_seq = 0 WHERE seq = 1",
                "UPDATE documents SET fields = '' WHERE seq = 1",
                "UPDATE vectors SET vector = x'0000' WHERE seq = 1",
                "UPDATE vectors SET tokens = 4, truncated = NULL WHERE seq = 1",
                "UPDATE vectors SET document_seq = NULL WHERE document_seq = 1",
                "DELETE FROM vectors WHERE seq <= 2",
            ] {
                let folder = tempfile::tempdir().unwrap();
                let names = ["a", "b"].map(|id| DocumentId::from_text(id.to_owned()).unwrap());
                let [a, b] = names.clone();
                let rows = vec![row(a, passages), row(b, passages), row(7, passages)];
                let store = store_of(folder.path(), per_document, rows).await;
                let path = folder.path().join("documents.db");
                let url = format!("sqlite://{}", path.display());
                let mut connection = SqliteConnection::connect(&url).await.unwrap();
                let damage_sql =
                    sqlx::AssertSqlSafe(format!("PRAGMA ignore_check_constraints = 1; {damage}"));
                sqlx::raw_sql(damage_sql).execute(&mut connection).await.unwrap();
                let fields = store.fields();
                let ids: Vec<DocumentId> = names.into_iter().chain([7.into(), 8.into()]).collect();
                let seqs: Vec<Seq> = (1..12).map(Seq).collect();
                for keys in [Keys::Ids(&ids), Keys::Seqs(&seqs)] {
                    for parts in [Parts::Row, Parts::Texts, Parts::Vectors] {
                        let metrics = &store.metrics;
                        let mut snapshot = store.lookups.begin().unwrap();
                        let source = snapshot.source();
                        let mut here = Reader { connection: source, fields: &fields, metrics };
                        let here = at_once(here.rows(keys, parts)).unwrap().rows;
                        let connection = &mut connection;
                        let mut there = Reader { connection, fields: &fields, metrics };
                        let there = there.rows(keys, parts).await.unwrap().rows;
                        let sorted = |mut rows: Rows| {
                            rows.documents.sort_by_key(|document| document.seq);
                            rows.damaged.sort_by_key(|damaged| damaged.seq);
                            rows
                        };
                        assert!(!there.documents.is_empty(), "{damage}");
                        assert_eq!(sorted(here), sorted(there), "{damage} {parts:?}");
                    }
                }
            }
        }
    }

    #[tokio::test]
    async fn connections_are_bounded_and_a_read_of_before_keeps_no_log() {
        let folder = tempfile::tempdir().unwrap();
        let rows = vec![row(1, None)];
        let store = store_of(folder.path(), VectorsPerDocument::One, rows).await;
        let lookups = &store.lookups;
        assert!(!lookups.are_quick(1), "a connection is to be opened first");
        let [first, second] = [lookups.begin().unwrap(), lookups.begin().unwrap()];
        assert!(!lookups.are_quick(1), "all are used");
        let waiting = Arc::clone(lookups);
        let third = std::thread::spawn(move || waiting.begin().map(drop));
        drop(first);
        third.join().unwrap().unwrap();
        drop(second);
        assert_eq!(
            lookups.connections.lock().idle.len(),
            1,
            "that thread had no one to look after it"
        );
        assert!(lookups.are_quick(1));
        assert_eq!(store.by_seqs(&[Seq(1)], true).await.unwrap().documents.len(), 1);
        store.empty_log().await;
        let log = std::fs::metadata(folder.path().join("documents.db-wal")).unwrap();
        assert_eq!(log.len(), 0);
        let lookups = Arc::clone(lookups);
        store.close().await;
        assert!(matches!(lookups.begin(), Err(StoreError::Closed)));
        assert!(lookups.connections.lock().idle.is_empty());
    }

    #[tokio::test]
    async fn reads_of_a_slow_disk_leave_the_thread() {
        let folder = tempfile::tempdir().unwrap();
        let rows = vec![row(1, None)];
        let store = store_of(folder.path(), VectorsPerDocument::One, rows).await;
        let lookups = &store.lookups;
        drop(lookups.begin().unwrap());
        assert!(lookups.are_quick(10) && !lookups.are_quick(10_000));
        lookups.count(10, Duration::from_secs(1));
        assert!(lookups.are_quick(10), "once is chance");
        (0..8).for_each(|_| lookups.count(10, Duration::from_millis(5)));
        assert!(!lookups.are_quick(10));
        assert_eq!(store.by_seqs(&[Seq(1)], false).await.unwrap().documents.len(), 1);
        (0..50).for_each(|_| lookups.count(10, Duration::from_micros(50)));
        assert!(lookups.are_quick(10));
    }

    #[tokio::test]
    async fn idle_connections_are_closed() {
        let folder = tempfile::tempdir().unwrap();
        let fields = Arc::default();
        let metrics = options(VectorsPerDocument::One).metrics;
        let path = folder.path().join("documents.db");
        drop(rusqlite::Connection::open(&path).unwrap());
        let lookups = Arc::new(Lookups::new(path, 4, fields, metrics));
        drop([lookups.begin().unwrap(), lookups.begin().unwrap()]);
        assert!(lookups.close_old(), "both were just used");
        let long_ago = Instant::now().checked_sub(IDLE_MAX).unwrap();
        lookups.connections.lock().idle[0].1 = long_ago;
        assert!(lookups.close_old());
        assert_eq!(lookups.connections.lock().idle.len(), 1);
        lookups.connections.lock().idle[0].1 = long_ago;
        assert!(!lookups.close_old(), "the last one is gone");
        assert!(!lookups.connections.lock().is_watched);
    }
}
