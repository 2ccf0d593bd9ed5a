//! The models of a node.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{Client, Request, RequestError};

const MODELS: [&str; 3] = ["v1", "admin", "models"];

/// What embeds a collection's texts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ModelIdentity {
    /// Its name.
    pub name: String,
    /// SHA-256 of the weights in hexadecimal.
    pub weights_sha256: String,
    /// The arithmetic that vectors are made with.
    pub precision: String,
    /// `mean`, `cls`, `max` or `lasttoken`.
    pub pooling: String,
    /// Whether vectors are scaled to length 1.
    pub normalize: bool,
    /// The texts put before an input, by name.
    pub prompts: BTreeMap<String, String>,
    /// The prompt for inputs of no type.
    pub default_prompt: Option<String>,
    /// The most tokens of a text that are read.
    pub max_tokens: u32,
    /// The length of its vectors.
    pub dimension: u32,
}

/// A model of the node's configuration.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Model {
    /// Its name in the configuration.
    pub name: String,
    /// Whether it can be used.
    pub state: ModelState,
    /// What it makes of texts; known while it is ready.
    pub kind: Option<ModelKind>,
    /// What runs it.
    pub backend: String,
    /// Whether requests that name no model use it.
    pub is_default: bool,
    /// What its vectors are, while it is ready.
    pub identity: Option<ModelIdentity>,
    /// Why it could not be loaded, where it has failed.
    pub failure: Option<String>,
}

/// What a model makes of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ModelKind {
    /// A vector of each.
    Embedder,
    /// A score of a query and a document.
    Reranker,
    /// One that this version of the client does not know.
    #[serde(other)]
    Other,
}

/// Whether a model can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ModelState {
    /// It is not in memory.
    Unloaded,
    /// It will soon.
    Loading,
    /// It can.
    Ready,
    /// It embeds the last texts that wait for it.
    Unloading,
    /// It could not be loaded.
    Failed,
    /// A state that this version does not know.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct ModelList {
    models: Vec<Model>,
}

impl Client {
    /// Every model of the node's configuration, by name.
    ///
    /// # Errors
    /// The node's own, or no answer.
    pub async fn models(&self) -> Result<Vec<Model>, RequestError> {
        Ok(self.send::<ModelList>(Request::get(&MODELS)).await?.models)
    }

    /// A model of the node's configuration.
    ///
    /// # Errors
    /// The node's own, such as `model_not_found`, or no answer.
    pub async fn model(&self, name: &str) -> Result<Model, RequestError> {
        self.send(Request::get(&[&MODELS[..], &[name]].concat())).await
    }

    /// Begins to load a model, and returns while it is loading.
    ///
    /// # Errors
    /// The node's own, such as `model_not_found`, or no answer.
    pub async fn load_model(&self, name: &str) -> Result<Model, RequestError> {
        self.send(Request::post(&[&MODELS[..], &[name, "load"]].concat()).repeatable()).await
    }

    /// Takes a model out of the node's memory; one that collections use only with `force`.
    ///
    /// # Errors
    /// The node's own, such as `model_in_use`, or no answer.
    pub async fn unload_model(&self, name: &str, force: bool) -> Result<Model, RequestError> {
        let request = Request::post(&[&MODELS[..], &[name, "unload"]].concat()).repeatable();
        self.send(if force { request.query("force", "true") } else { request }).await
    }
}
