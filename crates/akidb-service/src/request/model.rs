//! The models of a node and their states.

use akidb_embedding::{ModelIdentity, ModelKind};

/// A model of the node's configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelInfo {
    /// Its name in the configuration.
    pub name: String,
    /// What it makes of texts; known while it is ready.
    pub kind: Option<ModelKind>,
    /// Everything that decides what its vectors are; known while it is ready. A re-ranker's have one
    /// value, the logit of a pair.
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
    /// It embeds texts, or re-ranks documents.
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
