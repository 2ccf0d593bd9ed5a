//! The index of a collection: its settings, what searches ask of it and say of it, its memory.

use akidb_core::{ErrorCode, IndexEngine, IndexSettings};
use akidb_local::IndexConfig;
use akidb_service::{
    CreateCollection, DeleteDocuments, GivenIndex, IndexState, NewDocument, Search, SearchParams,
    Service, Strategy, UpdateCollection,
};

use crate::{Config, config, context, create, near, open, put, refused, upsert, vector};

async fn settings(service: &Service, name: &str) -> IndexSettings {
    service
        .describe_collection(&context(), name)
        .await
        .unwrap()
        .summary
        .unnamed
        .as_ref()
        .unwrap()
        .index
}

fn change(index: GivenIndex) -> UpdateCollection {
    UpdateCollection { index, ..UpdateCollection::default() }
}

#[tokio::test]
async fn settings_are_kept_and_changed_one_by_one() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "default", Some(2)).await;
    let index = GivenIndex { m: Some(8), ef: Some(40), ..GivenIndex::default() };
    let request = CreateCollection {
        name: "given".into(),
        dimension: Some(2),
        index,
        ..CreateCollection::default()
    };
    let made = service.create_collection(&context(), request).await.unwrap();
    let expected = IndexSettings { m: 8, ef: 40, ..IndexSettings::default() };
    assert_eq!(made.summary.unnamed.as_ref().unwrap().index, expected);
    assert_eq!(settings(&service, "default").await, IndexSettings::default());

    let changed = change(GivenIndex { ef: Some(50), ..GivenIndex::default() });
    service.update_collection(&context(), "given", changed).await.unwrap();
    let engine = GivenIndex { engine: Some("exact".into()), ..GivenIndex::default() };
    service.update_collection(&context(), "default", change(engine)).await.unwrap();
    service.shutdown().await;
    drop(service);

    let service = open(data.path()).await;
    assert_eq!(settings(&service, "given").await, IndexSettings { ef: 50, ..expected });
    assert_eq!(settings(&service, "default").await.engine, IndexEngine::Exact);
    let listed = service.list_collections(&context()).await.unwrap();
    assert_eq!(listed[1].unnamed.as_ref().unwrap().index, IndexSettings { ef: 50, ..expected });
}

#[tokio::test]
async fn a_change_is_applied_as_a_whole_or_not_at_all() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "films", Some(2)).await;
    let wrong = UpdateCollection {
        description: Some("new".into()),
        index: GivenIndex { m: Some(100), ..GivenIndex::default() },
        ..UpdateCollection::default()
    };
    let refusal = service.update_collection(&context(), "films", wrong).await;
    refused(refusal, ErrorCode::InvalidArgument, "index.m");
    let films = service.describe_collection(&context(), "films").await.unwrap();
    assert_eq!(
        (films.summary.description, films.summary.unnamed.as_ref().unwrap().index),
        (None, IndexSettings::default())
    );
}

#[tokio::test]
async fn a_search_says_what_it_did_when_it_is_asked() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "films", Some(2)).await;
    let films = (0..20_i64).map(|id| NewDocument {
        metadata: serde_json::json!({"odd": id % 2 == 1}).as_object().cloned(),
        ..vector(id, &[1.0, id as f32])
    });
    put(&service, "films", films.collect()).await;
    let search = Search { limit: Some(3), ..near(&[0.0, 1.0]) };
    let reply = service.search(&context(), "films", search.clone()).await.unwrap();
    assert_eq!((reply.plan, reply.degraded), (None, false));

    let search = Search { explain: Some(true), ..search };
    let reply = service.search(&context(), "films", search.clone()).await.unwrap();
    let plan = reply.plan.unwrap();
    assert_eq!((plan.strategy, plan.ef, plan.matching), (Some(Strategy::Scan), None, None));
    assert_eq!((plan.vectors, plan.compared, plan.hops, plan.rescored), (20, 20, 0, 0));
    assert!(!plan.index.is_zero() && plan.filter + plan.index + plan.fetch <= reply.took);

    let search = Search { filter: Some(serde_json::json!({"odd": true})), ..search };
    let replies = service.search_batch(&context(), "films", vec![search]).await.unwrap();
    let plan = replies[0].plan.unwrap();
    assert_eq!((plan.vectors, plan.matching, plan.compared), (20, Some(10), 10));

    let metrics = service.metrics_text();
    assert!(metrics.contains("akidb_index_searches_total{strategy=\"scan\"} 3"), "{metrics}");
    assert!(metrics.contains("akidb_index_degraded_searches_total 0"), "{metrics}");
}

#[tokio::test]
async fn a_walk_can_not_keep_nothing_or_more_than_the_window() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "films", Some(2)).await;
    let with = |ef| Search {
        params: SearchParams { ef: Some(ef), ..SearchParams::default() },
        ..near(&[0.0, 1.0])
    };
    for (ef, code) in [
        (0, ErrorCode::InvalidArgument),
        (10_001, ErrorCode::LimitExceeded),
        (u64::MAX, ErrorCode::LimitExceeded),
    ] {
        refused(service.search(&context(), "films", with(ef)).await, code, "params.ef");
        let batch = vec![near(&[0.0, 1.0]), with(ef)];
        let refusal = service.search_batch(&context(), "films", batch).await;
        refused(refusal, code, "searches[1].params.ef");
    }
    service.search(&context(), "films", with(10_000)).await.unwrap();
}

#[tokio::test]
async fn an_index_says_how_far_it_is() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "films", Some(2)).await;
    put(&service, "films", vec![vector(1, &[1.0, 0.0])]).await;
    let index = service.describe_collection(&context(), "films").await.unwrap().indexes[""];
    assert_eq!((index.vector_count, index.linked_count, index.pending_count), (1, 0, 0));
    assert_eq!((index.state, index.progress), (IndexState::Ready, 1.0));
    assert!(index.memory_bytes >= index.hot_memory_bytes);
    let readiness = service.readiness();
    let component = readiness.components.iter().find(|part| part.name == "indexes").unwrap();
    assert!(readiness.ready && component.ready && readiness.indexes.is_empty());
}

#[tokio::test]
async fn writes_that_would_go_beyond_the_memory_limit_are_refused() {
    let data = tempfile::tempdir().unwrap();
    let index = IndexConfig { memory_limit_bytes: Some(2 << 20), ..IndexConfig::default() };
    let config = Config { index, ..config(data.path()) };
    let service = config.open().await;
    service.models_settled().await;
    create(&service, "films", Some(1_000)).await;
    let many = |ids: std::ops::Range<i64>| ids.map(|id| vector(id, &[1.0; 1_000])).collect();
    put(&service, "films", many(0..100)).await;
    let refusal = service.upsert(&context(), "films", upsert(many(100..600))).await;
    let error = refusal.unwrap_err();
    assert_eq!(error.code, ErrorCode::IndexMemoryFull);
    assert!(error.retry_after.is_some() && error.message.contains("(index.memory_limit)"));
    let films = service.describe_collection(&context(), "films").await.unwrap();
    assert_eq!((films.document_count, films.last_seq), (100, 100));

    // What is there is found and can be deleted, and there is still room for a little.
    service.search(&context(), "films", near(&[1.0; 1_000])).await.unwrap();
    let all = DeleteDocuments { all: true, ..DeleteDocuments::default() };
    service.delete_documents(&context(), "films", all).await.unwrap();
    put(&service, "films", many(0..10)).await;

    // A dropped collection gives its memory back.
    create(&service, "others", Some(1_000)).await;
    let mut begin = 0;
    while service.upsert(&context(), "others", upsert(many(begin..begin + 50))).await.is_ok() {
        begin += 50;
        assert!(begin < 10_000, "never full");
    }
    service.delete_collection(&context(), "others").await.unwrap();
    put(&service, "films", many(10..60)).await;
}

#[tokio::test]
async fn a_collection_beyond_the_memory_limit_is_read_changed_and_emptied() {
    let data = tempfile::tempdir().unwrap();
    let opened = |limit| {
        let index = IndexConfig { memory_limit_bytes: limit, ..IndexConfig::default() };
        Config { index, ..config(data.path()) }.open()
    };
    let service = opened(None).await;
    create(&service, "films", Some(1_000)).await;
    let many = (0..500).map(|id| vector(id, &[1.0; 1_000])).collect();
    put(&service, "films", many).await;
    service.shutdown().await;
    drop(service);

    let service = opened(Some(1 << 20)).await;
    let found = service.search(&context(), "films", near(&[1.0; 1_000])).await.unwrap();
    assert_eq!(found.hits.len(), 10);
    put(&service, "films", vec![vector(1, &[2.0; 1_000])]).await;
    let new = upsert(vec![vector(500, &[1.0; 1_000])]);
    let refusal = service.upsert(&context(), "films", new.clone()).await;
    assert_eq!(refusal.unwrap_err().code, ErrorCode::IndexMemoryFull);
    let films = service.describe_collection(&context(), "films").await.unwrap();
    assert_eq!(films.document_count, 500);

    // Deleting makes room, as the refusal says.
    let all = DeleteDocuments { all: true, ..DeleteDocuments::default() };
    service.delete_documents(&context(), "films", all).await.unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(120);
    while service.upsert(&context(), "films", new.clone()).await.is_err() {
        assert!(std::time::Instant::now() < deadline, "no memory came back");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
