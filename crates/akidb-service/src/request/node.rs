//! Whether a node is ready.

use crate::{IndexProgress, ModelInfo, StorageFinding};

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
    /// `storage`, `embedding`, `indexes`, and `tls` where the node speaks it.
    pub name: &'static str,
    /// Whether it can serve.
    pub ready: bool,
    /// For people.
    pub detail: String,
}

/// One of the limits that requests and clients keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitInfo {
    /// Its key in `[limits]`.
    pub name: &'static str,
    /// What the node was started with.
    pub value: u64,
    /// What it is where the configuration says nothing.
    pub default: u64,
    /// What is limited.
    pub meaning: &'static str,
}
