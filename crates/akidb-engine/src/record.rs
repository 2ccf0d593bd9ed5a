//! What a collection is, and what of it can be changed.

use std::collections::BTreeMap;

use akidb_core::{
    Chunking, CollectionName, Dimension, Error, ErrorCode, FieldName, IndexSettings,
    KeywordSettings, Metric, Result,
};
use uuid::Uuid;

/// One collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionRecord {
    /// Its identity, which no other collection ever has.
    pub uuid: Uuid,
    /// Its name.
    pub name: CollectionName,
    /// Its other names, in their order.
    pub aliases: Vec<CollectionName>,
    /// A line for people.
    pub description: Option<String>,
    /// Its vector fields, by name: the unnamed one, where there is one, is the first.
    pub fields: Vec<VectorField>,
    /// What stands beside fields that are or were embedded anew, at most one a field, by name.
    pub shadows: Vec<ShadowField>,
    /// The numbers of fields that were dropped and of which something may still be stored, ascending.
    pub dropped_fields: Vec<u32>,
    /// The highest number that a field of it ever had.
    pub last_field: u32,
    /// How the words of its documents are found.
    pub keyword: KeywordSettings,
    /// How many seconds after its write a document expires that does not say when; absent where it never does.
    pub ttl_seconds: Option<u64>,
    /// Milliseconds since the Unix epoch.
    pub created_unix_ms: i64,
}

/// One vector field of a collection: vectors that are compared with each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VectorField {
    /// Its identity in the collection: a name may be used again, a number never is. The unnamed
    /// field has 0.
    pub number: u32,
    /// Its name.
    pub name: FieldName,
    /// The length of its vectors.
    pub dimension: Dimension,
    /// How they are compared.
    pub metric: Metric,
    /// What searches them, and how.
    pub index: IndexSettings,
    /// The identity of its model as JSON, absent for vectors only.
    pub model: Option<String>,
    /// How its texts are cut, absent where they are truncated.
    pub chunking: Option<Chunking>,
}

/// Vectors of another model for the texts of a field. Nobody searches them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowField {
    /// What becomes of it.
    pub role: ShadowRole,
    /// The same as the field of its name, but for the number and what follows of the model.
    pub field: VectorField,
}

/// What becomes of a shadow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShadowRole {
    /// It is filled, to take the place of the field.
    Filling,
    /// It was the field before, and stays until it is dropped or filled again. Documents that are
    /// written meanwhile have nothing in it.
    Kept,
}

impl ShadowRole {
    /// Each of them.
    pub const ALL: [Self; 2] = [Self::Filling, Self::Kept];

    /// The name in storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Filling => "filling",
            Self::Kept => "kept",
        }
    }
}

/// A change of what stands beside a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShadowChange {
    /// It is filled from now on: the one that is there where that has this model, or else a new one,
    /// whose number is the engine's to give.
    Fill(VectorField),
    /// It takes the place of the field, which is kept beside it; all documents of the field must be in
    /// it.
    Show,
    /// It is filled no more, and kept.
    Keep,
    /// It goes.
    Drop,
}

/// What of a collection can be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionSettings {
    /// Its name.
    pub name: CollectionName,
    /// A line for people.
    pub description: Option<String>,
    /// What searches the vectors of each field, and how.
    pub indexes: BTreeMap<FieldName, IndexSettings>,
    /// How many seconds after its write a document expires that does not say when; those that are there stay as
    /// they are.
    pub ttl_seconds: Option<u64>,
}

impl CollectionRecord {
    /// A field.
    ///
    /// # Errors
    /// `field_not_found`, which names those that there are.
    pub fn field(&self, name: &FieldName) -> Result<&VectorField> {
        self.fields.iter().find(|field| field.name == *name).ok_or_else(|| {
            let named: Vec<&str> = self.fields.iter().map(|field| field.name.as_str()).collect();
            let message = match named.as_slice() {
                [""] => format!(
                    "no vector field is named {:?}, there are none but the unnamed one",
                    name.as_str()
                ),
                _ if name.is_unnamed() => {
                    format!("there is no unnamed vector field, name one of {}", named.join(", "))
                }
                ["", named @ ..] | named => {
                    format!(
                        "no vector field is named {:?}, there are {}",
                        name.as_str(),
                        named.join(", ")
                    )
                }
            };
            Error::new(ErrorCode::FieldNotFound, message)
        })
    }

    /// The field that requests mean which name none.
    ///
    /// # Errors
    /// `field_not_found` where all fields have names.
    pub fn unnamed_field(&self) -> Result<&VectorField> {
        self.field(&FieldName::UNNAMED)
    }

    /// What stands beside a field.
    #[must_use]
    pub fn shadow(&self, name: &FieldName) -> Option<&ShadowField> {
        self.shadows.iter().find(|shadow| shadow.field.name == *name)
    }

    /// The fields and what stands beside them.
    pub fn fields_and_shadows(&self) -> impl Iterator<Item = &VectorField> {
        self.fields.iter().chain(self.shadows.iter().map(|shadow| &shadow.field))
    }

    /// What of it can be changed.
    #[must_use]
    pub fn settings(&self) -> CollectionSettings {
        let indexes = self.fields.iter().map(|field| (field.name.clone(), field.index));
        CollectionSettings {
            name: self.name.clone(),
            description: self.description.clone(),
            indexes: indexes.collect(),
            ttl_seconds: self.ttl_seconds,
        }
    }

    /// The same collection with other settings.
    #[must_use]
    pub fn with_settings(&self, settings: CollectionSettings) -> Self {
        let CollectionSettings { name, description, indexes, ttl_seconds } = settings;
        let mut changed = Self { name, description, ttl_seconds, ..self.clone() };
        let shadows = changed.shadows.iter_mut().map(|shadow| &mut shadow.field);
        for field in changed.fields.iter_mut().chain(shadows) {
            field.index = indexes.get(&field.name).copied().unwrap_or(field.index);
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_is_not_there_is_answered_with_those_that_are() {
        let names = |names: &[&str], wanted: &str| {
            let fields = names.iter().map(|name| VectorField {
                number: 0,
                name: FieldName::new(name).unwrap(),
                dimension: Dimension::new(2).unwrap(),
                metric: Metric::Dot,
                index: IndexSettings::default(),
                model: None,
                chunking: None,
            });
            let record = CollectionRecord {
                ttl_seconds: None,
                uuid: Uuid::nil(),
                name: CollectionName::new("films").unwrap(),
                aliases: Vec::new(),
                description: None,
                fields: fields.collect(),
                shadows: Vec::new(),
                dropped_fields: Vec::new(),
                last_field: 0,
                keyword: KeywordSettings::default(),
                created_unix_ms: 0,
            };
            let found = record.field(&FieldName::new(wanted).unwrap());
            found.map(|field| field.name.to_string()).map_err(|error| error.message)
        };
        assert_eq!(names(&["", "own"], ""), Ok(String::new()));
        assert_eq!(names(&["", "own"], "own"), Ok("own".to_owned()));
        let cases: [(&[&str], &str, &str); 3] = [
            (&[""], "own", "no vector field is named \"own\", there are none but the unnamed one"),
            (&["", "own"], "title", "no vector field is named \"title\", there are own"),
            (&["own", "title"], "", "there is no unnamed vector field, name one of own, title"),
        ];
        for (there, wanted, message) in cases {
            assert_eq!(names(there, wanted), Err(message.to_owned()));
        }
    }
}
