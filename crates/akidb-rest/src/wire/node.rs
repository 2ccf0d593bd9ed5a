//! The answers about the node itself.

use akidb_service::{IndexProgress, LimitInfo, ModelInfo, Readiness, StorageFinding};
use serde::Serialize;
use utoipa::ToSchema;

/// The process runs.
#[derive(Serialize, ToSchema)]
#[schema(as = Alive, example = json!({"status": "ok"}))]
pub(crate) struct AliveAnswer {
    /// Always `ok`.
    status: &'static str,
}

impl AliveAnswer {
    /// The only value.
    pub(crate) const OK: Self = Self { status: "ok" };
}

/// Which program answers.
#[derive(Serialize, ToSchema)]
#[schema(as = Version, example = json!({"name": "akidb", "version": "0.1.0"}))]
pub(crate) struct VersionAnswer {
    /// Always `akidb`.
    name: &'static str,
    version: &'static str,
}

impl VersionAnswer {
    /// This program.
    pub(crate) const THIS: Self = Self { name: "akidb", version: env!("CARGO_PKG_VERSION") };
}

/// Whether the node can serve.
#[derive(Serialize, ToSchema)]
#[schema(as = Ready, example = json!({
    "ready": true,
    "components": [{"name": "storage", "ready": true, "detail": "2 collections"}],
    "models": [{"name": "all-minilm-l6-v2", "state": "ready"}],
    "indexes": [{"collection": "films", "state": "building", "progress": 0.4}],
    "findings": []
}))]
pub(crate) struct ReadyAnswer {
    /// Whether requests are served. A node whose disk is nearly full serves all but those that take
    /// room: its component `storage` is not ready, and says why.
    pub(crate) ready: bool,
    components: Vec<ComponentAnswer>,
    /// The models of the configuration; none where embedding is disabled.
    models: Vec<ModelStateAnswer>,
    /// The indexes that are being built, of the collections that are open. Searches work meanwhile,
    /// so that the node is ready.
    indexes: Vec<IndexProgressAnswer>,
    /// What of the storage was not as it was left when the node started. It was put right, and the
    /// node is ready; a person should look at it.
    findings: Vec<StorageFindingAnswer>,
}

/// Something that was not as it was left.
#[derive(Serialize, ToSchema)]
#[schema(as = StorageFinding)]
struct StorageFindingAnswer {
    /// `rebuilt` (the catalogue was missing or unreadable), `changes_lost` (it was older than its
    /// last change), `adopted` (a collection was not in it), `set_aside` (an unknown folder is in
    /// `lost+found`), `restored` (its row is taken from the collection's folder), `removed` (its row
    /// is gone), `missing` (a collection has no folder) or `redescribed` (a folder's own description
    /// was damaged).
    kind: &'static str,
    /// What exactly, and what was done, for people.
    detail: String,
}

impl From<StorageFinding> for StorageFindingAnswer {
    fn from(finding: StorageFinding) -> Self {
        Self { kind: finding.kind, detail: finding.detail }
    }
}

/// An index that is being built.
#[derive(Serialize, ToSchema)]
#[schema(as = IndexProgress)]
struct IndexProgressAnswer {
    /// The collection's name.
    collection: String,
    /// The name of the vector field; absent for the unnamed one.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// `building` or `rebuilding`.
    state: &'static str,
    /// How much of it is done, 0 to 1.
    progress: f32,
}

impl From<IndexProgress> for IndexProgressAnswer {
    fn from(index: IndexProgress) -> Self {
        let field = Some(index.field.as_str()).filter(|name| !name.is_empty());
        Self {
            field: field.map(str::to_owned),
            collection: index.collection,
            state: index.state.as_str(),
            progress: index.progress,
        }
    }
}

/// The state of a model.
#[derive(Serialize, ToSchema)]
#[schema(as = ModelState)]
struct ModelStateAnswer {
    name: String,
    /// `unloaded`, `loading`, `ready`, `unloading` or `failed`.
    state: &'static str,
    /// Why it could not be loaded, where it has failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

impl From<ModelInfo> for ModelStateAnswer {
    fn from(model: ModelInfo) -> Self {
        Self { name: model.name, state: model.state.as_str(), failure: model.failure }
    }
}

/// The state of one part of the node.
#[derive(Serialize, ToSchema)]
#[schema(as = Component)]
struct ComponentAnswer {
    /// `storage`, `embedding`, `indexes`, or `tls` where the node speaks it.
    name: &'static str,
    /// Whether it can serve.
    ready: bool,
    /// For people.
    detail: String,
}

impl From<Readiness> for ReadyAnswer {
    fn from(readiness: Readiness) -> Self {
        let components = readiness.components.into_iter();
        let components = components
            .map(|part| ComponentAnswer { name: part.name, ready: part.ready, detail: part.detail })
            .collect();
        let models = readiness.models.into_iter().map(ModelStateAnswer::from).collect();
        let indexes = readiness.indexes.into_iter().map(IndexProgressAnswer::from).collect();
        let findings = readiness.findings.into_iter().map(StorageFindingAnswer::from).collect();
        Self { ready: readiness.ready, components, models, indexes, findings }
    }
}

#[cfg(test)]
mod tests {
    use akidb_service::IndexState;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_person_should_know_is_listed_by_a_ready_node() {
        let index = IndexProgress {
            collection: "films".to_owned(),
            field: Default::default(),
            state: IndexState::Rebuilding,
            progress: 0.4,
        };
        let readiness = Readiness {
            ready: true,
            components: Vec::new(),
            models: Vec::new(),
            indexes: vec![index],
            findings: vec![StorageFinding { kind: "adopted", detail: "films".to_owned() }],
        };
        let listed = json!([{"collection": "films", "state": "rebuilding", "progress": 0.4}]);
        let answer = serde_json::to_string(&ReadyAnswer::from(readiness)).unwrap();
        let findings = json!([{"kind": "adopted", "detail": "films"}]);
        let expected = format!(
            "{{\"ready\":true,\"components\":[],\"models\":[],\"indexes\":{listed},\
             \"findings\":{findings}}}"
        );
        assert_eq!(answer, expected);
    }
}

/// One of the limits that requests and clients keep to.
#[derive(Serialize, ToSchema)]
#[schema(as = Limit)]
struct LimitAnswer {
    /// Its key in `[limits]` of the configuration.
    name: &'static str,
    /// What the node was started with.
    value: u64,
    /// What it is where the configuration says nothing.
    default: u64,
    /// What is limited.
    meaning: &'static str,
}

/// All limits.
#[derive(Serialize, ToSchema)]
#[schema(as = LimitList, example = json!({"limits": [{
    "name": "rate_limit_per_ip", "value": 6_000, "default": 0,
    "meaning": "Requests a minute of one address, or of one IPv6 network of 64 bits. 0 for no limit."
}]}))]
pub(crate) struct LimitListAnswer {
    limits: Vec<LimitAnswer>,
}

impl From<Vec<LimitInfo>> for LimitListAnswer {
    fn from(limits: Vec<LimitInfo>) -> Self {
        let answer = |LimitInfo { name, value, default, meaning }| LimitAnswer {
            name,
            value,
            default,
            meaning,
        };
        Self { limits: limits.into_iter().map(answer).collect() }
    }
}
