//! What a node says of itself.

use serde::Deserialize;

use crate::{Client, IndexState, ModelState, Request, RequestError};

/// Which program answers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Version {
    /// Always `akidb`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Whether a node can serve, see [`Client::readiness`].
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Readiness {
    /// Whether requests are served.
    pub ready: bool,
    /// The parts of the node.
    pub components: Vec<Component>,
    /// The models of the configuration; none where embedding is disabled.
    #[serde(default)]
    pub models: Vec<LoadState>,
    /// The indexes that are being built. Searches work meanwhile.
    #[serde(default)]
    pub indexes: Vec<IndexProgress>,
    /// What of the storage was not as it was left when the node started, and was put right.
    #[serde(default)]
    pub findings: Vec<Finding>,
}

/// The state of one part of the node.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Component {
    /// `storage`, `embedding`, `indexes`, or `tls` where the node speaks it.
    pub name: String,
    /// Whether it can serve.
    pub ready: bool,
    /// For people.
    pub detail: String,
}

/// The state of a model.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct LoadState {
    /// Its name.
    pub name: String,
    /// Whether it can embed.
    pub state: ModelState,
    /// Why it could not be loaded, where it has failed.
    pub failure: Option<String>,
}

/// An index that is being built.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct IndexProgress {
    /// The collection's name.
    pub collection: String,
    /// What is being built.
    pub state: IndexState,
    /// How much of it is done, 0 to 1.
    pub progress: f32,
}

/// Something of the storage that was not as it was left.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// The stable name of it.
    pub kind: String,
    /// What exactly, and what was done, for people.
    pub detail: String,
}

impl Client {
    /// Which program answers, and of which version.
    ///
    /// # Errors
    /// The node's own, or no answer.
    pub async fn version(&self) -> Result<Version, RequestError> {
        self.send(Request::get(&["version"])).await
    }

    /// The node's metrics, as Prometheus text.
    ///
    /// # Errors
    /// The node's own, or no answer.
    pub async fn metrics(&self) -> Result<String, RequestError> {
        self.send_for_text(Request::get(&["metrics"])).await
    }
}
