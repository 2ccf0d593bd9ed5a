//! What the doors ask and what the service answers, before any wire format.

use std::{
    fmt,
    time::{Duration, Instant},
};

use akidb_core::{
    Chunking, DamagedDocument, Document, DocumentId, IndexSettings, Metric, Seq, WriteMode,
};
use akidb_embedding::{EmbedInputs, InputType, Lane, ModelIdentity, Pooling, Truncate};
use serde_json::{Map, Value};

use crate::{
    Hit, IndexProgress, IndexStatus, LostWrites, RequestSpan, RequestTimes, SearchPlan,
    StorageFinding,
};

/// The door through which a request came, a label of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// The REST listener.
    Rest,
    /// The gRPC listener.
    Grpc,
}

/// What every request carries besides its own fields.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// Where it came in.
    pub door: Door,
    /// When its answer is no longer wanted.
    pub deadline: Instant,
    /// Where its time goes.
    pub times: RequestTimes,
    /// What its tasks run in.
    pub span: RequestSpan,
}

impl RequestContext {
    /// The context of a request that begins.
    #[must_use]
    pub fn new(door: Door, deadline: Instant) -> Self {
        Self { door, deadline, times: RequestTimes::default(), span: RequestSpan::none() }
    }

    /// The same within the span of a request.
    #[must_use]
    pub fn within(self, span: RequestSpan) -> Self {
        Self { span, ..self }
    }
}

/// An id as a door decoded it; the service checks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GivenId {
    /// A JSON integer or an `int64`.
    Integer(i64),
    /// A string of any length.
    Text(String),
    /// What a URL or a command line says, which do not tell a string from an integer: the string,
    /// where a document has it as its id, else the integer that it is. Of one document only.
    Either(String),
}

impl fmt::Display for GivenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(id) => id.fmt(f),
            Self::Text(id) | Self::Either(id) => id.fmt(f),
        }
    }
}

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
}

/// How to index vectors, as a door decoded it; the service checks it. What is absent has its default
/// in a new collection and stays as it is in others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GivenIndex {
    /// The name of an index engine.
    pub engine: Option<String>,
    /// Neighbours of a vector in the graph.
    pub m: Option<u64>,
    /// Candidates looked at when a vector is linked.
    pub ef_construction: Option<u64>,
    /// Candidates kept by a search that does not say how many.
    pub ef: Option<u64>,
    /// The name of a quantisation.
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
    /// A line for people; the empty string removes it.
    pub description: Option<String>,
    /// How its vectors are indexed. The index is built again where it has to be, while searches go
    /// on.
    pub index: GivenIndex,
}

/// A collection's properties.
#[derive(Clone, Debug, PartialEq)]
pub struct CollectionSummary {
    /// Its name.
    pub name: String,
    /// A line for people.
    pub description: Option<String>,
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
    /// Milliseconds since the Unix epoch.
    pub created_unix_ms: i64,
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
    /// The state of its index.
    pub index: IndexStatus,
    /// Ranges of sequence numbers that were acknowledged once and are missing from the store.
    pub lost_writes: Vec<LostWrites>,
}

/// A document to store.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewDocument {
    /// Made by the service where absent.
    pub id: Option<GivenId>,
    /// Embedded where no vector is given.
    pub text: Option<String>,
    /// The user's own vector.
    pub vector: Option<Vec<f32>>,
    /// A JSON object, empty where absent.
    pub metadata: Option<Map<String, Value>>,
    /// The version that it must replace.
    pub if_seq: Option<u64>,
}

/// Asks to insert or replace documents, all or none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Upsert {
    /// The documents, without a repeated id.
    pub documents: Vec<NewDocument>,
    /// Makes the ids that the service chooses the same for every retry of the same documents.
    pub idempotency_key: Option<String>,
    /// Whether it may insert, replace, or both.
    pub mode: WriteMode,
}

/// What an upsert did.
#[derive(Clone, Debug, PartialEq)]
pub struct UpsertReply {
    /// One result a document, in the order of the request.
    pub results: Vec<UpsertResult>,
    /// From admission to reply.
    pub took: Duration,
}

/// What an upsert did with one document.
#[derive(Clone, Debug, PartialEq)]
pub struct UpsertResult {
    /// The id, as given or as made.
    pub id: DocumentId,
    /// Whether the document is new.
    pub status: UpsertStatus,
    /// Its version.
    pub seq: Seq,
    /// Tokens that were read of the text, where it was embedded; of all its passages together.
    pub tokens: Option<u32>,
    /// Whether the text was longer than the model's window, where it was embedded.
    pub truncated: Option<bool>,
    /// Tokens of the text that stand for something the model does not know. Absent where it was not
    /// embedded, or before these were counted.
    pub unknown_tokens: Option<u32>,
    /// How many passages the text was cut into, where the collection cuts texts and this one was
    /// embedded.
    pub passages: Option<u32>,
}

/// Whether a written document is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpsertStatus {
    /// No document had this id.
    Created,
    /// The document with this id was replaced.
    Updated,
}

impl UpsertStatus {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
        }
    }
}

/// Asks to change one document. What is absent stays as it is; something is given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PatchDocument {
    /// Another text, embedded where the collection has a model and no vector is given.
    pub text: Option<String>,
    /// Another vector.
    pub vector: Option<Vec<f32>>,
    /// A merge patch (RFC 7396) of the metadata.
    pub metadata: Option<Map<String, Value>>,
    /// The version that it must be of.
    pub if_seq: Option<u64>,
}

/// Asks to change the metadata of documents. Exactly one of `filter` and `all` is given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpdateDocuments {
    /// A filter as JSON. One that lets everything through needs `all` beside it.
    pub filter: Option<Value>,
    /// All documents.
    pub all: bool,
    /// A merge patch (RFC 7396).
    pub metadata: Map<String, Value>,
}

/// What an update did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateReply {
    /// How many documents were changed; those that are so already do not count.
    pub updated: u64,
    /// Fields of the filter that no document had.
    pub unknown_fields: Vec<String>,
}

/// Asks for documents, by ids or by a filter. Exactly one is given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GetDocuments {
    /// Ids.
    pub ids: Option<Vec<GivenId>>,
    /// A filter as JSON.
    pub filter: Option<Value>,
    /// With a filter: documents a page, `result_window` where absent.
    pub limit: Option<u64>,
    /// With a filter: the `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// The parts to return.
    pub include: Include,
}

/// Asks to delete documents, by ids, by a filter, or all of them. Exactly one is given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteDocuments {
    /// Ids.
    pub ids: Option<Vec<GivenId>>,
    /// A filter as JSON. One that lets everything through needs `all` beside it.
    pub filter: Option<Value>,
    /// All documents.
    pub all: bool,
}

/// What a deletion did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteReply {
    /// How many documents are gone.
    pub deleted: u64,
    /// Fields of the filter that no document had.
    pub unknown_fields: Vec<String>,
}

/// How many documents there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CountReply {
    /// Documents that match, or all.
    pub count: u64,
    /// Fields of the filter that no document has.
    pub unknown_fields: Vec<String>,
}

/// Which parts of a document a reply carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Include {
    /// The text.
    pub text: bool,
    /// The metadata.
    pub metadata: bool,
    /// The vector.
    pub vector: bool,
}

impl Default for Include {
    /// Text and metadata.
    fn default() -> Self {
        Self { text: true, metadata: true, vector: false }
    }
}

/// Asks for the documents of a selection in pages, in the order of their creation.
#[derive(Clone, Debug, PartialEq)]
pub struct Scroll {
    /// A filter as JSON; all documents where absent.
    pub filter: Option<Value>,
    /// Documents a page, 100 where absent.
    pub limit: Option<u64>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// The parts to return.
    pub include: Include,
}

/// One page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScrollReply {
    /// The documents, in the order of their creation.
    pub documents: Vec<Document>,
    /// Documents that have their place on this page and can not be served. Which filter they match
    /// is not known.
    pub damaged: Vec<DamagedDocument>,
    /// Where the next page starts; absent after the last one.
    pub next_cursor: Option<String>,
    /// Fields of the filter that no document has.
    pub unknown_fields: Vec<String>,
}

/// Asks for the nearest documents. Exactly one of `text`, `vector` and `id` is given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Search {
    /// A text, embedded as a query.
    pub text: Option<String>,
    /// A vector.
    pub vector: Option<Vec<f32>>,
    /// A stored document: more like this, without itself.
    pub id: Option<GivenId>,
    /// Hits wanted, 10 where absent.
    pub limit: Option<u64>,
    /// Hits to skip, 0 where absent.
    pub offset: Option<u64>,
    /// A filter as JSON.
    pub filter: Option<Value>,
    /// The lowest score of a hit.
    pub min_score: Option<f64>,
    /// The parts of the documents to return.
    pub include: Include,
    /// How to search.
    pub params: SearchParams,
    /// Whether the reply is to say how it was found.
    pub explain: Option<bool>,
}

/// How to search. What is absent is left to the settings of the collection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SearchParams {
    /// Candidates that a walk of the graph keeps: more find more of the true neighbours and take
    /// longer. At least as many as there are hits to find are kept in any case. It says nothing
    /// where there is no walk.
    pub ef: Option<u64>,
    /// Compare every vector that the filter lets through, in full precision.
    pub exact: Option<bool>,
    /// Whether what was found over codes is scored again with full vectors; true where absent.
    pub rescore: Option<bool>,
}

/// The nearest documents.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchReply {
    /// Best first.
    pub hits: Vec<Hit>,
    /// From admission to reply.
    pub took: Duration,
    /// Whether the graph that the collection's settings ask for was not there, because it is being
    /// built again. The hits are as good, they took longer.
    pub degraded: bool,
    /// Documents that are near enough to be hits, and are damaged and not served.
    pub damaged: Vec<DamagedDocument>,
    /// Documents of the collection that no search can find, or not by all of their passages, as a
    /// stored vector of theirs is damaged or missing.
    pub unsearchable: u64,
    /// How they were found, where the request asks for it.
    pub plan: Option<SearchPlan>,
    /// Fields of the filter that no document has.
    pub unknown_fields: Vec<String>,
    /// Tokens of the query that stand for something the model does not know, where it was a text.
    pub unknown_tokens: Option<u32>,
}

/// Asks for the vectors of texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embed {
    /// The texts.
    pub inputs: EmbedInputs,
    /// A loaded model, the node's default where absent.
    pub model: Option<String>,
    /// The model's own where absent.
    pub pooling: Option<Pooling>,
    /// The model's own where absent.
    pub normalize: Option<bool>,
    /// Chooses the model's prompt; none where absent.
    pub input_type: Option<InputType>,
    /// How many of the first values of each vector are wanted; all where absent.
    pub dimensions: Option<u64>,
    /// What becomes of texts that are longer than the model's window; the rules say where absent.
    pub truncate: Option<Truncate>,
    /// Who waits for it.
    pub lane: Lane,
    /// The rules that it keeps to.
    pub rules: EmbedRules,
}

/// The rules that requests for vectors keep to, by the shape that they came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmbedRules {
    /// At most `embed_texts` texts. Long ones are cut at their end, which the reply says.
    #[default]
    Own,
    /// At most `openai_inputs` inputs. Long ones are refused, as OpenAI does: its reply could not
    /// say that they were cut.
    OpenAi,
}

/// The vectors of texts.
#[derive(Clone, Debug, PartialEq)]
pub struct EmbedReply {
    /// One vector a text, in the order of the request.
    pub embeddings: Vec<Vec<f32>>,
    /// The model's name.
    pub model: String,
    /// The length of the vectors: the model's, or what was asked for.
    pub dimension: u64,
    /// Tokens of all texts that were read, special tokens and prompts included.
    pub total_tokens: u64,
    /// Those of them that stand for something the model does not know.
    pub unknown_tokens: u64,
    /// From admission to reply.
    pub took: Duration,
    /// Indices of the texts that were longer than the model's window and were cut.
    pub truncated: Vec<u32>,
}

/// A model of the node's configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelInfo {
    /// Its name in the configuration.
    pub name: String,
    /// Everything that decides what its vectors are; known while it is ready.
    pub identity: Option<ModelIdentity>,
    /// What runs it: `native`, `mlx` or `hash`; `auto` until that is decided.
    pub backend: &'static str,
    /// Whether requests that name no model use it.
    pub is_default: bool,
    /// Whether it can be used.
    pub state: ModelState,
    /// Why it could not be loaded, or does not run right now, where its state is `failed`.
    pub failure: Option<String>,
}

/// Where a model is between the disk and its use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelState {
    /// It can be loaded.
    Unloaded,
    /// Its files are being read.
    Loading,
    /// It embeds texts.
    Ready,
    /// It finishes the texts that wait, and takes no more.
    Unloading,
    /// It could not be loaded and can be tried again, or what runs it has ended and is started
    /// again.
    Failed,
}

impl ModelState {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unloaded => "unloaded",
            Self::Loading => "loading",
            Self::Ready => "ready",
            Self::Unloading => "unloading",
            Self::Failed => "failed",
        }
    }
}

/// What to do with the collections of a model that is to be unloaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InUse {
    /// Refuse while a collection uses the model.
    #[default]
    Refuse,
    /// Unload it; the texts of these collections are refused until it is loaded again.
    Unload,
}

/// Whether the node can serve, and each part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Readiness {
    /// Requests are served. A node without room for writes is ready, its storage is not.
    pub ready: bool,
    /// The parts.
    pub components: Vec<ComponentState>,
    /// The models of the configuration; none where embedding is disabled.
    pub models: Vec<ModelInfo>,
    /// The indexes that are being built, of the collections that are open.
    pub indexes: Vec<IndexProgress>,
    /// What of the storage was not as it was left, when the node started. It serves all the same.
    pub findings: Vec<StorageFinding>,
}

/// The state of one part of the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentState {
    /// `storage`, `embedding`, `indexes`.
    pub name: &'static str,
    /// Whether it can serve.
    pub ready: bool,
    /// For people.
    pub detail: String,
}
