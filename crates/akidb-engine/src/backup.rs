//! Backups: all collections as of one moment, kept beside the data.

use uuid::Uuid;

/// A backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupInfo {
    /// Its identity, a UUIDv7.
    pub id: Uuid,
    /// Milliseconds since the Unix epoch, of the moment that it is of.
    pub created_unix_ms: i64,
    /// The version of AkiDB that wrote it.
    pub version: String,
    /// What its files take.
    pub bytes: u64,
    /// By name.
    pub collections: Vec<CollectionInBackup>,
    /// Why it can not be used, where what it says of itself can not be read; all else is empty then.
    pub fault: Option<String>,
}

/// A collection of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionInBackup {
    /// Its identity.
    pub uuid: Uuid,
    /// What it was called.
    pub name: String,
    /// How many documents it had.
    pub document_count: u64,
    /// What its database takes.
    pub bytes: u64,
}
