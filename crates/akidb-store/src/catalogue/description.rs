//! `collection.json`: a collection's folder says itself what it is, so that a lost catalogue is
//! rebuilt from the folders.
//!
//! The file is an envelope: `sha256` is that of the text of `collection`, as it stands in the file.
//! It is replaced whole, after the catalogue's commit.

use std::{fmt, fs, io, path::Path};

use akidb_core::{Chunking, CollectionName, Dimension, IndexSettings};
use akidb_engine::CollectionRecord;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::row::{Stamped, valid};
use crate::{StoreError, directory::replace_file};

pub(crate) const FILE_NAME: &str = "collection.json";

/// The version of the form of the file. A newer one is not read.
const FORMAT: u32 = 1;

/// A description and a model are far smaller.
const BYTES_MAX: u64 = 1 << 20;

/// The database in a collection's folder, and where it is in its history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatabaseStamp {
    /// Which database.
    pub(crate) id: Uuid,
    /// Raised whenever writes were lost, or the database was put back to an older state.
    pub(crate) epoch: u64,
}

/// What a folder says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Description {
    pub(crate) stamped: Stamped,
    /// Absent until the database was opened once.
    pub(crate) database: Option<DatabaseStamp>,
}

/// Why a folder has no description that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Undescribed {
    /// It has none, as folders of the first version.
    Missing,
    Damaged(String),
}

impl fmt::Display for Undescribed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => write!(f, "has no {FILE_NAME}"),
            Self::Damaged(reason) => write!(f, "has a damaged {FILE_NAME}: {reason}"),
        }
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    sha256: &'a str,
    #[serde(borrow)]
    collection: &'a RawValue,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    format: u32,
    uuid: Uuid,
    name: String,
    description: Option<String>,
    dimension: u64,
    metric: String,
    index: IndexSettings,
    model: Option<Box<RawValue>>,
    chunking: Option<Cut>,
    created_unix_ms: i64,
    /// The change of the catalogue that this is of.
    change: u64,
    database: Option<DatabaseStamp>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cut {
    tokens: u32,
    overlap: u32,
}

/// Reads the description of a folder, and compares its hash.
pub(crate) fn read(folder: &Path) -> Result<Description, Undescribed> {
    let path = folder.join(FILE_NAME);
    let damaged = |reason: &dyn ToString| Undescribed::Damaged(reason.to_string());
    let bytes = match fs::metadata(&path) {
        Ok(metadata) if metadata.len() > BYTES_MAX => return Err(damaged(&"it is too large")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Undescribed::Missing),
        metadata => metadata.and_then(|_| fs::read(&path)).map_err(|error| damaged(&error))?,
    };
    let envelope: Envelope<'_> = serde_json::from_slice(&bytes).map_err(|error| damaged(&error))?;
    let text = envelope.collection.get();
    if hash_of(text) != envelope.sha256 {
        return Err(damaged(&"its hash is not that of its content"));
    }
    let content: Content = serde_json::from_str(text).map_err(|error| damaged(&error))?;
    content.into_description().map_err(|error| damaged(&error))
}

/// Writes the description of a folder, durably.
pub(crate) fn write(folder: &Path, description: &Description) -> Result<(), StoreError> {
    let content = serde_json::to_string_pretty(&Content::of(description)?);
    let content = valid("description of a collection", content)?;
    let sha256 = hash_of(&content);
    let text = format!("{{\"sha256\": \"{sha256}\", \"collection\": {content}}}\n");
    replace_file(&folder.join(FILE_NAME), text.as_bytes())
}

fn hash_of(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Content {
    fn of(description: &Description) -> Result<Self, StoreError> {
        let Description { stamped: Stamped { row, change }, database } = description;
        let model = row.model.clone().map(RawValue::from_string).transpose();
        Ok(Self {
            format: FORMAT,
            uuid: row.uuid,
            name: row.name.as_str().to_owned(),
            description: row.description.clone(),
            dimension: row.dimension.get() as u64,
            metric: row.metric.as_str().to_owned(),
            index: row.index,
            model: valid("model of a collection", model)?,
            chunking: row.chunking.map(|Chunking { tokens, overlap }| Cut { tokens, overlap }),
            created_unix_ms: row.created_unix_ms,
            change: *change,
            database: *database,
        })
    }

    fn into_description(self) -> Result<Description, StoreError> {
        if self.format != FORMAT {
            let fault = format!("is {}, this version knows {FORMAT}", self.format);
            return valid("format", Err(fault));
        }
        let row = CollectionRecord {
            uuid: self.uuid,
            name: valid("collection name", CollectionName::new(&self.name))?,
            description: self.description,
            dimension: valid("dimension", Dimension::new(self.dimension))?,
            metric: valid("metric", self.metric.parse())?,
            index: self.index,
            model: self.model.map(|model| model.get().to_owned()),
            chunking: self.chunking.map(|Cut { tokens, overlap }| Chunking { tokens, overlap }),
            created_unix_ms: self.created_unix_ms,
        };
        let stamped = Stamped { row, change: self.change };
        Ok(Description { stamped, database: self.database })
    }
}

#[cfg(test)]
mod tests {
    use akidb_core::Metric;

    use super::*;

    fn description() -> Description {
        let row = CollectionRecord {
            uuid: Uuid::from_u128(7),
            name: CollectionName::new("films").unwrap(),
            description: Some("\"line\"\n2".into()),
            dimension: Dimension::new(384).unwrap(),
            metric: Metric::L2,
            index: IndexSettings { m: 32, ..IndexSettings::default() },
            model: Some(r#"{"name":"m","scale":0.10}"#.into()),
            chunking: Some(Chunking { tokens: 128, overlap: 3 }),
            created_unix_ms: -1,
        };
        let database = Some(DatabaseStamp { id: Uuid::from_u128(9), epoch: 2 });
        Description { stamped: Stamped { row, change: u64::MAX }, database }
    }

    #[test]
    fn a_description_comes_back_and_every_flipped_bit_that_counts_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()), Err(Undescribed::Missing));
        let description = description();
        write(folder.path(), &description).unwrap();
        assert_eq!(read(folder.path()).unwrap(), description);
        let path = folder.path().join(FILE_NAME);
        let sound = fs::read(&path).unwrap();
        for bit in (0..sound.len() * 8).step_by(13) {
            let mut flipped = sound.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &flipped).unwrap();
            // A blank of the envelope may become another one.
            assert!(read(folder.path()).map_or(true, |it| it == description), "bit {bit}");
        }
        for length in [0, 1, sound.len() / 2, sound.len() - 3] {
            fs::write(&path, &sound[..length]).unwrap();
            assert!(matches!(read(folder.path()), Err(Undescribed::Damaged(_))), "{length}");
        }
    }
}
