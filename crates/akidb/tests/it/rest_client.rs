//! The Rust client for tests: JSON in, JSON out, and a failed request fails the test.

use akidb_client::{Client, Request, RequestError, Retries};
use serde_json::Value;

use crate::node::Node;

/// Talks to one node.
#[derive(Clone)]
pub(crate) struct RestClient(Client);

impl RestClient {
    pub(crate) fn new(node: &Node) -> Self {
        Self(Client::new(&node.url()).unwrap().with_retries(Retries::NONE))
    }

    /// The answer of a node that may be gone: `None` where there was none.
    pub(crate) async fn try_post(&self, path: &str, body: &Value) -> Option<Value> {
        self.answered(path, Request::post(&parts(path)).json(body)).await
    }

    /// The same for a change.
    pub(crate) async fn try_patch(&self, path: &str, body: &Value) -> Option<Value> {
        self.answered(path, Request::patch(&parts(path)).json(body)).await
    }

    async fn answered(&self, path: &str, request: Request) -> Option<Value> {
        match self.0.send(request).await {
            Ok(answer) => Some(answer),
            Err(RequestError::Node(error)) => panic!("{path}: {error}"),
            Err(_) => None,
        }
    }

    /// The answer of a request that must succeed.
    pub(crate) async fn get(&self, path: &str) -> Value {
        self.succeeded(path, Request::get(&parts(path))).await
    }

    /// The answer of a request that must succeed.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        self.succeeded(path, Request::post(&parts(path)).json(&body)).await
    }

    /// The same with a header.
    pub(crate) async fn post_with(
        &self,
        path: &str,
        body: Value,
        (name, value): (&'static str, &str),
    ) -> Value {
        self.succeeded(path, Request::post(&parts(path)).json(&body).header(name, value)).await
    }

    async fn succeeded(&self, path: &str, request: Request) -> Value {
        self.0.send(request).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

/// The parts of a path, which has no query.
fn parts(path: &str) -> Vec<&str> {
    path.trim_start_matches('/').split('/').collect()
}
