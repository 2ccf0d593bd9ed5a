//! What a collection is, and what of it can be changed.

use akidb_core::{Chunking, CollectionName, Dimension, IndexSettings, Metric};
use uuid::Uuid;

/// One collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionRecord {
    /// Its identity, which no other collection ever has.
    pub uuid: Uuid,
    /// Its name.
    pub name: CollectionName,
    /// A line for people.
    pub description: Option<String>,
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
    /// Milliseconds since the Unix epoch.
    pub created_unix_ms: i64,
}

/// What of a collection can be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionSettings {
    /// A line for people.
    pub description: Option<String>,
    /// What searches its vectors, and how.
    pub index: IndexSettings,
}

impl CollectionRecord {
    /// What of it can be changed.
    #[must_use]
    pub fn settings(&self) -> CollectionSettings {
        CollectionSettings { description: self.description.clone(), index: self.index }
    }

    /// The same collection with other settings.
    #[must_use]
    pub fn with_settings(&self, settings: CollectionSettings) -> Self {
        let CollectionSettings { description, index } = settings;
        Self { description, index, ..self.clone() }
    }
}
