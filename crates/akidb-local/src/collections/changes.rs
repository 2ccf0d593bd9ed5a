//! What changes which collections there are, and what they are.
//!
//! Each change runs to its end once it has begun, whatever becomes of the request: its client may
//! leave, its deadline pass. So the catalogue and what is in memory change together or not at all.

use std::{
    future::Future,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use akidb_core::{CollectionName, Error, ErrorCode, Outcome, Result};
use akidb_engine::{Alias, AliasAction, CollectionRecord, KeyRecord, SettingsChange, TaskRecord};
use akidb_store::StoreError;
use tokio::{sync::MutexGuard, time::Instant};
use tracing::Instrument;
use uuid::Uuid;

use super::{Collections, Entry};
use crate::projection::Kept;

/// How long dropping a collection waits for requests that still use it.
const DROP_WAIT_MAX: Duration = Duration::from_secs(60);

impl Collections {
    /// Adds a collection whose name must be free.
    pub(crate) async fn create(
        self: &Arc<Self>,
        record: CollectionRecord,
        collections_max: usize,
        deadline: Instant,
    ) -> Result<Arc<Entry>> {
        let this = Arc::clone(self);
        let create = async move { this.create_whole(record, collections_max, deadline).await };
        self.detached(create).await
    }

    /// Changes the settings of a collection to what `change` makes of them.
    pub(crate) async fn change(
        self: &Arc<Self>,
        name: &str,
        change: SettingsChange,
        deadline: Instant,
    ) -> Result<Arc<Entry>> {
        let (this, name) = (Arc::clone(self), name.to_owned());
        self.detached(async move { this.change_whole(&name, change, deadline).await }).await
    }

    /// Changes aliases, all or none.
    pub(crate) async fn change_aliases(
        self: &Arc<Self>,
        actions: Vec<AliasAction>,
        aliases_max: usize,
        deadline: Instant,
    ) -> Result<Vec<Alias>> {
        let this = Arc::clone(self);
        let change =
            async move { this.change_aliases_whole(&actions, aliases_max, deadline).await };
        self.detached(change).await
    }

    /// Drops a collection; its disk is free when this returns, unless its files can not be removed.
    pub(crate) async fn drop(self: &Arc<Self>, name: &str, deadline: Instant) -> Result<()> {
        let (this, name) = (Arc::clone(self), name.to_owned());
        self.detached(async move { this.drop_whole(&name, deadline).await }).await
    }

    async fn create_whole(
        &self,
        record: CollectionRecord,
        collections_max: usize,
        deadline: Instant,
    ) -> Result<Arc<Entry>> {
        let _changing = self.begin_change(deadline).await?;
        self.check_new(&record.name, collections_max)?;
        let folder = self.catalogue.directory().collection(record.uuid);
        self.catalogue.create(&record).await.map_err(|error| self.not_written(error))?;
        let entry = Arc::new(Entry::new(record, folder));
        self.names.write().insert(Arc::clone(&entry));
        self.count();
        Ok(entry)
    }

    /// Whether there may be another collection, of this name.
    pub(super) fn check_new(&self, name: &CollectionName, collections_max: usize) -> Result<()> {
        let names = self.names.read();
        names.check_free(name)?;
        let count = names.count();
        if count >= collections_max {
            let message = format!("the node has {count} collections, its limit `collections`");
            return Err(Error::new(ErrorCode::LimitExceeded, message));
        }
        Ok(())
    }

    /// Keeps a key, and forgets others.
    pub(crate) async fn keep_key(
        self: &Arc<Self>,
        key: KeyRecord,
        forgotten: Vec<String>,
    ) -> Result<()> {
        let this = Arc::clone(self);
        let keep = async move {
            let _changing = this.changing.lock().await;
            let kept = this.catalogue.keep_key(&key, &forgotten).await;
            kept.map_err(|error| this.not_written(error))?;
            let mut keys = this.keys.write();
            keys.retain(|id, _| !forgotten.contains(id));
            keys.insert(key.id.clone(), Arc::new(key));
            this.has_had_keys.store(true, Ordering::Release);
            Ok(())
        };
        self.detached(keep).await
    }

    /// Keeps a task, and forgets others.
    pub(crate) async fn keep_task(
        self: &Arc<Self>,
        task: TaskRecord,
        forgotten: Vec<Uuid>,
    ) -> Result<()> {
        let this = Arc::clone(self);
        let keep = async move {
            let _changing = this.changing.lock().await;
            let kept = this.catalogue.keep_task(&task, &forgotten).await;
            kept.map_err(|error| this.not_written(error))?;
            let mut tasks = this.tasks.write();
            tasks.retain(|id, _| !forgotten.contains(id));
            tasks.insert(task.id, Arc::new(task));
            Ok(())
        };
        self.detached(keep).await
    }

    async fn change_whole(
        &self,
        name: &str,
        change: SettingsChange,
        deadline: Instant,
    ) -> Result<Arc<Entry>> {
        let _changing = self.begin_change(deadline).await?;
        let entry = self.find(name)?;
        let record = entry.record();
        let after = record.with_settings(change(&record)?);
        if after == *record {
            return Ok(entry);
        }
        if after.name != record.name {
            self.names.read().check_free(&after.name)?;
        }
        self.catalogue.change(&after).await.map_err(|error| self.not_written(error))?;
        let settings = CollectionRecord { name: record.name.clone(), ..after.clone() };
        if settings != *record {
            entry.set(settings).await;
        }
        if after.name != record.name {
            // Under one lock, so that at every moment one of the two names is known.
            let mut names = self.names.write();
            names.remove(&record.name);
            entry.set_names(after);
            names.insert(Arc::clone(&entry));
        }
        Ok(entry)
    }

    async fn change_aliases_whole(
        &self,
        actions: &[AliasAction],
        aliases_max: usize,
        deadline: Instant,
    ) -> Result<Vec<Alias>> {
        let _changing = self.begin_change(deadline).await?;
        let changed = self.names.read().with_actions(actions, aliases_max)?;
        let after = changed.touched.iter().map(|(entry, aliases)| CollectionRecord {
            aliases: aliases.clone(),
            ..CollectionRecord::clone(&entry.record())
        });
        let after: Vec<_> = after.collect();
        if !after.is_empty() {
            self.catalogue.change_all(&after).await.map_err(|error| self.not_written(error))?;
        }
        // Under one lock, so that others see all of it or nothing.
        let mut names = self.names.write();
        for ((entry, _), record) in changed.touched.iter().zip(after) {
            entry.set_names(record);
        }
        names.set_aliases(changed);
        Ok(names.aliases().collect())
    }

    /// Out of the catalogue first, then out of reach of those who ask for it by name. The folder
    /// is marked as soon as no request uses it.
    async fn drop_whole(&self, name: &str, deadline: Instant) -> Result<()> {
        let entry = {
            let _changing = self.begin_change(deadline).await?;
            let entry = Arc::clone(self.names.read().find_to_drop(name)?);
            let dropped = self.catalogue.drop(entry.record().uuid).await;
            // A drop makes room: whoever asked takes up that the disk is full, and tries again.
            dropped.map_err(|error| self.indexing.space.explain(error))?;
            self.names.write().remove(&entry.record().name);
            entry.set_dropped();
            entry
        };
        self.count();
        let open = entry.take_when_unused(DROP_WAIT_MAX).await;
        let projections = open.as_ref().map(|open| Arc::clone(&open.projections));
        if let Some(open) = projections.or_else(|| Some(Arc::clone(&entry.peek()?.projections))) {
            // A snapshot that began after the folder has its new name would be of nothing.
            open.abandon();
        }
        self.catalogue.put_away(entry.record().uuid).await?;
        if let Some(open) = open {
            open.close(Kept::No).await;
        }
        self.catalogue.remove_dropped(entry.record().uuid);
        Ok(())
    }

    /// What a change of the catalogue met. A full disk is a state of the node from then on.
    pub(super) fn not_written(&self, error: StoreError) -> Error {
        let error = Error::from(self.indexing.space.explain(error));
        if error.code == ErrorCode::StorageFull {
            self.indexing.space.note_full();
        }
        error
    }

    /// Waits for its turn, until the deadline: nothing is done by then.
    pub(super) async fn begin_change(&self, deadline: Instant) -> Result<MutexGuard<'_, ()>> {
        let turn = tokio::time::timeout_at(deadline, self.changing.lock()).await;
        turn.map_err(|_| Error::too_late())
    }

    /// Runs work to its end, whether or not this future is dropped.
    pub(super) async fn detached<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let running = Arc::clone(&self.running).read_owned().await;
        let work = async move {
            let _running = running;
            work.await
        };
        let ended = tokio::spawn(work.in_current_span()).await;
        ended.unwrap_or_else(|error| {
            let message = format!("an operation on a collection was cut short: {error}");
            Err(Error::new(ErrorCode::Internal, message).with_outcome(Outcome::Unknown))
        })
    }
}
