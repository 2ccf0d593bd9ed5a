//! gRPC of a node.

use akidb_core::{Limits, Metric};
use akidb_proto::{
    collection::v1::{
        self as wire, collection_service_client::CollectionServiceClient, document_id::Kind,
        search, value,
    },
    embedding::v1::{EmbedRequest, embedding_service_client::EmbeddingServiceClient},
};
use anyhow::Context;
use tonic::{
    service::interceptor::InterceptedService,
    transport::{Certificate, Channel, ClientTlsConfig},
};

use super::{Batch, Endpoint, GROUP, HitParts, access::ShownKey, id_of};

/// A connection over which each call shows the key.
type Keyed = InterceptedService<Channel, ShownKey>;

/// One HTTP/2 connection.
pub(crate) struct Client {
    service: CollectionServiceClient<Keyed>,
    embedding: EmbeddingServiceClient<Keyed>,
}

impl Client {
    pub(super) async fn connect(endpoint: &Endpoint) -> anyhow::Result<Self> {
        let (url, access) = (&endpoint.url, &endpoint.access);
        let mut channel = Channel::from_shared(url.clone())?;
        if let Some(pem) = &access.authority {
            let authority = Certificate::from_pem(pem);
            channel = channel.tls_config(ClientTlsConfig::new().ca_certificate(authority))?;
        }
        let channel = channel.connect().await.with_context(|| format!("cannot reach {url}"))?;
        let channel = InterceptedService::new(channel, ShownKey::of(access)?);
        let embedding = EmbeddingServiceClient::new(channel.clone())
            .max_decoding_message_size(Limits::default().grpc_message_bytes);
        Ok(Self { service: CollectionServiceClient::new(channel), embedding })
    }

    pub(super) async fn create_collection(
        &mut self,
        name: &str,
        dimension: usize,
        metric: Metric,
    ) -> anyhow::Result<()> {
        let metric = match metric {
            Metric::Cosine => wire::Metric::Cosine,
            Metric::Dot => wire::Metric::Dot,
            Metric::L2 => wire::Metric::L2,
        };
        let request = wire::CreateCollectionRequest {
            name: name.to_owned(),
            dimension: Some(dimension as u64),
            metric: metric.into(),
            ..Default::default()
        };
        self.service.create_collection(request).await?;
        Ok(())
    }

    pub(super) async fn delete_collection(&mut self, name: &str) -> anyhow::Result<()> {
        let request = wire::DeleteCollectionRequest { name: name.to_owned() };
        self.service.delete_collection(request).await?;
        Ok(())
    }

    pub(super) async fn is_index_complete(&mut self, name: &str) -> anyhow::Result<bool> {
        let request = wire::GetCollectionRequest { name: name.to_owned() };
        let collection = self.service.get_collection(request).await?.into_inner().collection;
        let status = collection.and_then(|collection| collection.index_status);
        let status = status.context("the collection came without the state of its index")?;
        Ok(status.state() == wire::IndexState::Ready)
    }

    pub(super) async fn embed(&mut self, texts: &[String]) -> anyhow::Result<Vec<Vec<f32>>> {
        let request = EmbedRequest { texts: texts.to_vec(), ..EmbedRequest::default() };
        let embeddings = self.embedding.embed(request).await?.into_inner().embeddings;
        Ok(embeddings.into_iter().map(|embedding| embedding.values).collect())
    }

    pub(super) async fn upsert(&mut self, name: &str, batch: Batch<'_>) -> anyhow::Result<usize> {
        let document = |(id, group, vector): (String, i64, &[f32])| wire::NewDocument {
            id: Some(text_id(id)),
            vector: Some(wire::Vector { values: vector.to_vec(), ..Default::default() }),
            metadata: Some([(GROUP.to_owned(), integer(group))].into()),
            ..wire::NewDocument::default()
        };
        let request = wire::UpsertDocumentsRequest {
            collection: name.to_owned(),
            documents: batch.documents().map(document).collect(),
            idempotency_key: None,
            mode: wire::WriteMode::Unspecified.into(),
        };
        let results = self.service.upsert_documents(request).await?.into_inner().results;
        let created = |result: &&wire::UpsertResult| result.status() == wire::UpsertStatus::Created;
        Ok(results.iter().filter(created).count())
    }

    pub(super) async fn count(&mut self, name: &str) -> anyhow::Result<u64> {
        let request = wire::CountDocumentsRequest { collection: name.to_owned(), filter: None };
        Ok(self.service.count_documents(request).await?.into_inner().count)
    }

    pub(super) async fn vector(&mut self, name: &str, row: usize) -> anyhow::Result<Vec<f32>> {
        let request = wire::GetDocumentRequest {
            collection: name.to_owned(),
            id: Some(text_id(id_of(row))),
            include: Some(include(true)),
        };
        let document = self.service.get_document(request).await?.into_inner().document;
        let vector = document.and_then(|document| document.vector);
        Ok(vector.context("the document came without its vector")?.values)
    }

    pub(super) async fn search(
        &mut self,
        name: &str,
        vector: &[f32],
        limit: u64,
        parts: HitParts,
    ) -> anyhow::Result<Vec<String>> {
        let search = wire::Search {
            query: Some(search::Query::Vector(wire::Vector {
                values: vector.to_vec(),
                ..Default::default()
            })),
            limit: Some(limit),
            include: Some(wire::Include {
                metadata: Some(parts == HitParts::Metadata),
                ..include(false)
            }),
            ..Default::default()
        };
        let request = wire::SearchRequest { collection: name.to_owned(), search: Some(search) };
        let result = self.service.search(request).await?.into_inner().result;
        let hits = result.context("the search came back without a result")?.hits;
        let ids = hits.into_iter().map(|hit| match hit.document?.id?.kind? {
            Kind::Text(id) => Some(id),
            Kind::Integer(_) | Kind::Either(_) => None,
        });
        ids.collect::<Option<_>>().context("a hit came without its id")
    }
}

fn text_id(id: String) -> wire::DocumentId {
    wire::DocumentId { kind: Some(Kind::Text(id)) }
}

fn integer(value: i64) -> wire::Value {
    wire::Value { kind: Some(value::Kind::Int64Value(value)) }
}

/// Neither text nor metadata.
fn include(vector: bool) -> wire::Include {
    wire::Include { text: Some(false), metadata: Some(false), vector: Some(vector), passages: None }
}
