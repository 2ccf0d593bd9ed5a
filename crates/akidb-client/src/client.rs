//! The connection to one node: sending a request, with its time, its attempts and its limits.

use std::{io, time::Duration};

use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use http_body_util::StreamBody;
use hyper::body::Frame;
use reqwest::{
    Body, Response, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};
use rustls::ClientConfig;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};

use crate::{
    AnswerLines, Collection, Readiness, Request, RequestError, Retries,
    reply::{Reply, parse},
    tls,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// After it a connection is not used again. A node closes one that has been idle for 10 s, and a
/// request on its way at that moment would be lost.
const IDLE_CONNECTION_TIMEOUT: Duration = Duration::from_secs(5);
/// A node answers within its own `server.request_timeout_ms`; this only ends a silence.
const READ_TIMEOUT: Duration = Duration::from_secs(300);
/// How often a silent connection is asked whether there is still somebody at its other end.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// What the node may be late by before its own `deadline_exceeded` is no longer waited for.
const GRACE: Duration = Duration::from_secs(2);
const ANSWER_BYTES_MAX: usize = 256 << 20;
const TIMEOUT_MS: &str = "x-request-timeout-ms";

/// Speaks to one node. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    /// Of uploads, which have no limit of time.
    uploads: reqwest::Client,
    base: Url,
    /// What stands in `authorization`. It is not in what is written for people to look at.
    key: Option<HeaderValue>,
    timeout: Option<Duration>,
    retries: Retries,
    answer_bytes_max: usize,
}

/// Why a client can not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidUrl {
    /// It is not a URL.
    #[error("{url:?} is not a URL: {reason}")]
    Malformed {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It is not one of HTTP, which is all that a node speaks.
    #[error("{url:?} starts neither with http:// nor with https://")]
    NotHttp {
        /// What was given.
        url: String,
    },
    /// No certificate of a node could be verified.
    #[error("the certificate of {url:?} could not be verified: {reason}")]
    NoAuthority {
        /// What was given.
        url: String,
        /// What is wrong with the authorities.
        reason: String,
    },
}

/// What is to be a key can not be sent as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key is visible ASCII without blanks, and not empty")]
pub struct InvalidKey;

impl Client {
    /// A client of the node at `url`, such as `http://127.0.0.1:8080`. Behind `https://`, the node must
    /// show a certificate of an authority that the system trusts. Nothing is sent yet. Proxies of the
    /// environment are ignored.
    ///
    /// # Errors
    /// The URL is not one of HTTP, or the system trusts nobody.
    ///
    /// # Panics
    /// The system's own resolver can not be prepared.
    pub fn new(url: &str) -> Result<Self, InvalidUrl> {
        Self::over(url, tls::of_system)
    }

    /// The same, which takes certificates of the authorities in `pem` alone.
    ///
    /// # Errors
    /// The URL is not one of HTTP, or there is no certificate in `pem`.
    ///
    /// # Panics
    /// As [`Client::new`].
    pub fn with_authorities(url: &str, pem: &[u8]) -> Result<Self, InvalidUrl> {
        Self::over(url, || tls::of_authorities(pem))
    }

    #[expect(clippy::expect_used, reason = "TLS is set up before, and nothing else fails")]
    fn over(
        url: &str,
        tls: impl FnOnce() -> Result<ClientConfig, String>,
    ) -> Result<Self, InvalidUrl> {
        let base = Url::parse(url).map_err(|error| InvalidUrl::Malformed {
            url: url.to_owned(),
            reason: error.to_string(),
        })?;
        let config = match base.scheme() {
            "https" => tls(),
            "http" => tls::of_nobody(),
            _ => return Err(InvalidUrl::NotHttp { url: url.to_owned() }),
        };
        let config =
            config.map_err(|reason| InvalidUrl::NoAuthority { url: url.to_owned(), reason })?;
        let built = |builder: reqwest::ClientBuilder| {
            builder.tls_backend_preconfigured(config.clone()).build().expect("an HTTP client")
        };
        Ok(Self {
            http: built(builder().read_timeout(READ_TIMEOUT)),
            uploads: built(builder().tcp_keepalive(KEEP_ALIVE)),
            base,
            key: None,
            timeout: None,
            retries: Retries::default(),
            answer_bytes_max: ANSWER_BYTES_MAX,
        })
    }

    /// The same, with a key that each request shows.
    ///
    /// # Errors
    /// It is no key.
    pub fn with_key(self, key: &str) -> Result<Self, InvalidKey> {
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidKey);
        }
        let mut header = HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| InvalidKey)?;
        header.set_sensitive(true);
        Ok(Self { key: Some(header), ..self })
    }

    /// The same, with a time within which each request is answered, all attempts included. The node
    /// is told it, and gives up what can not be answered in time; it refuses a time above its
    /// `server.max_request_timeout_ms`. Uploads have none.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    /// The same, with other retries.
    #[must_use]
    pub fn with_retries(self, retries: Retries) -> Self {
        Self { retries, ..self }
    }

    /// The same, with another limit of an answer's bytes than 256 MiB.
    #[must_use]
    pub fn with_answer_limit(self, answer_bytes_max: usize) -> Self {
        Self { answer_bytes_max, ..self }
    }

    /// The node's URL.
    #[must_use]
    pub fn url(&self) -> &str {
        self.base.as_str()
    }

    /// What can be done with a collection. Nothing is sent yet.
    #[must_use]
    pub const fn collection<'a>(&'a self, name: &'a str) -> Collection<'a> {
        Collection::new(self, name)
    }

    /// Sends a request and reads its answer, as a type of this crate or as any JSON.
    ///
    /// # Errors
    /// There is no answer after all attempts, or it is not of the type.
    pub async fn send<T: DeserializeOwned>(&self, request: Request) -> Result<T, RequestError> {
        parse(&self.send_for_bytes(&request).await?)
    }

    /// The same, for a page that is not JSON.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn send_for_text(&self, request: Request) -> Result<String, RequestError> {
        let body = self.send_for_bytes(&request).await?;
        String::from_utf8(body.into()).map_err(|error| RequestError::NotANode {
            message: format!("the answer is not text: {error}"),
        })
    }

    /// What the node says of its parts, be it ready or not, as [`Readiness`] or as any JSON.
    ///
    /// # Errors
    /// As [`Client::send`]; the node is asked once.
    pub async fn readiness<T: DeserializeOwned>(&self) -> Result<T, RequestError> {
        let reply = self.attempt(&Request::get(&["readyz"]), None).await?;
        match parse::<Readiness>(&reply.body) {
            Ok(_) => parse(&reply.body),
            Err(_) => Err(reply.failure()),
        }
    }

    /// Sends a body that may have no end, and returns when the answer begins. There is no limit of
    /// time: the node ends an import whose client is silent, and a dead node ends the connection.
    /// It is sent once.
    ///
    /// # Errors
    /// The node did not begin it.
    pub async fn upload(
        &self,
        request: Request,
        content_type: &str,
        body: impl Stream<Item = io::Result<Bytes>> + Send + Sync + 'static,
    ) -> Result<AnswerLines, RequestError> {
        let request = request.header("content-type", content_type);
        let body = Body::wrap(StreamBody::new(body.map_ok(Frame::data)));
        let sent = self.prepare(&self.uploads, request.checked()?).body(body).send().await;
        let response = sent.map_err(|error| self.unreachable(error))?;
        if response.status().is_success() {
            return Ok(AnswerLines::new(response, self.base.clone()));
        }
        Err(self.read(response).await?.failure())
    }

    async fn send_for_bytes(&self, request: &Request) -> Result<Bytes, RequestError> {
        let until = self.timeout.map(|timeout| Instant::now() + timeout);
        let mut attempt = 0;
        loop {
            let error = match self.attempt(request, until).await.and_then(Reply::success) {
                Ok(body) => return Ok(body),
                Err(error) => error,
            };
            match self.retries.wait(attempt, &error, request.repeatable) {
                Some(wait) if until.is_none_or(|until| Instant::now() + wait < until) => {
                    sleep(wait).await;
                    attempt += 1;
                }
                _ => return Err(error),
            }
        }
    }

    async fn attempt(
        &self,
        request: &Request,
        until: Option<Instant>,
    ) -> Result<Reply, RequestError> {
        let mut http = self.prepare(&self.http, request.checked()?);
        if let Some(body) = &request.body {
            http = http.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            http = http.body(body.clone());
        }
        let answered = async |http: reqwest::RequestBuilder| {
            self.read(http.send().await.map_err(|error| self.unreachable(error))?).await
        };
        let (Some(until), Some(within)) = (until, self.timeout) else {
            return answered(http).await;
        };
        let left = until.saturating_duration_since(Instant::now());
        let left_ms = left.as_millis().max(1).to_string();
        let timed = tokio::time::timeout(left + GRACE, answered(http.header(TIMEOUT_MS, left_ms)));
        timed
            .await
            .unwrap_or_else(|_| Err(RequestError::TimedOut { url: self.base.to_string(), within }))
    }

    fn prepare(&self, http: &reqwest::Client, request: &Request) -> reqwest::RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(&request.path);
        }
        let prepared = http.request(request.method.clone(), url);
        let prepared = match &self.key {
            Some(key) => prepared.header(AUTHORIZATION, key.clone()),
            None => prepared,
        };
        let prepared =
            if request.query.is_empty() { prepared } else { prepared.query(&request.query) };
        request
            .headers
            .iter()
            .fold(prepared, |prepared, (name, value)| prepared.header(name, value))
    }

    async fn read(&self, response: Response) -> Result<Reply, RequestError> {
        Reply::read(response, self.answer_bytes_max, self.base.as_str()).await
    }

    fn unreachable(&self, error: reqwest::Error) -> RequestError {
        RequestError::unreachable(self.base.as_str(), error)
    }
}

#[expect(clippy::disallowed_methods, reason = "its cryptography is given before it is built")]
fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_CONNECTION_TIMEOUT)
        .user_agent(concat!("akidb-client/", env!("CARGO_PKG_VERSION")))
}
