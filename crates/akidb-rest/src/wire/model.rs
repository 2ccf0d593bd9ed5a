//! The models of the node.

use std::collections::BTreeMap;

use akidb_service::{ModelIdentity, ModelInfo, ModelKind};
use serde::Serialize;
use utoipa::ToSchema;

/// What embeds a collection's texts; vectors of another identity are never mixed in.
#[derive(Serialize, ToSchema)]
#[schema(as = ModelIdentity)]
pub(super) struct ModelIdentityAnswer {
    name: String,
    /// SHA-256 of the weights in hexadecimal.
    weights_sha256: String,
    /// The arithmetic that vectors are made with.
    precision: &'static str,
    /// `mean`, `cls`, `max` or `lasttoken`.
    pooling: &'static str,
    /// Whether vectors are scaled to length 1.
    normalize: bool,
    /// The texts put before an input, by name.
    prompts: BTreeMap<String, String>,
    /// The prompt for inputs of no type.
    #[serde(skip_serializing_if = "Option::is_none")]
    default_prompt: Option<String>,
    /// The most tokens of a text that are read.
    max_tokens: u32,
    dimension: u32,
}

impl From<ModelIdentity> for ModelIdentityAnswer {
    fn from(model: ModelIdentity) -> Self {
        Self {
            name: model.name,
            weights_sha256: model.weights_sha256,
            precision: model.precision.as_str(),
            pooling: model.pooling.as_str(),
            normalize: model.normalize,
            prompts: model.prompts.by_name,
            default_prompt: model.prompts.default_name,
            max_tokens: model.max_tokens,
            dimension: model.dimension,
        }
    }
}

/// A model of the node's configuration.
#[derive(Serialize, ToSchema)]
#[schema(as = Model, example = json!({
    "name": "all-minilm-l6-v2", "state": "loading", "backend": "native", "is_default": true
}))]
pub(crate) struct ModelAnswer {
    /// Its name in the configuration.
    name: String,
    /// `unloaded`, `loading`, `ready`, `unloading` or `failed`.
    state: &'static str,
    /// `embedder` or `reranker`; known while it is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    /// What runs it.
    backend: &'static str,
    /// Whether requests that name no model use it.
    is_default: bool,
    /// What its vectors are, while it is ready. A re-ranker's have one value, the logit of a query and
    /// a document.
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<ModelIdentityAnswer>,
    /// Why it could not be loaded, where it has failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

impl From<ModelInfo> for ModelAnswer {
    fn from(model: ModelInfo) -> Self {
        Self {
            name: model.name,
            state: model.state.as_str(),
            kind: model.kind.map(ModelKind::as_str),
            backend: model.backend,
            is_default: model.is_default,
            identity: model.identity.map(ModelIdentityAnswer::from),
            failure: model.failure,
        }
    }
}

/// Every model of the node's configuration, by name.
#[derive(Serialize, ToSchema)]
#[schema(as = ModelList)]
pub(crate) struct ModelListAnswer {
    models: Vec<ModelAnswer>,
}

impl From<Vec<ModelInfo>> for ModelListAnswer {
    fn from(models: Vec<ModelInfo>) -> Self {
        Self { models: models.into_iter().map(ModelAnswer::from).collect() }
    }
}
