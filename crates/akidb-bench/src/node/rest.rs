//! REST of a node.

use std::time::Duration;

use akidb_core::Metric;
use anyhow::{Context, bail};
use reqwest::{Method, RequestBuilder};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{Batch, id_of};

/// Longer than any request may take.
const TIMEOUT: Duration = Duration::from_secs(120);

/// One HTTP/1.1 connection, kept open.
pub(crate) struct Client {
    http: reqwest::Client,
    /// The URL of the node, without a slash at its end.
    base: String,
}

#[derive(Serialize)]
struct UpsertBody<'a> {
    documents: Vec<DocumentBody<'a>>,
}

#[derive(Serialize)]
struct DocumentBody<'a> {
    id: String,
    vector: &'a [f32],
    metadata: Metadata,
}

/// The field is [`super::GROUP`].
#[derive(Serialize)]
struct Metadata {
    group: i64,
}

#[derive(Serialize)]
struct SearchBody<'a> {
    vector: &'a [f32],
    limit: u64,
    include: [&'static str; 0],
}

#[derive(Deserialize)]
struct UpsertAnswer {
    results: Vec<UpsertResult>,
}

#[derive(Deserialize)]
struct UpsertResult {
    status: String,
}

#[derive(Deserialize)]
struct CountAnswer {
    count: u64,
}

#[derive(Deserialize)]
struct CollectionAnswer {
    index: IndexAnswer,
}

#[derive(Deserialize)]
struct IndexAnswer {
    state: String,
}

#[derive(Deserialize)]
struct EmbedAnswer {
    embeddings: Vec<EmbeddingAnswer>,
}

#[derive(Deserialize)]
struct EmbeddingAnswer {
    values: Vec<f32>,
}

#[derive(Deserialize)]
struct DocumentsAnswer {
    documents: Vec<DocumentAnswer>,
}

#[derive(Deserialize)]
struct DocumentAnswer {
    vector: Vec<f32>,
}

#[derive(Deserialize)]
struct SearchAnswer {
    hits: Vec<Hit>,
}

#[derive(Deserialize)]
struct Hit {
    id: String,
}

impl Client {
    pub(super) fn new(url: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).build()?;
        Ok(Self { http, base: url.trim_end_matches('/').to_owned() })
    }

    pub(super) async fn create_collection(
        &self,
        name: &str,
        dimension: usize,
        metric: Metric,
    ) -> anyhow::Result<()> {
        let body = json!({"name": name, "dimension": dimension, "metric": metric.as_str()});
        call::<Value>(self.request(Method::POST, "").json(&body)).await?;
        Ok(())
    }

    pub(super) async fn delete_collection(&self, name: &str) -> anyhow::Result<()> {
        call::<Value>(self.request(Method::DELETE, &format!("/{name}"))).await?;
        Ok(())
    }

    pub(super) async fn is_index_complete(&self, name: &str) -> anyhow::Result<bool> {
        let answer: CollectionAnswer = call(self.request(Method::GET, &format!("/{name}"))).await?;
        Ok(answer.index.state == "ready")
    }

    pub(super) async fn embed(&self, texts: &[String]) -> anyhow::Result<Vec<Vec<f32>>> {
        let request = self.http.post(format!("{}/embed", self.base)).json(&json!({"texts": texts}));
        let answer: EmbedAnswer = call(request).await?;
        Ok(answer.embeddings.into_iter().map(|embedding| embedding.values).collect())
    }

    pub(super) async fn upsert(&self, name: &str, batch: Batch<'_>) -> anyhow::Result<usize> {
        let document =
            |(id, group, vector)| DocumentBody { id, vector, metadata: Metadata { group } };
        let body = UpsertBody { documents: batch.documents().map(document).collect() };
        let request = self.request(Method::POST, &format!("/{name}/documents")).json(&body);
        let answer: UpsertAnswer = call(request).await?;
        Ok(answer.results.iter().filter(|result| result.status == "created").count())
    }

    pub(super) async fn count(&self, name: &str) -> anyhow::Result<u64> {
        let request = self.request(Method::POST, &format!("/{name}/documents/count"));
        Ok(call::<CountAnswer>(request.json(&json!({}))).await?.count)
    }

    pub(super) async fn vector(&self, name: &str, row: usize) -> anyhow::Result<Vec<f32>> {
        let body = json!({"ids": [id_of(row)], "include": ["vector"]});
        let request = self.request(Method::POST, &format!("/{name}/documents/get"));
        let answer: DocumentsAnswer = call(request.json(&body)).await?;
        let document = answer.documents.into_iter().next();
        Ok(document.with_context(|| format!("{} is not there", id_of(row)))?.vector)
    }

    pub(super) async fn search(
        &self,
        name: &str,
        vector: &[f32],
        limit: u64,
    ) -> anyhow::Result<Vec<String>> {
        let body = SearchBody { vector, limit, include: [] };
        let request = self.request(Method::POST, &format!("/{name}/search")).json(&body);
        let answer: SearchAnswer = call(request).await?;
        Ok(answer.hits.into_iter().map(|hit| hit.id).collect())
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/v1/collections{path}", self.base))
    }
}

/// Sends a request and reads the answer, or what the node has to say against it.
async fn call<T: DeserializeOwned>(request: RequestBuilder) -> anyhow::Result<T> {
    let response = request.send().await?;
    let status = response.status();
    let body = response.bytes().await?;
    if !status.is_success() {
        bail!("the node answered {status}: {}", String::from_utf8_lossy(&body));
    }
    serde_json::from_slice(&body).context("the node answered what this client does not know")
}
