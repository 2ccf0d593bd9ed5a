//! The engine: opened once, with what it does in the background.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use akidb_core::{Error, ErrorCode, FieldName, Result};
use akidb_engine::{
    Alias, AliasAction, BackupInfo, Collection, CollectionRecord, CopyWork, EngineStatus,
    KeyRecord, Progress, SettingsChange, ShadowChange, StorageEngine, StorageFinding, TaskRecord,
    UnopenedCollection, VectorField, WorkEnd,
};
use akidb_store::{DataDirectory, DiskSpace, StoreError};
use async_trait::async_trait;
use prometheus::Registry;
use uuid::Uuid;

use crate::{
    LocalConfig,
    collection::LocalCollection,
    collections::{Collections, Entry},
    metrics::Metrics,
};

/// How often the room on the disk is looked at where no write does.
const WATCH_SPACE_EVERY: Duration = Duration::from_secs(1);

/// How often it is looked whether documents have expired. They are in no answer meanwhile.
const DELETE_EXPIRED_EVERY: Duration = Duration::from_secs(1);

/// How often a lock that another process holds is tried again.
const LOCK_POLL_EVERY: Duration = Duration::from_millis(50);

/// How often the files of the data directory are counted.
const LOOK_AT_DISK_EVERY: Duration = Duration::from_secs(15);

/// The storage of one node, in one data directory; clones share it.
#[derive(Clone)]
pub struct LocalEngine {
    collections: Arc<Collections>,
}

/// The storage of a node can not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data directory can not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The catalogue or a metric is not sound.
    #[error("{0}")]
    Node(#[from] Error),
}

impl fmt::Debug for LocalEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalEngine").finish_non_exhaustive()
    }
}

impl LocalEngine {
    /// Locks the data directory, reads the catalogue, and reports to `registry` from now on.
    /// Collections open on first use.
    ///
    /// # Errors
    /// See [`OpenError`]; nothing is left running then.
    pub async fn open(config: LocalConfig, registry: &Registry) -> Result<Self, OpenError> {
        let LocalConfig { data_dir, storage, index, backup, clock } = config;
        let metrics = Metrics::register(registry)
            .map_err(|error| Error::new(ErrorCode::Internal, error.to_string()))?;
        let metrics = Arc::new(metrics);
        let directory = lock_directory(&data_dir, storage.lock_wait).await?;
        let min_free_bytes = storage.min_free_bytes;
        let space = DiskSpace::open(directory.root(), min_free_bytes, metrics.store.clone());
        let (space, idle_close_after) = (Arc::new(space), storage.idle_close_after);
        let opened = Collections::open(
            directory,
            (storage, backup),
            (&index, clock),
            Arc::clone(&metrics),
            Arc::clone(&space),
        );
        let collections = Arc::new(opened.await?);
        let weak = || Arc::downgrade(&collections);
        tokio::spawn(close_idle_collections(weak(), idle_close_after / 4));
        tokio::spawn(look_at_disk(weak(), data_dir));
        tokio::spawn(count_closed(collections.all()));
        collections.look_at_backups().await;
        tokio::spawn(watch_space(weak(), space));
        tokio::spawn(delete_expired(weak()));
        Ok(Self { collections })
    }

    fn collection(&self, entry: Arc<Entry>) -> Arc<dyn Collection> {
        Arc::new(LocalCollection::new(Arc::clone(&self.collections), entry))
    }
}

#[async_trait]
impl StorageEngine for LocalEngine {
    fn collections(&self) -> Vec<Arc<CollectionRecord>> {
        self.collections.records()
    }

    fn open(&self, name: &str) -> Result<Arc<dyn Collection>> {
        Ok(self.collection(self.collections.find(name)?))
    }

    async fn create(
        &self,
        record: CollectionRecord,
        collections_max: usize,
        deadline: Instant,
    ) -> Result<Arc<dyn Collection>> {
        let entry = self.collections.create(record, collections_max, deadline.into()).await?;
        Ok(self.collection(entry))
    }

    async fn update(
        &self,
        name: &str,
        change: SettingsChange,
        deadline: Instant,
    ) -> Result<Arc<dyn Collection>> {
        Ok(self.collection(self.collections.change(name, change, deadline.into()).await?))
    }

    fn aliases(&self) -> Vec<Alias> {
        self.collections.aliases()
    }

    async fn change_aliases(
        &self,
        actions: Vec<AliasAction>,
        aliases_max: usize,
        deadline: Instant,
    ) -> Result<Vec<Alias>> {
        self.collections.change_aliases(actions, aliases_max, deadline.into()).await
    }

    async fn add_field(
        &self,
        collection: &str,
        field: VectorField,
        deadline: Instant,
    ) -> Result<Arc<dyn Collection>> {
        let added = self.collections.add_field(collection, field, deadline.into());
        Ok(self.collection(added.await?))
    }

    async fn drop_field(
        &self,
        collection: &str,
        field: &FieldName,
        deadline: Instant,
    ) -> Result<Arc<dyn Collection>> {
        let collections = &self.collections;
        let drop = || collections.drop_field(collection, field, deadline.into());
        Ok(self.collection(collections.making_room(drop).await?))
    }

    async fn change_shadow(
        &self,
        collection: Uuid,
        field: &FieldName,
        change: ShadowChange,
        deadline: Instant,
    ) -> Result<Arc<dyn Collection>> {
        let collections = &self.collections;
        let changed =
            || collections.change_shadow(collection, field, change.clone(), deadline.into());
        let entry = match change {
            ShadowChange::Drop => collections.making_room(changed).await?,
            _ => changed().await?,
        };
        Ok(self.collection(entry))
    }

    async fn delete(&self, name: &str, deadline: Instant) -> Result<()> {
        let collections = &self.collections;
        collections.making_room(|| collections.drop(name, deadline.into())).await
    }

    async fn copy(
        &self,
        copy: CopyWork,
        collections_max: usize,
        progress: Progress,
    ) -> Result<WorkEnd> {
        self.collections.copy(copy, collections_max, progress).await
    }

    async fn back_up(&self, id: Uuid, progress: Progress) -> Result<WorkEnd> {
        self.collections.back_up(id, progress).await
    }

    async fn backups(&self) -> Result<Vec<BackupInfo>> {
        self.collections.backups().await
    }

    async fn delete_backup(&self, id: Uuid) -> Result<()> {
        self.collections.delete_backup(id).await
    }

    fn tasks(&self) -> Vec<Arc<TaskRecord>> {
        self.collections.tasks()
    }

    async fn keep_task(&self, task: TaskRecord, forgotten: Vec<Uuid>) -> Result<()> {
        self.collections.keep_task(task, forgotten).await
    }

    fn keys(&self) -> Vec<Arc<KeyRecord>> {
        self.collections.keys()
    }

    fn key(&self, id: &str) -> Option<Arc<KeyRecord>> {
        self.collections.key(id)
    }

    fn has_had_keys(&self) -> bool {
        self.collections.has_had_keys()
    }

    async fn keep_key(&self, key: KeyRecord, forgotten: Vec<String>) -> Result<()> {
        self.collections.keep_key(key, forgotten).await
    }

    fn check_space(&self) -> Result<()> {
        Ok(self.collections.indexing.space.check()?)
    }

    fn status(&self) -> EngineStatus {
        let entries = self.collections.all();
        let unopened = entries.iter().filter_map(|entry| {
            let reason = entry.unopened()?;
            Some(UnopenedCollection { name: entry.record().name.clone(), reason })
        });
        let findings = self.collections.findings().iter();
        let low_space = self.collections.indexing.space.check().err();
        EngineStatus {
            collections: entries.len(),
            read_only: low_space.map(|reason| reason.to_string()),
            findings: findings
                .map(|it| StorageFinding { kind: it.kind.as_str(), detail: it.detail.clone() })
                .collect(),
            set_aside: self.collections.set_aside_count(),
            unopened: unopened.collect(),
            indexes: self.collections.indexes_being_built(),
        }
    }

    fn look_at_metrics(&self) {
        self.collections.count();
    }

    async fn failed(&self) {
        self.collections.indexing.fail_stop.stopped().await;
    }

    async fn close(&self) {
        self.collections.close_all().await;
    }
}

/// Opens a data directory. A process that was killed moments ago is waited for: its lock goes when
/// the system has taken it down, which takes as long as it has memory.
async fn lock_directory(data_dir: &Path, wait: Duration) -> Result<DataDirectory, StoreError> {
    let started = Instant::now();
    let mut has_told = false;
    loop {
        match DataDirectory::open(data_dir) {
            Err(error @ StoreError::Locked { .. }) if started.elapsed() < wait => {
                if !has_told {
                    tracing::info!(%error, "waiting for it");
                }
                has_told = true;
                tokio::time::sleep(LOCK_POLL_EVERY).await;
            }
            opened => return opened,
        }
    }
}

async fn close_idle_collections(collections: Weak<Collections>, every: Duration) {
    let every = every.max(Duration::from_millis(100));
    loop {
        tokio::time::sleep(every).await;
        let Some(collections) = collections.upgrade() else { return };
        collections.close_idle().await;
    }
}

/// Counts what the collections hold that nobody uses. It holds none of the node, which may end.
async fn count_closed(collections: Vec<Arc<Entry>>) {
    for collection in collections {
        collection.count_closed().await;
    }
}

/// Deletes documents that have expired, soon after.
async fn delete_expired(collections: Weak<Collections>) {
    loop {
        tokio::time::sleep(DELETE_EXPIRED_EVERY).await;
        let Some(collections) = collections.upgrade() else { return };
        collections.delete_expired().await;
    }
}

/// Lets writes end and begin again where none comes. It never holds the node, which may end.
async fn watch_space(collections: Weak<Collections>, space: Arc<DiskSpace>) {
    while collections.strong_count() > 0 {
        space.look();
        tokio::time::sleep(WATCH_SPACE_EVERY).await;
    }
}

async fn look_at_disk(collections: Weak<Collections>, data_dir: PathBuf) {
    loop {
        let metrics = collections.upgrade().map(|it| Arc::clone(&it.indexing.metrics));
        let Some(metrics) = metrics else { return };
        let data_dir = data_dir.clone();
        // The runtime that is gone needs no numbers.
        let _ = tokio::task::spawn_blocking(move || metrics.disk.look(&data_dir)).await;
        tokio::time::sleep(LOOK_AT_DISK_EVERY).await;
    }
}
