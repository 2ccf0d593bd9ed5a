//! Loaded models in OpenAI's shape.

use akidb_service::ModelIdentity;
use serde::Serialize;
use utoipa::ToSchema;

/// A loaded model, in OpenAI's shape.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenAiModel, example = json!({
    "id": "all-minilm-l6-v2", "object": "model", "created": 1_767_225_600, "owned_by": "akidb",
    "dimension": 384, "max_tokens": 256
}))]
pub(crate) struct OpenAiModelAnswer {
    /// Its name.
    id: String,
    /// `model`.
    object: &'static str,
    /// When this node was started, in seconds since the Unix epoch.
    created: u64,
    /// `akidb`.
    owned_by: &'static str,
    /// The number of values of a vector.
    dimension: u32,
    /// The most tokens of an input, special tokens and prompt included.
    max_tokens: u32,
}

/// The loaded models, in OpenAI's shape.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenAiModelList)]
pub(crate) struct OpenAiModelListAnswer {
    /// `list`.
    object: &'static str,
    /// The models.
    data: Vec<OpenAiModelAnswer>,
}

impl OpenAiModelAnswer {
    pub(crate) fn new(model: ModelIdentity, created: u64) -> Self {
        Self {
            id: model.name,
            object: "model",
            created,
            owned_by: "akidb",
            dimension: model.dimension,
            max_tokens: model.max_tokens,
        }
    }
}

impl OpenAiModelListAnswer {
    pub(crate) fn new(models: impl Iterator<Item = OpenAiModelAnswer>) -> Self {
        Self { object: "list", data: models.collect() }
    }
}
