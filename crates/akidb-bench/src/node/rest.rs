//! REST of a node.

use akidb_client::{IndexState, NewCollection, NewDocument, Part, Retries, Search, Status};
use akidb_core::Metric;
use anyhow::Context;
use serde_json::json;

use super::{Batch, Endpoint, GROUP, HitParts, id_of};

/// One HTTP/1.1 connection, kept open.
pub(crate) struct Client(akidb_client::Client);

impl Client {
    pub(super) fn new(endpoint: &Endpoint) -> anyhow::Result<Self> {
        let client = match &endpoint.access.authority {
            Some(pem) => akidb_client::Client::with_authorities(&endpoint.url, pem.as_bytes())?,
            None => akidb_client::Client::new(&endpoint.url)?,
        };
        let client = client.with_retries(Retries::NONE);
        Ok(Self(match &endpoint.access.key {
            Some(key) => client.with_key(key)?,
            None => client,
        }))
    }

    pub(super) async fn create_collection(
        &self,
        name: &str,
        dimension: usize,
        metric: Metric,
    ) -> anyhow::Result<()> {
        let collection = NewCollection::with_vectors(name, dimension as u64, metric);
        self.0.create_collection(&collection).await?;
        Ok(())
    }

    pub(super) async fn delete_collection(&self, name: &str) -> anyhow::Result<()> {
        Ok(self.0.collection(name).drop().await?)
    }

    pub(super) async fn is_index_complete(&self, name: &str) -> anyhow::Result<bool> {
        Ok(self
            .0
            .collection(name)
            .describe()
            .await?
            .index
            .is_some_and(|index| index.state == IndexState::Ready))
    }

    pub(super) async fn embed(&self, texts: &[String]) -> anyhow::Result<Vec<Vec<f32>>> {
        let answer = self.0.embed(&akidb_client::Embed::texts(texts)).await?;
        Ok(answer.embeddings.into_iter().map(|embedding| embedding.values).collect())
    }

    pub(super) async fn upsert(&self, name: &str, batch: Batch<'_>) -> anyhow::Result<usize> {
        let document = |(id, group, vector): (String, i64, &[f32])| {
            NewDocument::vector(id, vector.to_vec()).metadata(json!({GROUP: group}))
        };
        let documents: Vec<_> = batch.documents().map(document).collect();
        let answer = self.0.collection(name).upsert(&documents).await?;
        Ok(answer.results.iter().filter(|result| result.status == Status::Created).count())
    }

    pub(super) async fn count(&self, name: &str) -> anyhow::Result<u64> {
        Ok(self.0.collection(name).count(None).await?)
    }

    pub(super) async fn vector(&self, name: &str, row: usize) -> anyhow::Result<Vec<f32>> {
        let document = self.0.collection(name).get(&id_of(row).into(), &[Part::Vector]).await?;
        document.vector.with_context(|| format!("{} has no vector", id_of(row)))
    }

    pub(super) async fn search(
        &self,
        name: &str,
        vector: &[f32],
        limit: u64,
        parts: HitParts,
    ) -> anyhow::Result<Vec<String>> {
        let parts: &[Part] = match parts {
            HitParts::Ids => &[],
            HitParts::Metadata => &[Part::Metadata],
        };
        let search = Search::vector(vector.to_vec()).limit(limit).include(parts);
        let answer = self.0.collection(name).search(&search).await?;
        Ok(answer.hits.into_iter().map(|hit| hit.id.to_string()).collect())
    }
}
