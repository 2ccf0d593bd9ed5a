//! The collections of a node: known by name, opened on first use, closed when idle.
//!
//! `names` is what they are called, `entry` is one collection and its opening, `open` what an open one
//! holds, `changes` what changes which collections there are, `copies` makes one of another, `backups`
//! keeps all of them as of one moment, `fields` which fields one has, `shadows` what stands beside them,
//! `expired` deletes documents whose time is over. What is asked of documents lives in the operations, not
//! here.

mod backups;
mod changes;
mod copies;
mod entry;
mod expired;
mod fields;
mod names;
mod open;
mod shadows;

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use akidb_core::{Error, ErrorCode, Result};
use akidb_engine::{
    Alias, Clock, CollectionRecord, IndexProgress, IndexState, IndexStatus, KeyRecord, TaskRecord,
};
use akidb_store::{
    Catalogue, CommitGate, DataDirectory, DiskSpace, FailStop, Finding, OpenedCatalogue,
};
use futures::future::BoxFuture;
use parking_lot::RwLock;
use tokio::sync::Mutex;
use uuid::Uuid;

pub(crate) use entry::Entry;
pub(crate) use open::OpenCollection;

use self::names::Names;
use crate::{
    BackupConfig, IndexConfig, StorageConfig,
    index_memory::IndexMemory,
    metrics::Metrics,
    projection::{Indexing, Kept, Maintainer},
};

/// Every collection of the node.
pub(crate) struct Collections {
    catalogue: Catalogue,
    config: StorageConfig,
    backup: BackupConfig,
    pub(crate) indexing: Indexing,
    names: RwLock<Names>,
    tasks: RwLock<BTreeMap<Uuid, Arc<TaskRecord>>>,
    keys: RwLock<BTreeMap<String, Arc<KeyRecord>>>,
    /// Whether there is a key, or ever was one.
    has_had_keys: AtomicBool,
    /// What of the catalogue was not as it was left.
    findings: Vec<Finding>,
    /// Held while the catalogue changes, so that a name is taken once.
    changing: Mutex<()>,
    /// Held, shared, by work that goes on when whoever asked for it is gone.
    running: Arc<tokio::sync::RwLock<()>>,
}

impl Collections {
    /// Opens the catalogue and makes it and the folders agree.
    pub(crate) async fn open(
        directory: DataDirectory,
        (config, backup): (StorageConfig, BackupConfig),
        (index, clock): (&IndexConfig, Clock),
        metrics: Arc<Metrics>,
        space: Arc<DiskSpace>,
    ) -> Result<Self> {
        let fail_stop = FailStop::default();
        let opened = Catalogue::open(Arc::new(directory), fail_stop.clone()).await;
        let opened = opened.map_err(|error| space.explain(error))?;
        let OpenedCatalogue { catalogue, collections, tasks, keys, has_had_keys, findings } =
            opened;
        metrics.count_findings(&findings);
        let entries = collections.into_iter().map(|record| {
            let folder = catalogue.directory().collection(record.uuid);
            Arc::new(Entry::new(record, folder))
        });
        let names = RwLock::new(Names::of(entries));
        let maintainer = Maintainer::start().map_err(|error| {
            Error::new(ErrorCode::Internal, format!("cannot start the threads of indexes: {error}"))
        })?;
        let indexing = Indexing {
            maintainer,
            memory: Arc::new(IndexMemory::new(index.memory_limit_bytes)),
            thresholds: index.thresholds,
            metrics,
            space,
            fail_stop,
            clock,
            commits: CommitGate::default(),
        };
        let collections = Self {
            catalogue,
            config,
            backup,
            indexing,
            names,
            tasks: RwLock::new(tasks.into_iter().map(|task| (task.id, Arc::new(task))).collect()),
            keys: RwLock::new(
                keys.into_iter().map(|key| (key.id.clone(), Arc::new(key))).collect(),
            ),
            has_had_keys: AtomicBool::new(has_had_keys),
            findings,
            changing: Mutex::default(),
            running: Arc::default(),
        };
        collections.count();
        Ok(collections)
    }

    /// What of the catalogue was not as it was left, at this start.
    pub(crate) fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// How many files and folders were set aside and are still there.
    pub(crate) fn set_aside_count(&self) -> u64 {
        akidb_store::set_aside_count(self.catalogue.directory().root())
    }

    /// The collection of a name, be it its own or an alias.
    pub(crate) fn find(&self, name: &str) -> Result<Arc<Entry>> {
        self.names.read().find(name).cloned()
    }

    /// What the collections are, by name and as of one moment.
    pub(crate) fn records(&self) -> Vec<Arc<CollectionRecord>> {
        self.names.read().all().map(|entry| entry.record()).collect()
    }

    /// Every alias, by name.
    pub(crate) fn aliases(&self) -> Vec<Alias> {
        self.names.read().aliases().collect()
    }

    /// Every task that is kept, in the order of their ids.
    pub(crate) fn tasks(&self) -> Vec<Arc<TaskRecord>> {
        self.tasks.read().values().cloned().collect()
    }

    /// Every key that is kept, in the order of their ids.
    pub(crate) fn keys(&self) -> Vec<Arc<KeyRecord>> {
        self.keys.read().values().cloned().collect()
    }

    /// The key of an id.
    pub(crate) fn key(&self, id: &str) -> Option<Arc<KeyRecord>> {
        self.keys.read().get(id).cloned()
    }

    /// Whether there is a key, or ever was one.
    pub(crate) fn has_had_keys(&self) -> bool {
        self.has_had_keys.load(Ordering::Acquire)
    }

    /// Opens a collection where it is not open. The opening goes on when whoever asked is gone: who
    /// comes next need not begin anew.
    pub(crate) async fn open_entry(
        self: &Arc<Self>,
        entry: &Arc<Entry>,
    ) -> Result<Arc<OpenCollection>> {
        entry.check_not_dropped()?;
        if let Some(open) = entry.opened() {
            return Ok(open);
        }
        self.detached(Arc::clone(self).opening(Arc::clone(entry))).await
    }

    /// On the heap, as whoever opens a collection is deep in other futures.
    fn opening(
        self: Arc<Self>,
        entry: Arc<Entry>,
    ) -> BoxFuture<'static, Result<Arc<OpenCollection>>> {
        Box::pin(async move {
            self.close_least_recently_used().await;
            // Opening makes files, for which the ballast may have to go.
            self.indexing.space.look();
            let open = || entry.open(&self.catalogue, &self.config, &self.indexing);
            let opened = self.making_room(open).await;
            if opened.is_ok() && !entry.record().dropped_fields.is_empty() {
                tokio::spawn(Arc::clone(&self).finish_drops(entry));
            }
            opened
        })
    }

    /// Does something that has to work on a full disk: a deletion, or an opening to read. Where it met
    /// one it is tried again with the logs of open collections emptied, and with the ballast given
    /// back.
    pub(crate) async fn making_room<T, A: Future<Output = Result<T>>>(
        &self,
        attempt: impl Fn() -> A,
    ) -> Result<T> {
        let met_full = |outcome: &Result<T>| {
            outcome.as_ref().is_err_and(|error| error.code == ErrorCode::StorageFull)
        };
        let mut outcome = attempt().await;
        if met_full(&outcome) {
            self.indexing.space.note_full();
            self.empty_logs().await;
            outcome = attempt().await;
        }
        if met_full(&outcome) && self.indexing.space.give_back_ballast() {
            outcome = attempt().await;
        }
        outcome
    }

    /// What is in a log is in the database after it.
    async fn empty_logs(&self) {
        for open in self.all().into_iter().filter_map(|entry| entry.peek()) {
            open.store.empty_log().await;
        }
    }

    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        self.names.read().all().cloned().collect()
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
        let mut being_built = Vec::new();
        for (entry, open) in self.all().iter().filter_map(|entry| Some((entry, entry.peek()?))) {
            for (_, projection) in open.projections.fields() {
                let IndexStatus { state, progress, .. } = projection.status();
                if state != IndexState::Ready {
                    let collection = entry.record().name.as_str().to_owned();
                    let field = projection.field().map(|field| field.name.clone());
                    let field = field.unwrap_or_default();
                    being_built.push(IndexProgress { collection, field, state, progress });
                }
            }
        }
        being_built
    }

    /// Brings the gauges up to date.
    pub(crate) fn count(&self) {
        let entries = self.all();
        let open: Vec<_> = entries.iter().filter_map(|entry| entry.peek()).collect();
        let indexes = open.iter().flat_map(|open| open.projections.statuses());
        let indexes: Vec<_> = indexes.map(|(_, status)| status).collect();
        let documents = entries.iter().filter_map(|entry| entry.document_count()).sum();
        self.indexing.metrics.count_indexes(indexes.iter().map(|index| index.state));
        let sum = |of: fn(&IndexStatus) -> u64| indexes.iter().map(of).sum::<u64>();
        for (gauge, value) in [
            (&self.indexing.metrics.collections.all, entries.len() as u64),
            (&self.indexing.metrics.collections.open, open.len() as u64),
            (&self.indexing.metrics.collections.documents, documents),
            (&self.indexing.metrics.indexes.vectors, sum(|index| index.vector_count)),
            (&self.indexing.metrics.indexes.linked_vectors, sum(|index| index.linked_count)),
            (&self.indexing.metrics.indexes.pending_vectors, sum(|index| index.pending_count)),
            (&self.indexing.metrics.indexes.memory_bytes, sum(|index| index.memory_bytes)),
            (&self.indexing.metrics.indexes.hot_memory_bytes, sum(|index| index.hot_memory_bytes)),
        ] {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        }
    }

    /// Closes everything. Requests have ended by now; what goes on without them is waited for.
    pub(crate) async fn close_all(&self) {
        let _none_running = self.running.write().await;
        for entry in self.all() {
            entry.close_when_unused(Duration::from_secs(5), Kept::Yes).await;
        }
        if let Err(error) = self.catalogue.close().await {
            tracing::warn!(%error, "closing the catalogue failed");
        }
    }
}
