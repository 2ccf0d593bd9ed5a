//! Collections: what they are made with, and what the node tells of them.

use std::collections::BTreeMap;

use akidb_core::Metric;
use serde::{Deserialize, Serialize};

use crate::{Client, ModelIdentity, Request, RequestError};

/// What a new collection is made with.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NewCollection {
    /// 1 to 64 of `A-Z a-z 0-9 _ -`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The loaded model that embeds its texts; the node's default one where neither it nor
    /// `dimension` is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The length of its vectors, where it has no model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dimension: Option<u64>,
    /// How vectors are compared; the node's default is cosine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// How vectors are indexed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<IndexSettings>,
    /// Cuts texts into passages; texts are truncated to the model's window where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chunking: Option<Chunking>,
    /// A line for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The language of its words: `auto`, `none` or a code of two letters; `auto` where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Which words count in a search by words, and how much.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyword: Option<KeywordSettings>,
    /// How many seconds after its write a document expires that does not say when; never where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<u64>,
    /// Named vector fields. With some, it has the unnamed field as well only if something is said of
    /// that: a model, a dimension, a metric, an index or chunking.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, NewField>,
}

/// Which words count in a search by words, and how much.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct KeywordSettings {
    /// What a word counts, 1 to 100, by where it stands: `text`, the document's own, 1 where it is not named and not looked at
    /// with 0; and names of metadata, with dots for what is inside of others.
    pub weights: BTreeMap<String, u64>,
}

/// What a new vector field is made with.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NewField {
    /// The loaded model that embeds its texts; the node's default one where neither it nor
    /// `dimension` is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The length of its vectors, where it has no model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dimension: Option<u64>,
    /// How vectors are compared; the node's default is cosine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// How vectors are indexed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<IndexSettings>,
    /// Cuts texts into passages; texts are truncated to the model's window where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chunking: Option<Chunking>,
}

impl NewField {
    /// One whose texts this model embeds.
    #[must_use]
    pub fn with_model(model: &str) -> Self {
        Self { model: Some(model.to_owned()), ..Self::default() }
    }

    /// One of the caller's own vectors.
    #[must_use]
    pub fn with_vectors(dimension: u64, metric: Metric) -> Self {
        Self { dimension: Some(dimension), metric: Some(metric), ..Self::default() }
    }
}

impl NewCollection {
    /// One whose texts the node's default model embeds.
    #[must_use]
    pub fn with_default_model(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// One whose texts this model embeds.
    #[must_use]
    pub fn with_model(name: &str, model: &str) -> Self {
        Self { model: Some(model.to_owned()), ..Self::with_default_model(name) }
    }

    /// One of the caller's own vectors.
    #[must_use]
    pub fn with_vectors(name: &str, dimension: u64, metric: Metric) -> Self {
        let (dimension, metric) = (Some(dimension), Some(metric));
        Self { dimension, metric, ..Self::with_default_model(name) }
    }
}

/// How vectors are indexed. What is absent has its default in a new collection, and stays as it is
/// in others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexSettings {
    /// `hnsw`, `exact` or `hnsw_rs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// Neighbors of a vector in the graph, 4 to 64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub m: Option<u32>,
    /// Candidates looked at when a vector is linked, 8 to 2,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ef_construction: Option<u32>,
    /// Candidates kept by a search that does not say how many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ef: Option<u32>,
    /// What the graph is walked over: `int8`, `none` or `binary`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantization: Option<String>,
}

/// How texts are cut into passages, each with a vector of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunking {
    /// The most tokens of a passage; the model's window where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u32>,
    /// The most tokens that a passage shares with the one before; 0 where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlap: Option<u32>,
}

/// Other settings for a collection; what is absent stays as it is.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CollectionUpdate {
    /// Another name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A line for people; the empty one removes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How many seconds after its write a document expires from now on that does not say when; 0 where it is to
    /// stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<u64>,
    /// An index that has to be built again is built beside the old one, while searches go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<IndexSettings>,
    /// The same of named vector fields, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, FieldChange>,
}

/// Other settings for a named vector field.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FieldChange {
    /// An index that has to be built again is built beside the old one, while searches go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<IndexSettings>,
}

/// A collection in a list.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct ListedCollection {
    /// Its name.
    pub name: String,
    /// Its other names.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// A line for people.
    pub description: Option<String>,
    /// What embeds its texts.
    pub model: Option<ModelIdentity>,
    /// The length of its vectors; absent, as `metric` and `index`, where all of its vector fields have
    /// names.
    pub dimension: Option<u64>,
    /// How vectors are compared.
    pub metric: Option<Metric>,
    /// How texts are cut; absent where they are truncated.
    pub chunking: Option<Chunking>,
    /// The language of its words: `auto`, `none` or a code of two letters.
    pub language: String,
    /// Which words count in a search by words, and how much.
    pub keyword: KeywordSettings,
    /// How many seconds after its write a document expires that does not say when; absent where it stays.
    pub ttl_seconds: Option<u64>,
    /// What its texts are being embedded with, to take the place of `model`.
    pub reembedding: Option<ModelIdentity>,
    /// What embedded its texts before; its vectors are kept until they are dropped.
    pub previous: Option<ModelIdentity>,
    /// Milliseconds since the Unix epoch.
    pub created_unix_ms: i64,
    /// How vectors are indexed.
    pub index: Option<IndexSettings>,
    /// Its named vector fields.
    #[serde(default)]
    pub fields: BTreeMap<String, ListedField>,
}

/// A named vector field of a collection in a list.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct ListedField {
    /// What embeds its texts.
    pub model: Option<ModelIdentity>,
    /// The length of its vectors.
    pub dimension: u64,
    /// How vectors are compared.
    pub metric: Metric,
    /// How texts are cut; absent where they are truncated.
    pub chunking: Option<Chunking>,
    /// What its texts are being embedded with, to take the place of `model`.
    pub reembedding: Option<ModelIdentity>,
    /// What embedded its texts before; its vectors are kept until they are dropped.
    pub previous: Option<ModelIdentity>,
    /// How vectors are indexed.
    pub index: IndexSettings,
}

/// A named vector field, with the state of its index.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Field {
    /// What embeds its texts.
    pub model: Option<ModelIdentity>,
    /// The length of its vectors.
    pub dimension: u64,
    /// How vectors are compared.
    pub metric: Metric,
    /// How texts are cut; absent where they are truncated.
    pub chunking: Option<Chunking>,
    /// What its texts are being embedded with, to take the place of `model`.
    pub reembedding: Option<ModelIdentity>,
    /// What embedded its texts before; its vectors are kept until they are dropped.
    pub previous: Option<ModelIdentity>,
    /// The index and its state.
    pub index: IndexDescription,
}

/// A collection and its state now.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct CollectionDescription {
    /// Its name.
    pub name: String,
    /// Its other names.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// A line for people.
    pub description: Option<String>,
    /// What embeds its texts.
    pub model: Option<ModelIdentity>,
    /// The length of its vectors; absent, as `metric` and `index`, where all of its vector fields have
    /// names.
    pub dimension: Option<u64>,
    /// How vectors are compared.
    pub metric: Option<Metric>,
    /// How texts are cut; absent where they are truncated.
    pub chunking: Option<Chunking>,
    /// The language of its words: `auto`, `none` or a code of two letters.
    pub language: String,
    /// Which words count in a search by words, and how much.
    pub keyword: KeywordSettings,
    /// How many seconds after its write a document expires that does not say when; absent where it stays.
    pub ttl_seconds: Option<u64>,
    /// What its texts are being embedded with, to take the place of `model`.
    pub reembedding: Option<ModelIdentity>,
    /// What embedded its texts before; its vectors are kept until they are dropped.
    pub previous: Option<ModelIdentity>,
    /// Milliseconds since the Unix epoch.
    pub created_unix_ms: i64,
    /// Documents stored.
    pub document_count: u64,
    /// The index and its state.
    pub index: Option<IndexDescription>,
    /// Its named vector fields.
    #[serde(default)]
    pub fields: BTreeMap<String, Field>,
    /// Bytes of its files, those of the index among them.
    pub disk_bytes: u64,
    /// The sequence number of the last write, 0 before the first.
    pub last_seq: u64,
    /// Ranges of writes that were acknowledged and that the disk then lost.
    pub lost_writes: Vec<LostWrites>,
}

/// A range of sequence numbers, both ends in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct LostWrites {
    /// The first.
    pub first_seq: u64,
    /// The last.
    pub last_seq: u64,
}

/// The settings and the state of an index.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct IndexDescription {
    /// The settings.
    #[serde(flatten)]
    pub settings: IndexSettings,
    /// Vectors that a search sees; of a text in passages, one for each.
    pub vector_count: u64,
    /// Of these, vectors that the graph holds.
    pub linked_count: u64,
    /// What the graph is walked over: `int8`, `binary` or `f32`; absent where there is no graph.
    pub codes: Option<String>,
    /// Whether it is what its settings ask for.
    pub state: IndexState,
    /// How much of the building is done, 0 to 1.
    pub progress: f32,
    /// Bytes of memory that it holds.
    pub memory_bytes: u64,
    /// Of these, bytes that walks of the graph read.
    pub hot_memory_bytes: u64,
    /// Bytes of its files.
    pub disk_bytes: u64,
}

/// Whether an index is what its settings ask for. Searches are answered in every state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum IndexState {
    /// It is.
    Ready,
    /// Its graph does not hold all vectors yet.
    Building,
    /// Another one is built beside it.
    Rebuilding,
    /// A state that this version does not know.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct CollectionList {
    collections: Vec<ListedCollection>,
}

impl Client {
    /// Creates a collection.
    ///
    /// # Errors
    /// The node's own, such as `collection_exists`, or no answer.
    pub async fn create_collection(
        &self,
        collection: &NewCollection,
    ) -> Result<CollectionDescription, RequestError> {
        self.send(Request::post(&["v1", "collections"]).json(collection)).await
    }

    /// The collection of this name, which is created where there is none. One that is there must be
    /// what would be created; its description and index are compared where they are given.
    ///
    /// # Errors
    /// The node's own, such as `collection_differs`, or no answer.
    pub async fn put_collection(
        &self,
        collection: &NewCollection,
    ) -> Result<CollectionDescription, RequestError> {
        // The name stands in the path.
        let body = NewCollection { name: String::new(), ..collection.clone() };
        self.send(Request::put(&["v1", "collections", &collection.name]).json(&body)).await
    }

    /// All collections.
    ///
    /// # Errors
    /// The node's own, or no answer.
    pub async fn collections(&self) -> Result<Vec<ListedCollection>, RequestError> {
        let list: CollectionList = self.send(Request::get(&["v1", "collections"])).await?;
        Ok(list.collections)
    }
}
