//! Backups.

use serde::{Deserialize, de::IgnoredAny};

use crate::{Client, Request, RequestError, Task};

const BACKUPS: [&str; 3] = ["v1", "admin", "backups"];

/// A backup of all collections as of one moment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Backup {
    /// That of the task that wrote it.
    pub id: String,
    /// Milliseconds since the Unix epoch, of the moment that it is of.
    pub created_unix_ms: i64,
    /// The version of AkiDB that wrote it.
    pub version: String,
    /// What its files take.
    pub bytes: u64,
    /// By name.
    pub collections: Vec<BackedUpCollection>,
    /// Why it can not be used, where what it says of itself can not be read.
    pub fault: Option<String>,
}

/// A collection of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct BackedUpCollection {
    /// Its identity.
    pub uuid: String,
    /// What it was called.
    pub name: String,
    /// Documents in the backup.
    pub document_count: u64,
    /// What its database takes, in bytes.
    pub bytes: u64,
}

#[derive(Deserialize)]
struct BackupList {
    backups: Vec<Backup>,
}

impl Client {
    /// Begins to write a backup of all collections as of one moment. It has the id of the task, and is there when
    /// the task has succeeded.
    ///
    /// # Errors
    /// The node's own, such as `task_running`, or no answer.
    pub async fn create_backup(&self) -> Result<Task, RequestError> {
        self.send(Request::post(&BACKUPS)).await
    }

    /// Every backup, the newest first.
    ///
    /// # Errors
    /// The node's own, or no answer.
    pub async fn backups(&self) -> Result<Vec<Backup>, RequestError> {
        Ok(self.send::<BackupList>(Request::get(&BACKUPS)).await?.backups)
    }

    /// A backup.
    ///
    /// # Errors
    /// The node's own, such as `backup_not_found`, or no answer.
    pub async fn backup(&self, id: &str) -> Result<Backup, RequestError> {
        let [version, admin, backups] = BACKUPS;
        self.send(Request::get(&[version, admin, backups, id])).await
    }

    /// Deletes a backup.
    ///
    /// # Errors
    /// The node's own, such as `backup_not_found`, or no answer.
    pub async fn delete_backup(&self, id: &str) -> Result<(), RequestError> {
        let [version, admin, backups] = BACKUPS;
        self.send::<IgnoredAny>(Request::delete(&[version, admin, backups, id])).await?;
        Ok(())
    }
}
