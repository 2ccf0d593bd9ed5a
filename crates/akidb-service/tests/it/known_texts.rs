//! A text is embedded once: what comes again takes the vector that is there, and says the same.

use std::path::Path;

use akidb_core::Limits;
use akidb_service::{GetDocuments, GivenId, Include, NewDocument, Service, UpsertReply};
use serde_json::json;

use crate::{Config, config, context, create, found, open, text, upsert};

/// The value of a counter, with its labels if it has some.
fn counter(service: &Service, name: &str) -> u64 {
    let metrics = service.metrics_text();
    let line = metrics.lines().find(|line| line.split(' ').next() == Some(name));
    line.and_then(|line| line.rsplit(' ').next()).unwrap().parse().unwrap()
}

fn embedded_tokens(service: &Service) -> u64 {
    counter(service, "akidb_embedding_tokens_total{model=\"hash\"}")
}

fn said(reply: &UpsertReply) -> Vec<(Option<u32>, Option<bool>)> {
    reply.results.iter().map(|result| (result.tokens, result.truncated)).collect()
}

async fn vectors(service: &Service, ids: &[i64]) -> Vec<Vec<f32>> {
    let ids = ids.iter().map(|&id| GivenId::Integer(id)).collect();
    let include = Include { vector: true, ..Include::default() };
    let get = GetDocuments { ids: Some(ids), include, ..GetDocuments::default() };
    let documents = service.get_documents(&context(), "t", get).await.unwrap().documents;
    documents.into_iter().map(|document| document.vector.unwrap()).collect()
}

/// Without a model nothing can be embedded, so what is stored there was known.
async fn open_without_model(data_dir: &Path) -> Service {
    let config = Config { embedding: None, ..config(data_dir) };
    config.open().await
}

#[tokio::test]
async fn a_repeated_batch_embeds_nothing_and_replies_the_same() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "t", None).await;
    let long = "word ".repeat(Limits::default().text_bytes / 8);
    let batch = || vec![text(1, "a clock"), text(2, "a red brick wall"), text(3, &long)];
    let first = service.upsert(&context(), "t", upsert(batch())).await.unwrap();
    assert_eq!(said(&first)[2].1, Some(true));
    let before = vectors(&service, &[1, 2, 3]).await;
    let tokens = embedded_tokens(&service);
    let again = service.upsert(&context(), "t", upsert(batch())).await.unwrap();
    assert_eq!(said(&again), said(&first));
    assert_eq!(embedded_tokens(&service), tokens);
    assert_eq!(counter(&service, "akidb_upsert_texts_reused_total"), 3);
    assert_eq!(vectors(&service, &[1, 2, 3]).await, before);
    service.shutdown().await;
    drop(service);

    let service = open_without_model(data.path()).await;
    let moved = vec![NewDocument {
        metadata: json!({"seen": true}).as_object().cloned(),
        ..text(9, "a red brick wall")
    }];
    let reply = service.upsert(&context(), "t", upsert(moved)).await.unwrap();
    assert_eq!(said(&reply), said(&first)[1..2]);
    assert_eq!(vectors(&service, &[9]).await, before[1..2]);
    assert!(service.upsert(&context(), "t", upsert(vec![text(10, "new")])).await.is_err());
}

#[tokio::test]
async fn equal_texts_of_a_batch_are_embedded_once() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "t", None).await;
    let count = i64::try_from(Limits::default().batch_documents).unwrap();
    let mut batch: Vec<_> = (0..count).map(|id| text(id, "a clock that ticks")).collect();
    batch[5] = text(5, "a wall");
    let reply = service.upsert(&context(), "t", upsert(batch)).await.unwrap();
    assert!(said(&reply).iter().enumerate().all(|(id, (tokens, truncated))| {
        (*tokens, *truncated) == (Some(if id == 5 { 2 } else { 4 }), Some(false))
    }));
    assert_eq!(embedded_tokens(&service), 6);
    let stored = vectors(&service, &[0, 5, count - 1]).await;
    assert_eq!(stored[0], stored[2]);
    assert_ne!(stored[0], stored[1]);
}

#[tokio::test]
async fn a_vector_of_the_users_own_is_never_taken_for_its_text() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "t", None).await;
    let own = NewDocument { vector: Some(vec![0.5; 32]), ..text(1, "a clock") };
    let reply = service.upsert(&context(), "t", upsert(vec![own])).await.unwrap();
    assert_eq!(said(&reply), [(None, None)]);
    service.upsert(&context(), "t", upsert(vec![text(2, "a clock")])).await.unwrap();
    let stored = vectors(&service, &[1, 2]).await;
    assert_ne!(stored[0], stored[1]);
    let query = akidb_service::Search { text: Some("a clock".into()), ..Default::default() };
    assert_eq!(found(&service, "t", query).await.len(), 2);
}
