//! Backups: begun, listed, shown, deleted.

use akidb_core::{Error, ErrorCode, Result};
use akidb_engine::TaskWork;
use uuid::Uuid;

use crate::{BackupInfo, Operation, RequestContext, Service, TaskInfo};

impl Service {
    /// Begins to write a backup of all collections as of one moment. It has the id of the task, and is there when
    /// the task has succeeded.
    ///
    /// # Errors
    /// When another task writes one, there are too many tasks, or storage is full.
    pub async fn back_up(&self, context: &RequestContext) -> Result<TaskInfo> {
        self.run(context, Operation::BackUp, async {
            let task = self.inner.tasks.begin(self, TaskWork::BackUp, context.deadline);
            Ok(self.kept_task(&*task.await?))
        })
        .await
    }

    /// Every backup that is whole, the newest first.
    ///
    /// # Errors
    /// When the folder of backups can not be read.
    pub async fn backups(&self, context: &RequestContext) -> Result<Vec<BackupInfo>> {
        self.run(context, Operation::Backups, async {
            let mut backups = self.inner.engine.backups().await?;
            backups.reverse();
            Ok(backups)
        })
        .await
    }

    /// A backup.
    ///
    /// # Errors
    /// When there is none of the id.
    pub async fn backup(&self, context: &RequestContext, id: &str) -> Result<BackupInfo> {
        self.run(context, Operation::Backups, async {
            let backups = self.inner.engine.backups().await?;
            let backup = backups.into_iter().find(|backup| backup.id.to_string() == id);
            backup.ok_or_else(|| not_found(id))
        })
        .await
    }

    /// Deletes a backup.
    ///
    /// # Errors
    /// When there is none of the id, or storage fails.
    pub async fn delete_backup(&self, context: &RequestContext, id: &str) -> Result<()> {
        self.run(context, Operation::DeleteBackup.about(id), async {
            let uuid = Uuid::try_parse(id).ok().filter(|uuid| uuid.to_string() == id);
            self.inner.engine.delete_backup(uuid.ok_or_else(|| not_found(id))?).await
        })
        .await
    }
}

fn not_found(id: &str) -> Error {
    let shown: String = id.chars().take(80).collect();
    Error::new(ErrorCode::BackupNotFound, format!("no backup has the id {shown:?}"))
}
