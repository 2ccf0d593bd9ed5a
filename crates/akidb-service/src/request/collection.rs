//! Collections: what is asked for, and what they say of themselves.

use std::collections::BTreeMap;

use akidb_core::{Chunking, IndexSettings, KeywordSettings, Metric};
use akidb_embedding::ModelIdentity;

use crate::{IndexStatus, LostWrites};

/// Asks for a new collection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CreateCollection {
    /// Its name.
    pub name: String,
    /// A loaded model. Where neither model nor dimension is given, the node's default model.
    pub model: Option<String>,
    /// The length of its vectors. With a model it must be the model's own dimension.
    pub dimension: Option<u64>,
    /// The name of a metric, cosine where absent.
    pub metric: Option<String>,
    /// How its vectors are indexed.
    pub index: GivenIndex,
    /// Cuts texts into passages; where absent, they are truncated to the model's window.
    pub chunking: Option<GivenChunking>,
    /// A line for people.
    pub description: Option<String>,
    /// The language of its words: `auto` where absent, `none`, or the code of one.
    pub language: Option<String>,
    /// What a word of a document counts by where it stands: `text`, 1 where it is not among them, and paths into
    /// metadata.
    pub keyword_weights: Vec<(String, u64)>,
    /// How many seconds after its write a document expires that does not say when; never where absent.
    pub ttl_seconds: Option<u64>,
    /// Its named vector fields, by name. Where there are some, it has the unnamed one as well only if
    /// something is said of that: a model, a dimension, a metric, an index or chunking.
    pub fields: Vec<(String, GivenField)>,
}

/// A vector field, as a door decoded it; the service checks it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GivenField {
    /// A loaded model. Where neither model nor dimension is given, the node's default model.
    pub model: Option<String>,
    /// The length of its vectors. With a model it must be the model's own dimension.
    pub dimension: Option<u64>,
    /// The name of a metric, cosine where absent.
    pub metric: Option<String>,
    /// How its vectors are indexed.
    pub index: GivenIndex,
    /// Cuts texts into passages; where absent, they are truncated to the model's window.
    pub chunking: Option<GivenChunking>,
}

impl CreateCollection {
    /// What it says of the unnamed field.
    pub(crate) fn unnamed(&self) -> GivenField {
        GivenField {
            model: self.model.clone(),
            dimension: self.dimension,
            metric: self.metric.clone(),
            index: self.index.clone(),
            chunking: self.chunking,
        }
    }
}

/// A vector field that is there, and whether it was added just now.
#[derive(Clone, Debug, PartialEq)]
pub struct PutFieldReply {
    /// The collection.
    pub collection: CollectionDescription,
    /// Whether the request added the field.
    pub created: bool,
}

/// A collection that was there, or was made.
#[derive(Clone, Debug, PartialEq)]
pub struct PutReply {
    /// The collection.
    pub collection: CollectionDescription,
    /// Whether it was made.
    pub created: bool,
}

/// How to index vectors, as a door decoded it; the service checks it. What is absent has its default
/// in a new collection and stays as it is in others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GivenIndex {
    /// The name of an index engine.
    pub engine: Option<String>,
    /// Neighbors of a vector in the graph.
    pub m: Option<u64>,
    /// Candidates looked at when a vector is linked.
    pub ef_construction: Option<u64>,
    /// Candidates kept by a search that does not say how many.
    pub ef: Option<u64>,
    /// The name of a quantization.
    pub quantization: Option<String>,
}

/// How to cut texts into passages, as a door decoded it; the service checks it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GivenChunking {
    /// The most tokens of a passage; the model's window where absent.
    pub tokens: Option<u64>,
    /// The most tokens that a passage shares with the one before, 0 where absent.
    pub overlap: Option<u64>,
}

/// Asks for other settings of a collection. Absent fields stay as they are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpdateCollection {
    /// Another name.
    pub name: Option<String>,
    /// A line for people; the empty string removes it.
    pub description: Option<String>,
    /// How its vectors are indexed. The index is built again where it has to be, while searches go
    /// on.
    pub index: GivenIndex,
    /// The same of its named vector fields, by name.
    pub fields: Vec<(String, GivenIndex)>,
    /// How many seconds after its write a document expires from now on that does not say when; 0 where it is
    /// to stay.
    pub ttl_seconds: Option<u64>,
}

/// A collection's properties.
#[derive(Clone, Debug, PartialEq)]
pub struct CollectionSummary {
    /// Its name.
    pub name: String,
    /// Its other names, in their order.
    pub aliases: Vec<String>,
    /// A line for people.
    pub description: Option<String>,
    /// Its unnamed vector field, where it has one.
    pub unnamed: Option<FieldDescription>,
    /// Its named vector fields, by name.
    pub fields: Vec<FieldDescription>,
    /// How the words of its documents are found.
    pub keyword: KeywordSettings,
    /// How many seconds after its write a document expires that does not say when; absent where it never does.
    pub ttl_seconds: Option<u64>,
    /// Milliseconds since the Unix epoch.
    pub created_unix_ms: i64,
}

/// A vector field's properties.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldDescription {
    /// Its name, empty for the unnamed one.
    pub name: String,
    /// What embeds its texts; absent where only vectors are accepted.
    pub model: Option<ModelIdentity>,
    /// The length of its vectors.
    pub dimension: u64,
    /// How vectors are compared.
    pub metric: Metric,
    /// How its vectors are indexed.
    pub index: IndexSettings,
    /// How texts are cut into passages; absent where they are truncated.
    pub chunking: Option<Chunking>,
    /// What its texts are being embedded with, to take the place of `model`.
    pub reembedding: Option<ModelIdentity>,
    /// What embedded its texts before; its vectors are kept until they are dropped.
    pub previous: Option<ModelIdentity>,
}

/// A collection's properties and its state now.
#[derive(Clone, Debug, PartialEq)]
pub struct CollectionDescription {
    /// Its properties.
    pub summary: CollectionSummary,
    /// Documents stored.
    pub document_count: u64,
    /// The sequence number of the last write, 0 before the first.
    pub last_seq: u64,
    /// Bytes of its files, those of the index among them.
    pub disk_bytes: u64,
    /// The state of the index of each of its fields, by the field's name.
    pub indexes: BTreeMap<String, IndexStatus>,
    /// Ranges of sequence numbers that were acknowledged once and are missing from the store.
    pub lost_writes: Vec<LostWrites>,
}
