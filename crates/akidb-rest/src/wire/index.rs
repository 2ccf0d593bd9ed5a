//! The index of a collection: its settings and its state.

use akidb_core::IndexSettings;
use akidb_service::{Codes, GivenIndex, IndexStatus};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Object;

/// How vectors are indexed. What is absent has its default in a new collection, and stays as it is in
/// others.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = IndexSettings, example = json!({"engine": "hnsw", "m": 16, "ef": 100}))]
pub(crate) struct IndexBody {
    /// `hnsw` (default): a navigable graph over quantized codes, rescored with full vectors; small
    /// collections are scanned. `exact`: every search compares every vector; no other setting may be
    /// given with it. `hnsw_rs`: the graph of the crate of that name, over full vectors.
    #[schema(schema_with = super::schema::engine)]
    engine: Option<String>,
    /// Neighbors of a vector in the upper layers of the graph, twice as many in the lowest; 16 by
    /// default.
    #[schema(minimum = 4, maximum = 64)]
    m: Option<u64>,
    /// Candidates looked at when a vector is linked into the graph, at least `m`; 200 by default.
    #[schema(minimum = 8, maximum = 2000)]
    ef_construction: Option<u64>,
    /// Candidates kept by a search that does not say how many, 1 to `result_window`; 100 by default.
    #[schema(minimum = 1, maximum = 10_000)]
    ef: Option<u64>,
    /// What the graph is built and walked over. `int8` (default): one byte a component. `none`: full
    /// vectors, and all that `hnsw_rs` knows. `binary`: one bit a component, from 1,024 dimensions.
    #[schema(schema_with = super::schema::quantization)]
    quantization: Option<String>,
}

/// What the service is asked for.
pub(super) fn given_index(body: Option<Object<IndexBody>>) -> GivenIndex {
    let IndexBody { engine, m, ef_construction, ef, quantization } =
        body.map(|Object(body)| body).unwrap_or_default();
    GivenIndex { engine, m, ef_construction, ef, quantization }
}

/// How vectors are indexed: the settings that the engine has a use for.
#[derive(Serialize, ToSchema)]
#[schema(as = Index)]
pub(super) struct IndexSettingsAnswer {
    engine: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    m: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ef_construction: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ef: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantization: Option<&'static str>,
}

impl From<IndexSettings> for IndexSettingsAnswer {
    fn from(settings: IndexSettings) -> Self {
        let has_graph = settings.has_graph();
        Self {
            engine: settings.engine.as_str(),
            m: has_graph.then_some(settings.m),
            ef_construction: has_graph.then_some(settings.ef_construction),
            ef: has_graph.then_some(settings.ef),
            quantization: has_graph.then_some(settings.quantization.as_str()),
        }
    }
}

/// The settings and the state of an index.
#[derive(Serialize, ToSchema)]
#[schema(as = IndexState)]
pub(super) struct IndexAnswer {
    #[serde(flatten)]
    settings: IndexSettingsAnswer,
    /// Vectors that a search sees; of a text in passages, one for each.
    vector_count: u64,
    /// Of these, vectors that the graph holds. None where there is no graph: with the engine
    /// `exact`, and while a collection is too small for one to pay.
    linked_count: u64,
    /// What the graph is walked over: `int8`, `binary` or `f32`. It is what `quantization` asks for,
    /// or `f32`, full vectors, where such codes could not tell the vectors apart. Absent where there
    /// is no graph.
    #[serde(skip_serializing_if = "Option::is_none")]
    codes: Option<&'static str>,
    /// `ready`: it is what its settings ask for. `building`: its graph does not hold all vectors
    /// yet; searches compare the others one by one. `rebuilding`: another one is built beside it,
    /// for other settings or because its files were damaged; until then searches use what there is.
    state: &'static str,
    /// How much of the building is done, 0 to 1; 1 where nothing is being built.
    progress: f32,
    /// Bytes of memory that it holds.
    memory_bytes: u64,
    /// Of these, bytes that walks of the graph read: its links and the codes of its vectors.
    hot_memory_bytes: u64,
    /// Bytes of its files.
    disk_bytes: u64,
}

impl IndexAnswer {
    pub(super) fn new(settings: IndexSettings, status: IndexStatus) -> Self {
        Self {
            settings: settings.into(),
            vector_count: status.vector_count,
            linked_count: status.linked_count,
            codes: status.codes.map(Codes::as_str),
            state: status.state.as_str(),
            progress: status.progress,
            memory_bytes: status.memory_bytes,
            hot_memory_bytes: status.hot_memory_bytes,
            disk_bytes: status.disk_bytes,
        }
    }
}
