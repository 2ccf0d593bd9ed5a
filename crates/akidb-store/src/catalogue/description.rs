//! `collection.json`: a collection's folder says itself what it is, so that a lost catalogue is
//! rebuilt from the folders.
//!
//! The file is an envelope: `sha256` is that of the text of `collection`, as it stands in the file.
//! It is replaced whole, after the catalogue's commit.

use std::{fmt, fs, io, path::Path};

use akidb_core::{Chunking, CollectionName, Dimension, FieldName, IndexSettings, KeywordSettings};
use akidb_engine::{CollectionRecord, ShadowField, VectorField};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    field_row::role_of,
    row::{Stamped, valid},
};
use crate::{StoreError, directory::replace_file};

pub(crate) const FILE_NAME: &str = "collection.json";

/// The version of the form of the file. A newer one is not read.
const FORMAT: u32 = 2;

/// The version whose collections have one vector field each, among their own properties. It is read,
/// and stands until the collection changes.
const FORMAT_OF_ONE_FIELD: u32 = 1;

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

/// What the content of each version has.
#[derive(Deserialize)]
struct Versioned {
    format: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    format: u32,
    uuid: Uuid,
    name: String,
    /// Absent where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<String>,
    description: Option<String>,
    fields: Vec<Field>,
    /// Absent where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    shadows: Vec<Shadow>,
    dropped_fields: Vec<u32>,
    last_field: u32,
    /// Absent where nothing was said of it.
    #[serde(default, skip_serializing_if = "is_default")]
    keyword: KeywordSettings,
    /// Absent where documents live until they are deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ttl_seconds: Option<u64>,
    created_unix_ms: i64,
    /// The change of the catalogue that this is of.
    change: u64,
    database: Option<DatabaseStamp>,
}

fn is_default(keyword: &KeywordSettings) -> bool {
    *keyword == KeywordSettings::default()
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Field {
    number: u32,
    name: String,
    dimension: u64,
    metric: String,
    index: IndexSettings,
    model: Option<Box<RawValue>>,
    chunking: Option<Cut>,
}

/// What stands beside a field.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shadow {
    role: String,
    field: Field,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContentOfOneField {
    #[expect(dead_code, reason = "looked at before, and none but known keys are taken")]
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
    read_content(text)
        .map_err(|error| damaged(&error))?
        .into_description()
        .map_err(|error| damaged(&error))
}

fn read_content(text: &str) -> Result<Content, StoreError> {
    const WHAT: &str = "description of a collection";
    let Versioned { format } = valid(WHAT, serde_json::from_str(text))?;
    match format {
        FORMAT => valid(WHAT, serde_json::from_str(text)),
        FORMAT_OF_ONE_FIELD => {
            valid(WHAT, serde_json::from_str(text).map(ContentOfOneField::into_content))
        }
        _ => {
            let fault = format!("is {format}, this version knows those up to {FORMAT}");
            valid("format", Err(fault))
        }
    }
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

impl ContentOfOneField {
    fn into_content(self) -> Content {
        let field = Field {
            number: 0,
            name: String::new(),
            dimension: self.dimension,
            metric: self.metric,
            index: self.index,
            model: self.model,
            chunking: self.chunking,
        };
        Content {
            format: FORMAT,
            uuid: self.uuid,
            name: self.name,
            aliases: Vec::new(),
            description: self.description,
            fields: vec![field],
            shadows: Vec::new(),
            dropped_fields: Vec::new(),
            last_field: 0,
            keyword: KeywordSettings::default(),
            ttl_seconds: None,
            created_unix_ms: self.created_unix_ms,
            change: self.change,
            database: self.database,
        }
    }
}

impl Field {
    fn of(field: &VectorField) -> Result<Self, StoreError> {
        let model = field.model.clone().map(RawValue::from_string).transpose();
        Ok(Self {
            number: field.number,
            name: field.name.as_str().to_owned(),
            dimension: field.dimension.get() as u64,
            metric: field.metric.as_str().to_owned(),
            index: field.index,
            model: valid("model of a collection", model)?,
            chunking: field.chunking.map(|Chunking { tokens, overlap }| Cut { tokens, overlap }),
        })
    }

    fn into_field(self) -> Result<VectorField, StoreError> {
        Ok(VectorField {
            number: self.number,
            name: valid("name of a field", FieldName::new(&self.name))?,
            dimension: valid("dimension", Dimension::new(self.dimension))?,
            metric: valid("metric", self.metric.parse())?,
            index: self.index,
            model: self.model.map(|model| model.get().to_owned()),
            chunking: self.chunking.map(|Cut { tokens, overlap }| Chunking { tokens, overlap }),
        })
    }
}

impl Shadow {
    fn of(shadow: &ShadowField) -> Result<Self, StoreError> {
        let ShadowField { role, field } = shadow;
        Ok(Self { role: role.as_str().to_owned(), field: Field::of(field)? })
    }

    fn into_shadow(self) -> Result<ShadowField, StoreError> {
        let role = valid("role of a field", role_of(&self.role))?;
        Ok(ShadowField { role, field: self.field.into_field()? })
    }
}

impl Content {
    fn of(description: &Description) -> Result<Self, StoreError> {
        let Description { stamped: Stamped { row, change }, database } = description;
        Ok(Self {
            format: FORMAT,
            uuid: row.uuid,
            name: row.name.as_str().to_owned(),
            aliases: row.aliases.iter().map(|alias| alias.as_str().to_owned()).collect(),
            description: row.description.clone(),
            fields: row.fields.iter().map(Field::of).collect::<Result<_, _>>()?,
            shadows: row.shadows.iter().map(Shadow::of).collect::<Result<_, _>>()?,
            dropped_fields: row.dropped_fields.clone(),
            last_field: row.last_field,
            keyword: row.keyword.clone(),
            ttl_seconds: row.ttl_seconds,
            created_unix_ms: row.created_unix_ms,
            change: *change,
            database: *database,
        })
    }

    fn into_description(self) -> Result<Description, StoreError> {
        let fields = self.fields.into_iter().map(Field::into_field);
        let shadows = self.shadows.into_iter().map(Shadow::into_shadow);
        let row = CollectionRecord {
            uuid: self.uuid,
            name: valid("collection name", CollectionName::new(&self.name))?,
            aliases: super::row::aliases(&self.aliases)?,
            description: self.description,
            fields: fields.collect::<Result<_, _>>()?,
            shadows: shadows.collect::<Result<_, _>>()?,
            dropped_fields: self.dropped_fields,
            last_field: self.last_field,
            keyword: self.keyword,
            ttl_seconds: self.ttl_seconds,
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
        let unnamed = VectorField {
            number: 0,
            name: FieldName::UNNAMED,
            dimension: Dimension::new(384).unwrap(),
            metric: Metric::L2,
            index: IndexSettings { m: 32, ..IndexSettings::default() },
            model: Some(r#"{"name":"m","scale":0.10}"#.into()),
            chunking: Some(Chunking { tokens: 128, overlap: 3 }),
        };
        let named = VectorField {
            number: 3,
            name: FieldName::new("own").unwrap(),
            model: None,
            chunking: None,
            ..unnamed.clone()
        };
        let row = CollectionRecord {
            uuid: Uuid::from_u128(7),
            name: CollectionName::new("films").unwrap(),
            aliases: ["a", "b"].map(|alias| CollectionName::new(alias).unwrap()).into(),
            description: Some("\"line\"\n2".into()),
            fields: vec![unnamed, named],
            shadows: Vec::new(),
            dropped_fields: vec![1, 4],
            last_field: 5,
            keyword: KeywordSettings::new(Some("de"), &[("title".into(), 3)]).unwrap(),
            ttl_seconds: Some(60),
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
    /// As the version before wrote it, with the hash that it had.
    #[test]
    fn a_description_of_one_field_is_that_of_the_unnamed_field() {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"{"format":1,"uuid":"00000000-0000-0000-0000-000000000007","name":"films",
            "description":null,"dimension":3,"metric":"dot","index":{"engine":"hnsw","m":16,
            "ef_construction":200,"ef":100,"quantization":"int8"},"model":{"name":"m"},
            "chunking":{"tokens":9,"overlap":1},"created_unix_ms":5,"change":4,"database":null}"#;
        let envelope =
            |text: &str| format!("{{\"sha256\": \"{}\", \"collection\": {text}}}\n", hash_of(text));
        fs::write(folder.path().join(FILE_NAME), envelope(text)).unwrap();
        let Stamped { row, change } = read(folder.path()).unwrap().stamped;
        let field = row.unnamed_field().unwrap();
        assert_eq!((change, row.fields.len(), row.last_field), (4, 1, 0));
        assert_eq!((field.number, field.dimension.get(), field.metric), (0, 3, Metric::Dot));
        assert_eq!(field.model.as_deref(), Some(r#"{"name":"m"}"#));
        assert_eq!(field.chunking, Some(Chunking { tokens: 9, overlap: 1 }));
        let newer = text.replace("\"format\":1", "\"format\":3");
        fs::write(folder.path().join(FILE_NAME), envelope(&newer)).unwrap();
        let Err(Undescribed::Damaged(reason)) = read(folder.path()) else { panic!("{newer}") };
        assert!(reason.contains("is 3, this version knows those up to 2"), "{reason}");
    }
}
