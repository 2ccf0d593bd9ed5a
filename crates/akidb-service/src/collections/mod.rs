//! The collections of a node: known by name, opened on first use, closed when idle.
//!
//! `entry` is one collection and its opening, `open` what an open one holds. What is asked of
//! documents lives in the operations, not here.

mod entry;
mod open;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use akidb_core::{CollectionName, Error, ErrorCode, IndexSettings, Result};
use akidb_store::{Catalogue, CollectionRow, DataDirectory};
use parking_lot::RwLock;
use tokio::sync::Mutex;
use uuid::Uuid;

pub(crate) use entry::Entry;
pub(crate) use open::OpenCollection;

use crate::{
    IndexConfig, IndexProgress, IndexState, IndexStatus, StorageConfig,
    failure::from_store,
    index_memory::IndexMemory,
    metrics::Metrics,
    projection::{Indexing, Kept, Maintainer},
};

/// How long dropping a collection waits for requests that still use it.
const DROP_WAIT_MAX: Duration = Duration::from_secs(60);

/// What of a collection can be changed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Changeable {
    pub(crate) description: Option<String>,
    pub(crate) index: IndexSettings,
}

/// Every collection of the node.
pub(crate) struct Collections {
    directory: DataDirectory,
    catalogue: Catalogue,
    config: StorageConfig,
    pub(crate) indexing: Indexing,
    by_name: RwLock<BTreeMap<String, Arc<Entry>>>,
    /// Held while the catalogue changes, so that a name is taken once.
    changing: Mutex<()>,
}

impl Collections {
    /// Reads the catalogue and removes what a dropping that was cut short has left.
    pub(crate) async fn open(
        directory: DataDirectory,
        config: StorageConfig,
        index: &IndexConfig,
        metrics: Arc<Metrics>,
    ) -> Result<Self> {
        let catalogue = Catalogue::open(&directory).await.map_err(from_store)?;
        let rows = catalogue.collections().await.map_err(from_store)?;
        let known: std::collections::HashSet<Uuid> = rows.iter().map(|row| row.uuid).collect();
        for uuid in directory.collection_folders().map_err(from_store)? {
            if !known.contains(&uuid) {
                tracing::info!(%uuid, "removing the rest of a dropped collection");
                directory.remove_collection(uuid).map_err(from_store)?;
            }
        }
        let entries = rows.into_iter().map(|row| {
            let folder = directory.collection(row.uuid);
            Ok((row.name.as_str().to_owned(), Arc::new(Entry::new(row, folder)?)))
        });
        let by_name = RwLock::new(entries.collect::<Result<_>>()?);
        let maintainer = Maintainer::start().map_err(|error| {
            Error::new(ErrorCode::Internal, format!("cannot start the threads of indexes: {error}"))
        })?;
        let indexing = Indexing {
            maintainer,
            memory: Arc::new(IndexMemory::new(index.memory_limit_bytes)),
            thresholds: index.thresholds,
            metrics,
        };
        let collections =
            Self { directory, catalogue, config, indexing, by_name, changing: Mutex::default() };
        collections.count();
        Ok(collections)
    }

    /// The collection of a name.
    pub(crate) fn find(&self, name: &str) -> Result<Arc<Entry>> {
        CollectionName::new(name)
            .map_err(|fault| Error::at(ErrorCode::InvalidName, "collection", fault))?;
        self.by_name.read().get(name).cloned().ok_or_else(|| {
            Error::new(ErrorCode::CollectionNotFound, format!("no collection is named {name:?}"))
        })
    }

    /// The open collection of a name, opened where it is not.
    pub(crate) async fn open_by_name(&self, name: &str) -> Result<Arc<OpenCollection>> {
        self.open_entry(&self.find(name)?).await
    }

    /// Opens a collection where it is not open.
    pub(crate) async fn open_entry(&self, entry: &Arc<Entry>) -> Result<Arc<OpenCollection>> {
        if let Some(open) = entry.opened() {
            return Ok(open);
        }
        self.close_least_recently_used().await;
        entry.open(&self.config, &self.indexing).await
    }

    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        self.by_name.read().values().cloned().collect()
    }

    /// Adds a collection whose name must be free.
    pub(crate) async fn create(
        &self,
        row: CollectionRow,
        collections_max: usize,
    ) -> Result<Arc<Entry>> {
        let _changing = self.changing.lock().await;
        let count = self.by_name.read().len();
        if self.by_name.read().contains_key(row.name.as_str()) {
            let message = format!("a collection named {:?} exists already", row.name.as_str());
            return Err(Error::new(ErrorCode::CollectionExists, message));
        }
        if count >= collections_max {
            let message = format!("the node has {count} collections, its limit `collections`");
            return Err(Error::new(ErrorCode::LimitExceeded, message));
        }
        self.close_least_recently_used().await;
        match self.create_files(&row).await {
            Ok(entry) => {
                self.by_name.write().insert(row.name.as_str().to_owned(), Arc::clone(&entry));
                self.count();
                Ok(entry)
            }
            Err(error) => {
                if let Err(error) = self.directory.remove_collection(row.uuid) {
                    tracing::warn!(%error, "the rest of a failed creation stays until the restart");
                }
                Err(error)
            }
        }
    }

    /// The files first, then the catalogue: what it names is always there.
    async fn create_files(&self, row: &CollectionRow) -> Result<Arc<Entry>> {
        let folder = self.directory.create_collection(row.uuid).map_err(from_store)?;
        let entry = Arc::new(Entry::new(row.clone(), folder)?);
        entry.create(&self.config, &self.indexing).await?;
        match self.catalogue.insert(row).await {
            Ok(()) => Ok(entry),
            Err(error) => {
                entry.close_when_unused(DROP_WAIT_MAX, Kept::No).await;
                Err(from_store(error))
            }
        }
    }

    /// Changes what of a collection can be changed to what `change` makes of it.
    pub(crate) async fn change(
        &self,
        entry: &Entry,
        change: impl FnOnce(Changeable) -> Result<Changeable>,
    ) -> Result<()> {
        let _changing = self.changing.lock().await;
        let before = entry.changeable();
        let after = change(before.clone())?;
        if after == before {
            return Ok(());
        }
        let Changeable { description, index } = &after;
        let stored = self.catalogue.update(entry.row.uuid, description.as_deref(), index).await;
        stored.map_err(from_store)?;
        entry.set(after).await;
        Ok(())
    }

    /// Drops a collection: out of the catalogue first, so that it is gone whatever happens then;
    /// its disk is free when this returns.
    pub(crate) async fn drop(&self, name: &str) -> Result<()> {
        let entry = {
            let _changing = self.changing.lock().await;
            let entry = self.find(name)?;
            self.catalogue.delete(entry.row.uuid).await.map_err(from_store)?;
            self.by_name.write().remove(name);
            entry
        };
        self.count();
        entry.close_when_unused(DROP_WAIT_MAX, Kept::No).await;
        self.directory.remove_collection(entry.row.uuid).map_err(from_store)
    }

    /// Closes what was not used for the configured time.
    pub(crate) async fn close_idle(&self) {
        for entry in self.all() {
            if entry.idle_for() >= self.config.idle_close_after {
                entry.close_if_unused(Kept::Yes).await;
            }
        }
        self.count();
    }

    /// Makes room for one more open collection, where all places are taken.
    async fn close_least_recently_used(&self) {
        let mut open: Vec<_> = self.all();
        open.retain(|entry| entry.is_open());
        if open.len() < self.config.max_open_collections {
            return;
        }
        open.sort_by_key(|entry| std::cmp::Reverse(entry.idle_for()));
        for entry in open {
            if entry.close_if_unused(Kept::Yes).await {
                return;
            }
        }
    }

    /// The indexes of open collections that are not what their settings ask for yet, by name.
    pub(crate) fn indexes_being_built(&self) -> Vec<IndexProgress> {
        let being_built = |entry: Arc<Entry>| {
            let IndexStatus { state, progress, .. } = entry.peek()?.projection.status();
            let collection = entry.row.name.as_str().to_owned();
            (state != IndexState::Ready).then_some(IndexProgress { collection, state, progress })
        };
        self.all().into_iter().filter_map(being_built).collect()
    }

    /// Brings the gauges up to date.
    pub(crate) fn count(&self) {
        let entries = self.all();
        let open: Vec<_> = entries.iter().filter_map(|entry| entry.peek()).collect();
        let indexes: Vec<_> = open.iter().map(|open| open.projection.status()).collect();
        let documents = open.iter().map(|open| open.store.document_count()).sum();
        self.indexing.metrics.count_indexes(indexes.iter().map(|index| index.state));
        let sum = |of: fn(&IndexStatus) -> u64| indexes.iter().map(of).sum::<u64>();
        for (gauge, value) in [
            (&self.indexing.metrics.collections, entries.len() as u64),
            (&self.indexing.metrics.collections_open, open.len() as u64),
            (&self.indexing.metrics.documents, documents),
            (&self.indexing.metrics.index_vectors, sum(|index| index.vector_count)),
            (&self.indexing.metrics.index_linked_vectors, sum(|index| index.linked_count)),
            (&self.indexing.metrics.index_pending_vectors, sum(|index| index.pending_count)),
            (&self.indexing.metrics.index_memory_bytes, sum(|index| index.memory_bytes)),
            (&self.indexing.metrics.index_hot_memory_bytes, sum(|index| index.hot_memory_bytes)),
        ] {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        }
    }

    /// Closes everything. Requests have ended by now.
    pub(crate) async fn close_all(&self) {
        for entry in self.all() {
            entry.close_when_unused(Duration::from_secs(5), Kept::Yes).await;
        }
    }
}
