//! `backup.json`: what a backup has, and the hash of each file.
//!
//! The file is an envelope: `blake3` is the hash of the text of `backup`, as it stands in the file.

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
};

use akidb_core::Seq;
use akidb_engine::{BackupInfo, CollectionInBackup};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{Position, StoreError, directory::replace_file};

pub(super) const FILE_NAME: &str = "backup.json";

/// The version of the form of a backup. A newer one is not read.
const FORMAT: u32 = 1;

/// Far more than the manifest of all collections that a node may have.
const BYTES_MAX: u64 = 256 << 20;

/// Read of a file at once to hash it.
const READ_BYTES: usize = 1 << 20;

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupManifest {
    format: u32,
    /// Its identity, a UUIDv7.
    pub id: Uuid,
    /// Milliseconds since the Unix epoch, of the moment that it is of.
    pub created_unix_ms: i64,
    /// The version of AkiDB that wrote it.
    pub version: String,
    /// The catalogue.
    pub(super) catalogue: FileOfBackup,
    /// By name.
    pub collections: Vec<BackedUpCollection>,
}

/// A file as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileOfBackup {
    pub(super) bytes: u64,
    pub(super) blake3: String,
}

impl FileOfBackup {
    /// The file as it is.
    pub(super) fn of(path: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Io { action: "reading", path: path.to_owned(), source };
        let mut file = File::open(path).map_err(failed)?;
        let (mut hash, mut bytes, mut read) = (blake3::Hasher::new(), 0, vec![0; READ_BYTES]);
        loop {
            let length = file.read(&mut read).map_err(failed)?;
            if length == 0 {
                break;
            }
            hash.update(&read[..length]);
            bytes += length as u64;
        }
        Ok(Self { bytes, blake3: hash.finalize().to_hex().to_string() })
    }
}

/// A collection of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackedUpCollection {
    /// Its identity.
    pub uuid: Uuid,
    /// What it was called.
    pub name: String,
    /// How many documents it had.
    pub documents: u64,
    /// Where its database was in its history, where that could be told.
    pub(super) position: Option<PositionInBackup>,
    pub(super) file: FileOfBackup,
}

/// Where a database was in its history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PositionInBackup {
    database: Uuid,
    epoch: u64,
    seq: u64,
}

impl From<Position> for PositionInBackup {
    fn from(Position { database, epoch, seq: Seq(seq) }: Position) -> Self {
        Self { database, epoch, seq }
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    blake3: &'a str,
    #[serde(borrow)]
    backup: &'a RawValue,
}

#[derive(Deserialize)]
struct Versioned {
    format: u32,
    #[serde(default)]
    version: String,
}

impl BackupManifest {
    pub(super) fn new(
        (id, created_unix_ms, version): (Uuid, i64, String),
        catalogue: FileOfBackup,
        collections: Vec<BackedUpCollection>,
    ) -> Self {
        Self { format: FORMAT, id, created_unix_ms, version, catalogue, collections }
    }

    /// What there is to be told of it.
    #[must_use]
    pub fn info(&self) -> BackupInfo {
        let collections = self.collections.iter().map(|it| CollectionInBackup {
            uuid: it.uuid,
            name: it.name.clone(),
            document_count: it.documents,
            bytes: it.file.bytes,
        });
        BackupInfo {
            id: self.id,
            created_unix_ms: self.created_unix_ms,
            version: self.version.clone(),
            bytes: self.bytes(),
            collections: collections.collect(),
            fault: None,
        }
    }

    /// What its files take.
    pub(super) fn bytes(&self) -> u64 {
        self.catalogue.bytes + self.collections.iter().map(|it| it.file.bytes).sum::<u64>()
    }

    /// Writes it durably.
    pub(super) fn write(&self, folder: &Path) -> Result<(), StoreError> {
        let malformed =
            |error: serde_json::Error| malformed(self.id, format!("can not be written: {error}"));
        let content = serde_json::to_string_pretty(self).map_err(malformed)?;
        let hash = blake3::hash(content.as_bytes()).to_hex();
        let text = format!("{{\"blake3\": \"{hash}\", \"backup\": {content}}}\n");
        replace_file(&folder.join(FILE_NAME), text.as_bytes())
    }

    /// Reads that of a folder whose name is `id`.
    pub(super) fn read(folder: &Path, id: Uuid) -> Result<Self, StoreError> {
        let path = folder.join(FILE_NAME);
        let bytes = fs::metadata(&path).map_err(StoreError::io("reading", &path))?.len();
        if bytes > BYTES_MAX {
            return Err(malformed(id, format!("its {FILE_NAME} has {bytes} bytes")));
        }
        let text = fs::read_to_string(&path).map_err(StoreError::io("reading", &path))?;
        let unreadable = |error: serde_json::Error| malformed(id, format!("{FILE_NAME}: {error}"));
        let envelope: Envelope<'_> = serde_json::from_str(&text).map_err(unreadable)?;
        let content = envelope.backup.get();
        if blake3::hash(content.as_bytes()).to_hex().as_str() != envelope.blake3 {
            return Err(malformed(id, format!("the hash of its {FILE_NAME} is wrong")));
        }
        let Versioned { format, version } = serde_json::from_str(content).map_err(unreadable)?;
        if format > FORMAT {
            let reason =
                format!("AkiDB {version} wrote it in form {format}, this one knows {FORMAT}");
            return Err(malformed(id, reason));
        }
        let manifest: Self = serde_json::from_str(content).map_err(unreadable)?;
        if manifest.id != id {
            return Err(malformed(id, format!("it says that it is {}", manifest.id)));
        }
        Ok(manifest)
    }
}

pub(super) fn malformed(id: Uuid, reason: String) -> StoreError {
    StoreError::BackupDamaged { id, reason }
}
