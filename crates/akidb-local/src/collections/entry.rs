//! One collection, open or not.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use akidb_core::{Error, ErrorCode, Result, Timestamp};
use akidb_engine::CollectionRecord;
use akidb_store::{Catalogue, ClosedCount, DocumentStore};
use parking_lot::RwLock;
use tokio::sync::Mutex;

use super::OpenCollection;
use crate::{
    StorageConfig,
    disk::size_of,
    projection::{Indexing, Kept, index_folder},
};

/// A collection that the catalogue has.
pub(crate) struct Entry {
    record: RwLock<Arc<CollectionRecord>>,
    folder: PathBuf,
    open: RwLock<Option<Arc<OpenCollection>>>,
    /// Whether the catalogue has it no more: it is not opened again.
    dropped: AtomicBool,
    /// Why it could not be opened, until it can.
    unopened: RwLock<Option<String>>,
    /// Held while opening and closing.
    changing: Mutex<()>,
    born: Instant,
    last_used_ms: AtomicU64,
    /// Documents when it was last closed, or [`NOT_COUNTED`].
    closed_documents: AtomicU64,
    /// When the first document expires, in Unix milliseconds, as of then; [`NEVER`] where none does.
    closed_expiry: AtomicI64,
}

/// Stands for a number that nobody has counted yet.
const NOT_COUNTED: u64 = u64::MAX;

/// Stands for a moment that never comes.
const NEVER: i64 = i64::MAX;

/// A request uses the collection.
struct InUse;

impl Entry {
    pub(super) fn new(record: CollectionRecord, folder: PathBuf) -> Self {
        Self {
            record: RwLock::new(Arc::new(record)),
            folder,
            open: RwLock::default(),
            dropped: AtomicBool::new(false),
            unopened: RwLock::default(),
            changing: Mutex::default(),
            born: Instant::now(),
            last_used_ms: AtomicU64::new(0),
            closed_documents: AtomicU64::new(NOT_COUNTED),
            closed_expiry: AtomicI64::new(NEVER),
        }
    }

    /// What the catalogue has by now.
    pub(crate) fn record(&self) -> Arc<CollectionRecord> {
        Arc::clone(&self.record.read())
    }

    /// Takes what the catalogue has by now. Waits for an opening to end, so that it never goes on
    /// with settings of before.
    pub(super) async fn set(&self, record: CollectionRecord) {
        let _changing = self.changing.lock().await;
        if let Some(open) = self.peek() {
            open.projections.set_settings(&record.fields);
        }
        *self.record.write() = Arc::new(record);
    }

    /// Takes other names, which an opening does not look at.
    pub(super) fn set_names(&self, record: CollectionRecord) {
        *self.record.write() = Arc::new(record);
    }

    /// Refuses whoever still holds the entry of a collection that was dropped.
    pub(super) fn check_not_dropped(&self) -> Result<()> {
        if self.dropped.load(Ordering::Acquire) {
            let message = format!("the collection {:?} was dropped", self.record().name.as_str());
            return Err(Error::new(ErrorCode::CollectionNotFound, message));
        }
        Ok(())
    }

    pub(super) fn is_dropped(&self) -> bool {
        self.dropped.load(Ordering::Acquire)
    }

    pub(super) fn set_dropped(&self) {
        self.dropped.store(true, Ordering::Release);
    }

    /// The open collection, and a note that it was used.
    pub(super) fn opened(&self) -> Option<Arc<OpenCollection>> {
        let now = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_used_ms.store(now, Ordering::Relaxed);
        self.peek()
    }

    /// The open collection.
    pub(super) fn peek(&self) -> Option<Arc<OpenCollection>> {
        self.open.read().clone()
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.read().is_some()
    }

    pub(super) fn idle_for(&self) -> Duration {
        let last_used = Duration::from_millis(self.last_used_ms.load(Ordering::Relaxed));
        self.born.elapsed().saturating_sub(last_used)
    }

    /// Opens it. Must not be cut short, as the rest of an opening could meet the next one.
    pub(super) async fn open(
        &self,
        catalogue: &Catalogue,
        config: &StorageConfig,
        indexing: &Indexing,
    ) -> Result<Arc<OpenCollection>> {
        let _changing = self.changing.lock().await;
        self.check_not_dropped()?;
        if let Some(open) = self.opened() {
            return Ok(open);
        }
        let database = self.folder.join("documents.db");
        let opened = if database.is_file() {
            OpenCollection::open(self.record(), &self.folder, catalogue, config, indexing).await
        } else {
            let message = format!("{} is missing", database.display());
            Err(Error::new(ErrorCode::StorageFailed, message))
        };
        let failed = opened.as_ref().err().filter(|error| error.code == ErrorCode::StorageFailed);
        *self.unopened.write() = failed.map(|error| error.message.clone());
        let open = Arc::new(opened?);
        *self.open.write() = Some(Arc::clone(&open));
        Ok(open)
    }

    /// Why the collection could not be opened when it was last tried.
    pub(crate) fn unopened(&self) -> Option<String> {
        self.unopened.read().clone()
    }

    /// Closes the collection unless a request uses it. Says whether it is closed now. Must not be
    /// cut short, as the next opening would meet a writer that has not ended.
    pub(super) async fn close_if_unused(&self, kept: Kept) -> bool {
        let _changing = self.changing.lock().await;
        match self.take_if_unused() {
            Ok(Some(open)) => open.close(kept).await,
            Ok(None) => {}
            Err(InUse) => return false,
        }
        true
    }

    /// What was open, for the caller to close, where no request uses it.
    fn take_if_unused(&self) -> Result<Option<OpenCollection>, InUse> {
        let mut slot = self.open.write();
        // Under the write lock nobody can take another reference.
        match slot.take().map(Arc::try_unwrap) {
            None => Ok(None),
            Some(Ok(open)) => {
                self.closed_documents.store(open.store.document_count(), Ordering::Relaxed);
                self.set_closed_expiry(open.expiries.next());
                Ok(Some(open))
            }
            Some(Err(used)) => {
                *slot = Some(used);
                Err(InUse)
            }
        }
    }

    /// Waits until no request uses the collection, and closes it.
    pub(super) async fn close_when_unused(&self, wait_max: Duration, kept: Kept) {
        if let Some(open) = self.take_when_unused(wait_max).await {
            open.close(kept).await;
        }
    }

    /// Waits until no request uses the collection. What was open is the caller's to close.
    pub(super) async fn take_when_unused(&self, wait_max: Duration) -> Option<OpenCollection> {
        let started = Instant::now();
        loop {
            let changing = self.changing.lock().await;
            if let Ok(open) = self.take_if_unused() {
                return open;
            }
            drop(changing);
            if started.elapsed() > wait_max {
                tracing::warn!(collection = %self.record().name, "requests still use it, not closed");
                return None;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Documents, be it open or not; none where it was not counted since the start.
    pub(super) fn document_count(&self) -> Option<u64> {
        let closed = || Some(self.closed_documents.load(Ordering::Relaxed));
        let open = self.peek().map(|open| open.store.document_count());
        open.or_else(closed).filter(|&count| count != NOT_COUNTED)
    }

    /// Counts the documents of a collection that was not open since the start.
    pub(crate) async fn count_closed(&self) {
        if self.document_count().is_some() {
            return;
        }
        match DocumentStore::count_closed(&self.folder).await {
            Ok(ClosedCount { documents, next_expiry }) => {
                let only_first = |known: u64| (known == NOT_COUNTED).then_some(documents);
                // One that was opened and closed meanwhile knows better.
                let counted = self.closed_documents.fetch_update(
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                    only_first,
                );
                if counted.is_ok() {
                    self.set_closed_expiry(next_expiry);
                }
            }
            Err(error) => {
                tracing::warn!(collection = %self.record().name, %error, "documents were not counted");
            }
        }
    }

    fn set_closed_expiry(&self, next: Option<Timestamp>) {
        let next = next.map_or(NEVER, Timestamp::unix_ms);
        self.closed_expiry.store(next, Ordering::Relaxed);
    }

    /// Looks at the documents of a collection that is not open no earlier than then.
    pub(super) fn put_off_closed_expiry(&self, until: Timestamp) {
        self.closed_expiry.fetch_max(until.unix_ms(), Ordering::Relaxed);
    }

    /// When the first document expires, or has, be it open or not.
    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        if let Some(open) = self.peek() {
            return open.expiries.next();
        }
        let next = self.closed_expiry.load(Ordering::Relaxed);
        (next != NEVER).then(|| Timestamp::from_unix_ms(next))
    }

    /// Where the files of a field's index are.
    pub(super) fn index_folder(&self, field: u32) -> PathBuf {
        index_folder(&self.folder, field)
    }

    /// Bytes of the files of a field's index.
    pub(crate) fn index_disk_bytes(&self, field: u32) -> u64 {
        size_of(&self.index_folder(field))
    }

    /// Where its files are.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Bytes of its database, the log included.
    pub(super) fn database_bytes(&self) -> u64 {
        let files = ["documents.db", "documents.db-wal"].map(|name| self.folder.join(name));
        files.iter().filter_map(|path| path.metadata().ok()).map(|file| file.len()).sum()
    }

    /// Bytes of all files of the collection.
    pub(crate) fn disk_bytes(&self) -> u64 {
        size_of(&self.folder)
    }
}
