//! The gRPC part of the demo: one call embeds the question, the other searches by its vector.

use std::{net::SocketAddr, time::Instant};

use akidb_proto::{
    collection::v1::{
        Search, SearchRequest, Vector, collection_service_client::CollectionServiceClient,
        document_id, search,
    },
    embedding::v1::{EmbedRequest, InputType, embedding_service_client::EmbeddingServiceClient},
};
use anyhow::{Context, Result};
use tonic::transport::Endpoint;

use super::{
    COLLECTION, HITS,
    page::{Answer, Hit},
};

/// Asks in two calls over one connection.
pub(super) async fn search_by_vector(address: SocketAddr, question: &str) -> Result<Answer> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
    let channel = endpoint.connect().await.context("cannot reach gRPC")?;

    let started = Instant::now();
    let embed = EmbedRequest {
        texts: vec![question.to_owned()],
        input_type: InputType::Query.into(),
        ..EmbedRequest::default()
    };
    let embedded = EmbeddingServiceClient::new(channel.clone()).embed(embed).await?;
    let embedding = embedded.into_inner().embeddings.into_iter().next();
    let values = embedding.context("no embedding in the reply")?.values;

    let request = SearchRequest {
        collection: COLLECTION.to_owned(),
        search: Some(Search {
            query: Some(search::Query::Vector(Vector { values, ..Default::default() })),
            limit: Some(HITS),
            ..Search::default()
        }),
    };
    let found = CollectionServiceClient::new(channel).search(request).await?;
    let took = started.elapsed();
    let result = found.into_inner().result.context("no result in the reply")?;
    Ok(Answer {
        title: "3. By the question's vector, over gRPC (embed, then search)",
        question: question.to_owned(),
        filter: None,
        hits: result.hits.into_iter().map(hit).collect(),
        took,
    })
}

fn hit(hit: akidb_proto::collection::v1::Hit) -> Hit {
    let document = hit.document.unwrap_or_default();
    let id = match document.id.and_then(|id| id.kind) {
        Some(document_id::Kind::Text(id)) => id,
        Some(document_id::Kind::Integer(id)) => id.to_string(),
        Some(document_id::Kind::Either(_)) | None => String::new(),
    };
    Hit { score: hit.score.into(), id, text: document.text.unwrap_or_default() }
}
