//! The client of a node's REST door, which every command that asks a node speaks through.
//!
//! What does not live here: what is asked and how the answer is shown.

mod answer;
mod lines;
mod retry;

use std::{io, time::Duration};

use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use http_body_util::StreamBody;
use hyper::body::Frame;
use reqwest::{Body, Method, Response, Url, header::RETRY_AFTER};
use serde::Serialize;
use serde_json::Value;

pub(crate) use self::{
    answer::{NodeError, RequestError},
    lines::AnswerLines,
    retry::retrying,
};
use crate::failure::{Failure, Result};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// After it a connection is not used again. A node closes one that has been idle for 10 s, and a
/// request on its way at that moment would be lost.
const IDLE_CONNECTION_TIMEOUT: Duration = Duration::from_secs(5);
/// A node answers within its own `server.request_timeout_ms`; this only ends a silence.
const READ_TIMEOUT: Duration = Duration::from_secs(300);
/// How often a silent connection is asked whether there is still somebody at its other end.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

const URL_HINT: &str = "give the REST address of a node, such as http://127.0.0.1:8080";

/// Speaks to one node.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
}

impl Client {
    /// A client of the node at `url`. Nothing is sent yet.
    pub(crate) fn new(url: &str) -> Result<Self> {
        let base = Url::parse(url).map_err(|error| {
            Failure::usage(format!("{url:?} is not a URL: {error}")).hint(URL_HINT)
        })?;
        if base.scheme() != "http" || base.host_str().is_none() {
            return Err(
                Failure::usage(format!("{url:?} does not start with http://")).hint(URL_HINT)
            );
        }
        let http = client_builder()
            .read_timeout(READ_TIMEOUT)
            .build()
            .map_err(|error| Failure::io("cannot prepare the HTTP client", &error))?;
        Ok(Self { http, base })
    }

    /// Reads something.
    pub(crate) async fn get(&self, path: &[&str]) -> Result<Value, RequestError> {
        self.send(self.request(Method::GET, path)).await
    }

    /// What the node says of its parts, be it ready or not.
    pub(crate) async fn get_readiness(&self) -> Result<Value, RequestError> {
        let response = self.request(Method::GET, &["readyz"]).send().await;
        let response = response.map_err(|error| self.unreachable(error))?;
        let status = response.status();
        let body = response.bytes().await.map_err(|error| self.unreachable(error))?;
        match serde_json::from_slice::<Value>(&body) {
            Ok(answer) if answer["ready"].is_boolean() => Ok(answer),
            _ => Err(answer::failure(status.as_u16(), &body, None)),
        }
    }

    /// Removes something.
    pub(crate) async fn delete(&self, path: &[&str]) -> Result<Value, RequestError> {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Reads, changes or removes what the query names, where the version is right.
    pub(crate) async fn one(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
        if_seq: Option<u64>,
    ) -> Result<Value, RequestError> {
        let mut request = self.request(method, path).query(query);
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(if_seq) = if_seq {
            request = request.header("if-match", format!("\"{if_seq}\""));
        }
        self.send(request).await
    }

    /// Sends a body.
    pub(crate) async fn post(
        &self,
        path: &[&str],
        body: &(impl Serialize + Sync),
    ) -> Result<Value, RequestError> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// Sends what is to change.
    pub(crate) async fn patch(
        &self,
        path: &[&str],
        body: &(impl Serialize + Sync),
    ) -> Result<Value, RequestError> {
        self.send(self.request(Method::PATCH, path).json(body)).await
    }

    /// Asks for something that needs no body.
    pub(crate) async fn post_with(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Value, RequestError> {
        self.send(self.request(Method::POST, path).query(query)).await
    }

    /// Sends a body that may have no end, and returns when the answer begins. There is no limit of
    /// time: the node ends an import whose client is silent, and a dead node ends the connection.
    pub(crate) async fn upload(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        content_type: &str,
        body: impl Stream<Item = io::Result<Bytes>> + Send + Sync + 'static,
        (idempotency_key, mode): (Option<&str>, &str),
    ) -> Result<AnswerLines, RequestError> {
        let unreachable = |error| self.unreachable(error);
        let http = client_builder().tcp_keepalive(KEEP_ALIVE).build().map_err(unreachable)?;
        let mut request = http
            .request(Method::POST, self.url(path))
            .query(query)
            .query(&[("mode", mode)])
            .header("content-type", content_type)
            .body(Body::wrap(StreamBody::new(body.map_ok(Frame::data))));
        if let Some(key) = idempotency_key {
            request = request.header("idempotency-key", key);
        }
        let response = request.send().await.map_err(unreachable)?;
        if response.status().is_success() {
            return Ok(AnswerLines::new(response, self.base.clone()));
        }
        Err(self.answer(response).await.err().unwrap_or_else(|| RequestError::NotANode {
            message: "the answer is a failure and a success".to_owned(),
        }))
    }

    fn unreachable(&self, error: reqwest::Error) -> RequestError {
        RequestError::unreachable(self.base.as_str(), error)
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    fn request(&self, method: Method, path: &[&str]) -> reqwest::RequestBuilder {
        self.http.request(method, self.url(path))
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Value, RequestError> {
        let response = request.send().await;
        self.answer(response.map_err(|error| self.unreachable(error))?).await
    }

    async fn answer(&self, response: Response) -> Result<Value, RequestError> {
        let status = response.status();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        let body = response.bytes().await.map_err(|error| self.unreachable(error))?;
        if status.is_success() {
            return answer::success(&body);
        }
        Err(answer::failure(status.as_u16(), &body, retry_after))
    }
}

fn client_builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_CONNECTION_TIMEOUT)
        .user_agent(concat!("akidb/", env!("CARGO_PKG_VERSION")))
}
