//! Backups.

use akidb_service::{BackupInfo, CollectionInBackup};
use serde::Serialize;
use utoipa::ToSchema;

/// A backup of all collections as of one moment.
#[derive(Serialize, ToSchema)]
#[schema(as = Backup, example = json!({
    "id": "01a22a8c-0c33-7335-b376-17d5be95297f", "created_unix_ms": 1_760_000_000_000_u64,
    "version": "0.1.0", "bytes": 212_992, "collections": [
        {"uuid": "01a22a8b-11d7-7a31-9d5e-5f3a4bb1a0c4", "name": "films", "document_count": 1_000, "bytes": 131_072}
    ]
}))]
pub(crate) struct BackupAnswer {
    /// That of the task that wrote it.
    id: String,
    /// Milliseconds since the Unix epoch, of the moment that it is of.
    created_unix_ms: i64,
    /// The version of AkiDB that wrote it.
    version: String,
    /// What its files take.
    bytes: u64,
    /// By name.
    collections: Vec<BackedUpCollectionAnswer>,
    /// Why it can not be used, where what it says of itself can not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

/// A collection of a backup.
#[derive(Serialize, ToSchema)]
#[schema(as = BackedUpCollection)]
struct BackedUpCollectionAnswer {
    /// Its identity.
    uuid: String,
    /// What it was called.
    name: String,
    /// Documents in the backup.
    document_count: u64,
    /// What its database takes.
    bytes: u64,
}

impl From<BackupInfo> for BackupAnswer {
    fn from(backup: BackupInfo) -> Self {
        Self {
            id: backup.id.to_string(),
            created_unix_ms: backup.created_unix_ms,
            version: backup.version,
            bytes: backup.bytes,
            collections: backup.collections.into_iter().map(Into::into).collect(),
            fault: backup.fault,
        }
    }
}

impl From<CollectionInBackup> for BackedUpCollectionAnswer {
    fn from(of: CollectionInBackup) -> Self {
        let CollectionInBackup { uuid, name, document_count, bytes } = of;
        Self { uuid: uuid.to_string(), name, document_count, bytes }
    }
}

/// Every backup, the newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = BackupList)]
pub(crate) struct BackupListAnswer {
    backups: Vec<BackupAnswer>,
}

impl From<Vec<BackupInfo>> for BackupListAnswer {
    fn from(backups: Vec<BackupInfo>) -> Self {
        Self { backups: backups.into_iter().map(BackupAnswer::from).collect() }
    }
}
