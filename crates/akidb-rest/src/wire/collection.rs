//! Collections.

use std::{collections::BTreeMap, mem};

use akidb_core::Chunking;
use akidb_service::{
    CollectionDescription, CollectionSummary, CreateCollection, GivenChunking, LostWrites,
    UpdateCollection,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    FieldBody, Named, Object,
    field::{FieldAnswer, FieldChangeBody, ListedFieldAnswer, described, listed},
    index::{IndexAnswer, IndexBody, IndexSettingsAnswer, given_index},
    model::ModelIdentityAnswer,
    nullable,
};

/// A new collection.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateCollection, example = json!({"name": "films", "metric": "cosine"}))]
pub(crate) struct CreateCollectionBody {
    /// 1 to 64 of `A-Z a-z 0-9 _ -`.
    #[schema(pattern = "^[A-Za-z0-9_-]{1,64}$")]
    name: String,
    /// The loaded model that embeds its texts. Where neither model nor dimension is given, the
    /// node's default model.
    model: Option<String>,
    /// The length of its vectors, where it has no model.
    #[schema(minimum = 1, maximum = 16_384)]
    dimension: Option<u64>,
    /// `cosine` (default), `dot` or `l2`.
    #[schema(schema_with = super::schema::metric)]
    metric: Option<String>,
    #[schema(value_type = Option<IndexBody>)]
    index: Option<Object<IndexBody>>,
    /// Cuts texts into passages, each with a vector of its own; where absent, texts are truncated
    /// to the model's window.
    #[schema(value_type = Option<ChunkingSettings>)]
    chunking: Option<Object<ChunkingSettings>>,
    /// A line for people.
    description: Option<String>,
    /// The language of its words: `auto` (default), guessed for each document; `none`, words as they are;
    /// or a code of two letters, such as `de`.
    language: Option<String>,
    #[schema(value_type = Option<KeywordBody>)]
    keyword: Option<Object<KeywordBody>>,
    /// How many seconds after its write a document expires that does not say when, up to a hundred years;
    /// where absent, it stays until it is deleted.
    #[schema(minimum = 1, maximum = 3_155_760_000_i64)]
    ttl_seconds: Option<u64>,
    /// Named vector fields, by name. With some, it has the unnamed field as well only if something is
    /// said of that: a model, a dimension, a metric, an index or chunking.
    #[serde(default)]
    #[schema(value_type = Option<HashMap<String, FieldBody>>)]
    fields: Named<Object<FieldBody>>,
}

/// Which words count in a search by words, and how much.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = KeywordSettings, example = json!({"weights": {"title": 3}}))]
pub(super) struct KeywordBody {
    /// What a word counts, 1 to 100, by where it stands: `text`, the document's own, 1 where it is not named and not looked at
    /// with 0; and names of metadata, with dots for what is inside of others. At most 64.
    #[serde(default)]
    #[schema(value_type = Option<HashMap<String, u64>>)]
    weights: Named<u64>,
}

/// How texts are cut into passages. Passages end with sentences where they can.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"tokens": 128, "overlap": 16}))]
pub(super) struct ChunkingSettings {
    /// The most tokens of a passage, special tokens and prompt included; the model's window where
    /// absent.
    tokens: Option<u64>,
    /// The most tokens that a passage shares with the one before, at most half of its own; 0 where
    /// absent.
    overlap: Option<u64>,
}

pub(super) fn given_chunking(body: Option<Object<ChunkingSettings>>) -> Option<GivenChunking> {
    body.map(|Object(ChunkingSettings { tokens, overlap })| GivenChunking { tokens, overlap })
}

impl From<CreateCollectionBody> for CreateCollection {
    fn from(body: CreateCollectionBody) -> Self {
        Self {
            name: body.name,
            model: body.model,
            dimension: body.dimension,
            metric: body.metric,
            index: given_index(body.index),
            chunking: given_chunking(body.chunking),
            description: body.description,
            language: body.language,
            keyword_weights: body.keyword.map(|keyword| keyword.0.weights.0).unwrap_or_default(),
            ttl_seconds: body.ttl_seconds,
            fields: body.fields.0.into_iter().map(|(name, it)| (name, it.0.into())).collect(),
        }
    }
}

/// A collection that is to be there. What is fixed once it is made must be equal in one that is there;
/// its index and description are compared where they are given.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PutCollection, example = json!({"metric": "cosine"}))]
pub(crate) struct PutCollectionBody {
    /// The loaded model that embeds its texts. Where neither model nor dimension is given, the
    /// node's default model.
    model: Option<String>,
    /// The length of its vectors, where it has no model.
    #[schema(minimum = 1, maximum = 16_384)]
    dimension: Option<u64>,
    /// `cosine` (default), `dot` or `l2`.
    #[schema(schema_with = super::schema::metric)]
    metric: Option<String>,
    #[schema(value_type = Option<IndexBody>)]
    index: Option<Object<IndexBody>>,
    /// Cuts texts into passages, each with a vector of its own; where absent, texts are truncated
    /// to the model's window.
    #[schema(value_type = Option<ChunkingSettings>)]
    chunking: Option<Object<ChunkingSettings>>,
    /// A line for people.
    description: Option<String>,
    /// The language of its words: `auto` (default), guessed for each document; `none`, words as they are;
    /// or a code of two letters, such as `de`.
    language: Option<String>,
    #[schema(value_type = Option<KeywordBody>)]
    keyword: Option<Object<KeywordBody>>,
    /// How many seconds after its write a document expires that does not say when, up to a hundred years;
    /// where absent, it stays until it is deleted.
    #[schema(minimum = 1, maximum = 3_155_760_000_i64)]
    ttl_seconds: Option<u64>,
    /// Named vector fields, by name. With some, it has the unnamed field as well only if something is
    /// said of that: a model, a dimension, a metric, an index or chunking.
    #[serde(default)]
    #[schema(value_type = Option<HashMap<String, FieldBody>>)]
    fields: Named<Object<FieldBody>>,
}

impl PutCollectionBody {
    /// The request for the collection of this name.
    pub(crate) fn of(self, name: String) -> CreateCollection {
        let Self {
            model,
            dimension,
            metric,
            index,
            chunking,
            description,
            language,
            keyword,
            ttl_seconds,
            fields,
        } = self;
        CreateCollectionBody {
            name,
            model,
            dimension,
            metric,
            index,
            chunking,
            description,
            language,
            keyword,
            ttl_seconds,
            fields,
        }
        .into()
    }
}

/// Other settings for a collection; what is absent stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateCollection, example = json!({
    "description": "films up to 2024", "index": {"ef": 200}
}))]
pub(crate) struct UpdateCollectionBody {
    /// Another name, 1 to 64 of `A-Z a-z 0-9 _ -`. The one of before is free then.
    #[schema(pattern = "^[A-Za-z0-9_-]{1,64}$")]
    name: Option<String>,
    /// A line for people; `null` or the empty string removes it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    description: Option<Option<String>>,
    /// How many seconds after its write a document expires from now on that does not say when; `null` or 0 where
    /// it is to stay. Documents that are there keep the moment that they have.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<u64>, minimum = 0, maximum = 3_155_760_000_i64)]
    ttl_seconds: Option<Option<u64>>,
    /// Other settings for its index, which is built again where it has to be, while searches go on.
    #[schema(value_type = Option<IndexBody>)]
    index: Option<Object<IndexBody>>,
    /// The same for named vector fields, by name.
    #[serde(default)]
    #[schema(value_type = Option<HashMap<String, FieldChangeBody>>)]
    fields: Named<Object<FieldChangeBody>>,
}

impl From<UpdateCollectionBody> for UpdateCollection {
    fn from(body: UpdateCollectionBody) -> Self {
        Self {
            name: body.name,
            description: body.description.map(Option::unwrap_or_default),
            ttl_seconds: body.ttl_seconds.map(Option::unwrap_or_default),
            index: given_index(body.index),
            fields: (body.fields.0.into_iter())
                .map(|(name, change)| (name, given_index(change.0.index)))
                .collect(),
        }
    }
}

/// A collection's properties.
#[derive(Serialize, ToSchema)]
#[schema(as = CollectionSummary)]
struct CollectionSummaryAnswer {
    name: String,
    /// Its other names; absent where it has none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<String>,
    /// A line for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<ModelIdentityAnswer>,
    /// The length of its vectors; absent, as `metric` and `index`, where all of its vector fields
    /// have names.
    #[serde(skip_serializing_if = "Option::is_none")]
    dimension: Option<u64>,
    /// `cosine`, `dot` or `l2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    metric: Option<&'static str>,
    /// Absent where texts are truncated.
    #[serde(skip_serializing_if = "Option::is_none")]
    chunking: Option<ChunkingAnswer>,
    /// The language of its words: `auto`, `none` or a code of two letters.
    language: String,
    /// Which words count in a search by words, and how much.
    keyword: KeywordAnswer,
    /// How many seconds after its write a document expires that does not say when; absent where it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_seconds: Option<u64>,
    /// What its texts are being embedded with, to take the place of `model`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reembedding: Option<ModelIdentityAnswer>,
    /// What embedded its texts before; its vectors are kept until they are dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<ModelIdentityAnswer>,
    /// Milliseconds since the Unix epoch.
    created_unix_ms: i64,
}

/// Which words count in a search by words, and how much.
#[derive(Serialize, ToSchema)]
#[schema(as = Keyword)]
struct KeywordAnswer {
    /// What a word counts, by where it stands.
    weights: BTreeMap<String, u8>,
}

/// How texts are cut into passages.
#[derive(Serialize, ToSchema)]
#[schema(as = Chunking)]
pub(super) struct ChunkingAnswer {
    /// The most tokens of a passage.
    pub(super) tokens: u32,
    /// The most tokens that a passage shares with the one before.
    pub(super) overlap: u32,
}

impl From<CollectionSummary> for CollectionSummaryAnswer {
    fn from(summary: CollectionSummary) -> Self {
        let (dimension, metric, chunking, models) = match summary.unnamed {
            Some(it) => {
                let models = [it.model, it.reembedding, it.previous];
                (Some(it.dimension), Some(it.metric.as_str()), it.chunking, models)
            }
            None => (None, None, None, [None, None, None]),
        };
        let [model, reembedding, previous] =
            models.map(|model| model.map(ModelIdentityAnswer::from));
        Self {
            name: summary.name,
            aliases: summary.aliases,
            description: summary.description,
            model,
            dimension,
            metric,
            chunking: chunking
                .map(|Chunking { tokens, overlap }| ChunkingAnswer { tokens, overlap }),
            language: summary.keyword.language().to_owned(),
            keyword: KeywordAnswer { weights: summary.keyword.weights() },
            ttl_seconds: summary.ttl_seconds,
            reembedding,
            previous,
            created_unix_ms: summary.created_unix_ms,
        }
    }
}

/// A collection in a list: its properties.
#[derive(Serialize, ToSchema)]
#[schema(as = ListedCollection)]
struct ListedCollectionAnswer {
    #[serde(flatten)]
    summary: CollectionSummaryAnswer,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<IndexSettingsAnswer>,
    /// Its named vector fields; absent where it has none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    fields: BTreeMap<String, ListedFieldAnswer>,
}

/// All collections.
#[derive(Serialize, ToSchema)]
#[schema(as = CollectionList, example = json!({"collections": [{
    "name": "films", "dimension": 3, "metric": "cosine", "created_unix_ms": 1_760_000_000_000_u64,
    "language": "auto", "keyword": {"weights": {"text": 1}},
    "index": {
        "engine": "hnsw", "m": 16, "ef_construction": 200, "ef": 100, "quantization": "int8"
    }
}]}))]
pub(crate) struct CollectionListAnswer {
    collections: Vec<ListedCollectionAnswer>,
}

impl From<Vec<CollectionSummary>> for CollectionListAnswer {
    fn from(summaries: Vec<CollectionSummary>) -> Self {
        let collections = summaries.into_iter().map(|mut summary| ListedCollectionAnswer {
            index: summary.unnamed.as_ref().map(|unnamed| unnamed.index.into()),
            fields: listed(mem::take(&mut summary.fields)),
            summary: summary.into(),
        });
        Self { collections: collections.collect() }
    }
}

/// A collection's properties and its state now.
#[derive(Serialize, ToSchema)]
#[schema(as = Collection, example = json!({
    "name": "films", "dimension": 3, "metric": "cosine", "created_unix_ms": 1_760_000_000_000_u64,
    "document_count": 2,
    "index": {
        "engine": "hnsw", "m": 16, "ef_construction": 200, "ef": 100, "quantization": "int8",
        "vector_count": 2, "linked_count": 0, "state": "ready", "progress": 1.0,
        "memory_bytes": 4096, "hot_memory_bytes": 0, "disk_bytes": 0
    },
    "disk_bytes": 65_536, "last_seq": 2, "lost_writes": []
}))]
pub(crate) struct CollectionAnswer {
    #[serde(flatten)]
    summary: CollectionSummaryAnswer,
    /// Documents stored.
    document_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<IndexAnswer>,
    /// Its named vector fields; absent where it has none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    fields: BTreeMap<String, FieldAnswer>,
    /// Bytes of its files, those of the index among them.
    disk_bytes: u64,
    /// The sequence number of the last write, 0 before the first.
    last_seq: u64,
    /// Ranges of writes that were acknowledged and that the disk then lost.
    lost_writes: Vec<LostWritesAnswer>,
}

/// A range of sequence numbers, both ends in it.
#[derive(Serialize, ToSchema)]
#[schema(as = LostWrites)]
struct LostWritesAnswer {
    first_seq: u64,
    last_seq: u64,
}

impl From<LostWrites> for LostWritesAnswer {
    fn from(lost: LostWrites) -> Self {
        Self { first_seq: lost.first_seq, last_seq: lost.last_seq }
    }
}

impl CollectionAnswer {
    /// Where the collection is found; its name needs no escaping.
    pub(crate) fn location(&self) -> String {
        format!("/v1/collections/{}", self.summary.name)
    }
}

impl From<CollectionDescription> for CollectionAnswer {
    fn from(mut description: CollectionDescription) -> Self {
        let states = &description.indexes;
        let index = description.summary.unnamed.as_ref().map(|unnamed| {
            let state = states.get(&unnamed.name).copied().unwrap_or_default();
            IndexAnswer::new(unnamed.index, state)
        });
        Self {
            document_count: description.document_count,
            index,
            fields: described(mem::take(&mut description.summary.fields), states),
            disk_bytes: description.disk_bytes,
            last_seq: description.last_seq,
            lost_writes: description.lost_writes.into_iter().map(Into::into).collect(),
            summary: description.summary.into(),
        }
    }
}

/// A collection is gone.
#[derive(Serialize, ToSchema)]
#[schema(as = CollectionDeleted, example = json!({"deleted": true}))]
pub(crate) struct CollectionDeletedAnswer {
    /// Always `true`.
    deleted: bool,
}

impl CollectionDeletedAnswer {
    /// The only value.
    pub(crate) const DELETED: Self = Self { deleted: true };
}
