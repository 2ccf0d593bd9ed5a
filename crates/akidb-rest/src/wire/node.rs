//! The answers about the node itself.

use akidb_service::Readiness;
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

/// Whether the node can serve.
#[derive(Serialize, ToSchema)]
#[schema(as = Ready, example = json!({
    "ready": true,
    "components": [{"name": "storage", "ready": true, "detail": "2 collections"}]
}))]
pub(crate) struct ReadyAnswer {
    /// Whether all components are ready.
    pub(crate) ready: bool,
    components: Vec<ComponentAnswer>,
}

/// The state of one part of the node.
#[derive(Serialize, ToSchema)]
#[schema(as = Component)]
struct ComponentAnswer {
    /// `storage` or `embedding`.
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
        Self { ready: readiness.ready, components }
    }
}
