//! Backups: the databases of all collections as of one moment, copied beside whatever goes on.

use std::sync::Arc;

use akidb_core::Result;
use akidb_engine::{BackupInfo, Clock, Progress, WorkEnd};
use akidb_store::{BackupFolder, CopyWatch, Moment, NewBackup, StoreError};
use uuid::Uuid;

use super::Collections;

/// What a backup looks at on its way.
#[derive(Clone)]
struct Watch(Progress);

impl CopyWatch for Watch {
    fn is_stopped(&self) -> bool {
        self.0.is_stopped()
    }

    fn copied(&self, part: f32) {
        self.0.set_part(part);
    }
}

impl Collections {
    /// Writes a backup of all collections. Nothing is left of one that fails or is stopped.
    pub(crate) async fn back_up(self: &Arc<Self>, id: Uuid, progress: Progress) -> Result<WorkEnd> {
        let this = Arc::clone(self);
        self.detached(async move { this.back_up_whole(id, progress).await }).await
    }

    async fn back_up_whole(&self, id: Uuid, progress: Progress) -> Result<WorkEnd> {
        let backups = self.backup_folder();
        let log_bytes_max = self.backup.log_bytes_max;
        let root = self.catalogue.directory().root().to_owned();
        // A node before may have come as far as that.
        let is_there = {
            let backups = backups.clone();
            in_background(move || Ok(backups.read(id).is_ok())).await?
        };
        if is_there {
            return Ok(WorkEnd::Done);
        }
        if backups.is_on_disk_of(&root) {
            let needed = self.all().iter().map(|entry| entry.database_bytes()).sum();
            self.indexing.space.check_for(needed)?;
        }
        let moment = {
            let _changing = self.changing.lock().await;
            let collections = self.all().into_iter().map(|entry| {
                let record = entry.record();
                (record.uuid, record.name.as_str().to_owned(), entry.folder().to_owned())
            });
            let (collections, gate) = (collections.collect(), self.indexing.commits.clone());
            let new = NewBackup {
                id,
                created_unix_ms: Clock::System.now().unix_ms(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                log_bytes_max,
            };
            in_background(move || Moment::take(&root, collections, &gate, (&backups, new))).await
        };
        let moment = moment.map_err(|error| self.indexing.space.explain(error))?;
        self.indexing.metrics.backups.held_seconds.observe(moment.held().as_secs_f64());
        let written = in_background(move || moment.write(&Watch(progress))).await;
        let written = written.map_err(|error| self.indexing.space.explain(error))?;
        self.look_at_backups().await;
        Ok(if written.is_some() { WorkEnd::Done } else { WorkEnd::Stopped })
    }

    /// Every backup that is whole, the oldest first.
    pub(crate) async fn backups(&self) -> Result<Vec<BackupInfo>> {
        let backups = self.backup_folder();
        Ok(in_background(move || backups.list()).await?)
    }

    /// Removes a backup.
    pub(crate) async fn delete_backup(self: &Arc<Self>, id: Uuid) -> Result<()> {
        let (this, backups) = (Arc::clone(self), self.backup_folder());
        let delete = async move {
            in_background(move || backups.delete(id)).await?;
            this.look_at_backups().await;
            Ok(())
        };
        self.detached(delete).await
    }

    /// Tells of the newest backup.
    pub(crate) async fn look_at_backups(&self) {
        // Those that can not be looked at are told by whoever asks for them.
        let Ok(backups) = self.backups().await else { return };
        let sound = backups.iter().filter(|backup| backup.fault.is_none());
        let newest = sound.map(|backup| backup.created_unix_ms / 1_000).max();
        self.indexing.metrics.backups.newest.set(newest.unwrap_or(0));
    }

    fn backup_folder(&self) -> BackupFolder {
        BackupFolder::new(self.backup.folder(self.catalogue.directory().root()))
    }
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> std::result::Result<T, StoreError> + Send + 'static,
) -> std::result::Result<T, StoreError> {
    // Where the runtime ends it is as if the node had been killed.
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(StoreError::Closed))
}
