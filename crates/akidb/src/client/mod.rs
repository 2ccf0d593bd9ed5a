//! The client of a node's REST door, which every command but `serve` and `model` speaks through.
//!
//! What does not live here: what is asked and how the answer is shown.

mod answer;
mod retry;

use std::time::Duration;

use reqwest::{Method, Url, header::RETRY_AFTER};
use serde::Serialize;
use serde_json::Value;

pub(crate) use self::{
    answer::{NodeError, RequestError, Violation},
    retry::retrying,
};
use crate::failure::{Failure, Result};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A node answers within its own `server.request_timeout_ms`; this only ends a silence.
const READ_TIMEOUT: Duration = Duration::from_secs(300);

/// Speaks to one node.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
}

impl Client {
    /// A client of the node at `url`. Nothing is sent yet.
    pub(crate) fn new(url: &str) -> Result<Self> {
        let base = Url::parse(url)
            .map_err(|error| Failure::usage(format!("{url:?} is not a URL: {error}")))?;
        if base.scheme() != "http" || base.host_str().is_none() {
            return Err(Failure::usage(format!("{url:?} does not start with http://"))
                .hint("give the REST address of a node, such as http://127.0.0.1:8080"));
        }
        let http = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .user_agent(concat!("akidb/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Failure::io("cannot prepare the HTTP client", &error))?;
        Ok(Self { http, base })
    }

    /// Reads something.
    pub(crate) async fn get(&self, path: &[&str]) -> Result<Value, RequestError> {
        self.send(self.request(Method::GET, path)).await
    }

    /// Removes something.
    pub(crate) async fn delete(&self, path: &[&str]) -> Result<Value, RequestError> {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Sends a body.
    pub(crate) async fn post(
        &self,
        path: &[&str],
        body: &(impl Serialize + Sync),
    ) -> Result<Value, RequestError> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// Sends a body that is JSON already, under a key that makes it safe to send again.
    pub(crate) async fn post_again(
        &self,
        path: &[&str],
        body: String,
        idempotency_key: &str,
    ) -> Result<Value, RequestError> {
        let request = self
            .request(Method::POST, path)
            .header("content-type", "application/json")
            .header("idempotency-key", idempotency_key)
            .body(body);
        self.send(request).await
    }

    fn request(&self, method: Method, path: &[&str]) -> reqwest::RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        self.http.request(method, url)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Value, RequestError> {
        let unreachable =
            |error: reqwest::Error| RequestError::unreachable(self.base.as_str(), error);
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        let body = response.bytes().await.map_err(unreachable)?;
        if status.is_success() {
            return answer::success(&body);
        }
        Err(answer::failure(status.as_u16(), &body, retry_after))
    }
}
