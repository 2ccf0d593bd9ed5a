//! What an acknowledgement promises: read your writes, whole batches, safe retries.

use std::sync::Arc;

use akidb_core::{ErrorCode, Limits};
use akidb_service::{
    DeleteDocuments, EmbeddingConfig, GetDocuments, GivenId, Include, NewDocument, PatchDocument,
    Scroll, Search, Upsert, UpsertStatus,
};
use serde_json::json;

use crate::{
    Config, config, context, create, found, near, open, put, refused, text, upsert, vector,
};

#[tokio::test]
async fn reads_and_searches_see_every_acknowledged_write() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "v", Some(2)).await;
    for round in 0..30_u8 {
        let id = i64::from(round % 7);
        let value = f32::from(round) + 1.0;
        put(&service, "v", vec![vector(id, &[value, 0.0])]).await;
        let best = service.search(&context(), "v", near(&[1.0, 0.0])).await.unwrap();
        assert_eq!(best.hits[0].document.id, id.into(), "round {round}");
        assert_eq!(best.hits[0].score, value);
        if round % 5 == 4 {
            service.delete_document(&context(), "v", GivenId::Integer(id), None).await.unwrap();
            let ids = found(&service, "v", near(&[1.0, 0.0])).await;
            assert!(!ids.contains(&id.to_string()), "{id} came back in round {round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_under_replacement_is_always_found_once() {
    let data = tempfile::tempdir().unwrap();
    let service = Arc::new(open(data.path()).await);
    create(&service, "v", Some(2)).await;
    put(&service, "v", (0..20).map(|id| vector(id, &[1.0, 0.0])).collect()).await;
    let writer = tokio::spawn({
        let service = Arc::clone(&service);
        async move {
            for round in 0..150_i64 {
                put(&service, "v", vec![vector(round % 20, &[1.0, 0.0])]).await;
            }
        }
    });
    while !writer.is_finished() {
        let search = Search { limit: Some(50), ..near(&[1.0, 0.0]) };
        let mut ids = found(&service, "v", search).await;
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 20);
    }
    writer.await.unwrap();
}

#[tokio::test]
async fn a_batch_with_one_bad_document_stores_none() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "v", Some(2)).await;
    let batch = vec![vector(1, &[1.0, 0.0]), vector(2, &[1.0]), vector(3, &[f32::NAN, 1.0])];
    let result = service.upsert(&context(), "v", upsert(batch)).await;
    let places = "documents[1].vector documents[2].vector[0]";
    refused(result, ErrorCode::DimensionMismatch, places);
    assert_eq!(service.count_documents(&context(), "v", None).await.unwrap().count, 0);
}

#[tokio::test]
async fn a_retry_with_its_key_stores_no_second_copy_and_another_body_overwrites_nothing() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "t", None).await;
    let request = |words: &str| Upsert {
        documents: vec![text(0, words), text(0, words)]
            .into_iter()
            .map(|document| akidb_service::NewDocument { id: None, ..document })
            .collect(),
        idempotency_key: Some("key-1".into()),
        ..Upsert::default()
    };
    let first = service.upsert(&context(), "t", request("a clock")).await.unwrap();
    let retry = service.upsert(&context(), "t", request("a clock")).await.unwrap();
    let ids = |reply: &akidb_service::UpsertReply| -> Vec<_> {
        reply.results.iter().map(|result| result.id.clone()).collect()
    };
    assert_eq!(ids(&first), ids(&retry));
    assert_ne!(ids(&first)[0], ids(&first)[1]);
    assert!(retry.results.iter().all(|result| result.status == UpsertStatus::Updated));
    service.upsert(&context(), "t", request("another")).await.unwrap();
    assert_eq!(service.count_documents(&context(), "t", None).await.unwrap().count, 4);
}

#[tokio::test]
async fn filters_offsets_scores_and_parts_are_kept_to() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "v", Some(1)).await;
    let document = |id: i64| akidb_service::NewDocument {
        metadata: json!({"even": id % 2 == 0}).as_object().cloned(),
        ..vector(id, &[id as f32])
    };
    put(&service, "v", (1..=20).map(document).collect()).await;
    let even = json!({"even": true});
    let search = Search {
        filter: Some(even.clone()),
        limit: Some(3),
        offset: Some(2),
        include: Include { text: false, metadata: false, vector: true }.into(),
        ..near(&[1.0])
    };
    let reply = service.search(&context(), "v", search).await.unwrap();
    let scores: Vec<_> = reply.hits.iter().map(|hit| hit.score).collect();
    assert_eq!(scores, [16.0, 14.0, 12.0]);
    assert_eq!(reply.hits[0].document.vector, Some(vec![16.0]));
    assert!(reply.hits[0].document.metadata.as_object().is_empty());
    let above = Search { min_score: Some(18.5), ..near(&[1.0]) };
    assert_eq!(found(&service, "v", above).await, ["20", "19"]);
    let like = Search { id: Some(GivenId::Integer(3)), limit: Some(2), ..Search::default() };
    assert_eq!(found(&service, "v", like).await, ["20", "19"]);
    let like_best = Search { id: Some(GivenId::Integer(20)), limit: Some(2), ..Search::default() };
    assert_eq!(found(&service, "v", like_best).await, ["19", "18"]);
    let count = service.count_documents(&context(), "v", Some(even.clone())).await.unwrap().count;
    assert_eq!(count, 10);
    let selection = DeleteDocuments { filter: Some(even), ..DeleteDocuments::default() };
    assert_eq!(service.delete_documents(&context(), "v", selection).await.unwrap().deleted, 10);
    assert_eq!(found(&service, "v", near(&[1.0])).await[0], "19");
}

/// A field that no document has answered nothing, and so did one that is mistyped.
#[tokio::test]
async fn fields_that_no_document_has_are_named() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "v", Some(1)).await;
    let of = |id: i64, metadata: serde_json::Value| NewDocument {
        metadata: metadata.as_object().cloned(),
        ..vector(id, &[1.0])
    };
    put(&service, "v", vec![of(1, json!({"year": 1990})), of(2, json!({"old": 1}))]).await;
    let filter = Some(json!({"yaer": 1990, "$or": [{"year": 1}, {"old": 1}, {"crew.name": "x"}]}));
    let unknown = ["yaer", "crew.name"];
    let count = service.count_documents(&context(), "v", filter.clone()).await.unwrap();
    assert_eq!((count.count, count.unknown_fields), (0, unknown.map(str::to_owned).to_vec()));
    let search = Search { filter: filter.clone(), ..near(&[1.0]) };
    let reply = service.search(&context(), "v", search).await.unwrap();
    assert_eq!(reply.unknown_fields, unknown);
    let get = GetDocuments { filter: filter.clone(), ..GetDocuments::default() };
    assert_eq!(service.get_documents(&context(), "v", get).await.unwrap().unknown_fields, unknown);
    // What the last document with a field had is unknown when it is gone.
    let old = DeleteDocuments { filter: Some(json!({"old": 1})), ..DeleteDocuments::default() };
    let deleted = service.delete_documents(&context(), "v", old).await.unwrap();
    assert_eq!((deleted.deleted, deleted.unknown_fields), (1, vec![]));
    let count = service.count_documents(&context(), "v", Some(json!({"old": 1}))).await.unwrap();
    assert_eq!(count.unknown_fields, ["old"]);
}

/// The reply ended at `result_window` and did not say so.
#[tokio::test]
async fn what_a_filter_gets_beyond_a_page_is_behind_a_cursor() {
    let data = tempfile::tempdir().unwrap();
    let limits = Limits { result_window: 10, ..Limits::default() };
    let service = Config { limits, ..config(data.path()) }.open().await;
    service.models_settled().await;
    create(&service, "v", Some(1)).await;
    put(&service, "v", (0..25).map(|id| vector(id, &[1.0])).collect()).await;
    let mut ids = Vec::new();
    let mut cursor = None;
    loop {
        let get = GetDocuments { filter: Some(json!({})), cursor, ..GetDocuments::default() };
        let page = service.get_documents(&context(), "v", get).await.unwrap();
        assert!(page.documents.len() <= 10);
        ids.extend(page.documents.into_iter().map(|document| document.id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(ids, (0..25).map(Into::into).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_scroll_gives_every_document_once() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "v", Some(1)).await;
    create(&service, "other", Some(1)).await;
    put(&service, "v", (0..25).map(|id| vector(id, &[1.0])).collect()).await;
    let mut ids = Vec::new();
    let mut cursor = None;
    loop {
        let page = Scroll { limit: Some(10), cursor: cursor.clone(), ..Scroll::default() };
        let page = service.scroll(&context(), "v", page).await.unwrap();
        ids.extend(page.documents.into_iter().map(|document| document.id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
        let foreign = Scroll { cursor: cursor.clone(), ..Scroll::default() };
        let foreign = service.scroll(&context(), "other", foreign).await;
        refused(foreign, ErrorCode::InvalidCursor, "cursor");
    }
    assert_eq!(ids, (0..25).map(Into::into).collect::<Vec<_>>());
}

/// Whoever writes back what a scroll gives moves it to the end by its sequence number.
#[tokio::test]
async fn a_scroll_that_writes_back_what_it_reads_ends_and_gives_every_document_once() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "v", Some(1)).await;
    put(&service, "v", (0..100).map(|id| vector(id, &[1.0])).collect()).await;
    let mut seen: Vec<i64> = Vec::new();
    let mut cursor = None;
    for page in 0..20 {
        let request = Scroll { limit: Some(7), cursor, ..Scroll::default() };
        let reply = service.scroll(&context(), "v", request).await.unwrap();
        let ids: Vec<i64> = reply
            .documents
            .iter()
            .map(|document| document.id.to_string().parse().unwrap())
            .collect();
        seen.extend(&ids);
        // What the page gave, what it will give, and what was not there: half patched, half
        // replaced.
        for id in [ids[0], ids.last().unwrap() + 1] {
            let metadata = json!({"page": page}).as_object().cloned();
            let patch = PatchDocument { metadata, ..PatchDocument::default() };
            let id = GivenId::Integer(id);
            let _absent_after_the_last =
                service.patch_document(&context(), "v", id, patch).await.is_ok();
        }
        let again = ids.iter().skip(1).map(|&id| vector(id, &[2.0]));
        let new = std::iter::once(vector(1_000 + page, &[1.0]));
        put(&service, "v", again.chain(new).collect()).await;
        cursor = reply.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, (0..100).collect::<Vec<_>>());
    let old = format!("{:032x}", 7);
    let request = Scroll { cursor: Some(old), ..Scroll::default() };
    refused(service.scroll(&context(), "v", request).await, ErrorCode::InvalidCursor, "cursor");
}

#[tokio::test]
async fn a_collection_of_another_model_takes_vectors_but_no_texts() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "t", None).await;
    put(&service, "t", vec![text(1, "a clock")]).await;
    service.shutdown().await;
    drop(service);
    let with = |change: fn(&mut EmbeddingConfig)| {
        let mut config = config(data.path());
        config.embedding.as_mut().map(change);
        config
    };
    let other = with(|embedding| embedding.dimension = Some(16)).open().await;
    other.models_settled().await;
    let query = || Search { text: Some("a clock".into()), ..Search::default() };
    refused(other.search(&context(), "t", query()).await, ErrorCode::ModelMismatch, "");
    assert_eq!(found(&other, "t", near(&[0.5; 32])).await, ["1"]);
    other.shutdown().await;
    drop(other);
    let without = Config { embedding: None, ..config(data.path()) };
    let without = without.open().await;
    refused(without.search(&context(), "t", query()).await, ErrorCode::EmbeddingDisabled, "");
    assert_eq!(found(&without, "t", near(&[0.5; 32])).await, ["1"]);
}
