//! A plain REST client for tests: JSON in, JSON out.

use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use serde_json::Value;

use crate::node::Node;

/// Talks to one node.
#[derive(Clone)]
pub(crate) struct RestClient {
    client: Client,
    url: String,
}

impl RestClient {
    pub(crate) fn new(node: &Node) -> Self {
        let client = Client::builder().timeout(Duration::from_secs(600)).build().unwrap();
        Self { client, url: node.url() }
    }

    fn request(&self, path: &str, body: &Value) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.url)).json(body)
    }

    /// The answer of a node that may be gone: `None` where there was none.
    pub(crate) async fn try_post(&self, path: &str, body: &Value) -> Option<Value> {
        let response = self.request(path, body).send().await.ok()?;
        let succeeded = response.status().is_success();
        let answer: Value = response.json().await.ok()?;
        assert!(succeeded, "{path}: {answer}");
        Some(answer)
    }

    /// The answer of a request that must succeed.
    pub(crate) async fn get(&self, path: &str) -> Value {
        succeeded(path, self.client.get(format!("{}{path}", self.url))).await
    }

    /// The answer of a request that must succeed.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        succeeded(path, self.request(path, &body)).await
    }

    /// The same with a header.
    pub(crate) async fn post_with(&self, path: &str, body: Value, header: (&str, &str)) -> Value {
        succeeded(path, self.request(path, &body).header(header.0, header.1)).await
    }
}

async fn succeeded(path: &str, request: RequestBuilder) -> Value {
    let response = request.send().await.unwrap();
    let status = response.status();
    let answer = response.text().await.unwrap();
    assert!(status.is_success(), "{path}: {status} {answer}");
    serde_json::from_str(&answer).unwrap()
}
