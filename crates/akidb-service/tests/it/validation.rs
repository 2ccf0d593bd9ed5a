//! Requests that are refused: the code, the place, and nothing stored.

use std::time::{Duration, Instant};

use akidb_core::{ErrorCode, Limits};
use akidb_service::{
    DeleteDocuments, Door, Embed, EmbedRules, GetDocuments, GivenId, NewDocument, RequestContext,
    Search, Truncate,
};
use serde_json::json;

use crate::{Config, config, context, create, near, open, refused, text, upsert, vector};

#[tokio::test]
async fn every_bad_document_is_refused_at_its_place() {
    let data = tempfile::tempdir().unwrap();
    let limits = Limits { text_bytes: 100, metadata_bytes: 50, ..Limits::default() };
    let service = Config { limits, ..config(data.path()) }.open().await;
    service.models_settled().await;
    create(&service, "t", None).await;
    create(&service, "v", Some(2)).await;
    let id = |id: &str| NewDocument { id: Some(GivenId::Text(id.into())), ..text(0, "x") };
    let metadata = |json: serde_json::Value| NewDocument {
        metadata: json.as_object().cloned(),
        ..text(1, "x")
    };
    for (name, documents, code, field) in [
        ("t", vec![], ErrorCode::InvalidArgument, "documents"),
        ("t", vec![NewDocument::default()], ErrorCode::InvalidArgument, "documents[0]"),
        ("t", vec![text(1, "x"), text(2, " \n")], ErrorCode::InvalidText, "documents[1].text"),
        ("t", vec![text(1, "a\0b")], ErrorCode::InvalidText, "documents[0].text"),
        ("t", vec![text(1, &"x".repeat(101))], ErrorCode::InvalidText, "documents[0].text"),
        ("t", vec![id("")], ErrorCode::InvalidId, "documents[0].id"),
        ("t", vec![id(&"x".repeat(513))], ErrorCode::InvalidId, "documents[0].id"),
        ("t", vec![id("a\0")], ErrorCode::InvalidId, "documents[0].id"),
        ("t", vec![text(1, "a"), text(1, "b")], ErrorCode::DuplicateId, "documents[1].id"),
        (
            "t",
            vec![metadata(json!({"$a": 1}))],
            ErrorCode::InvalidMetadata,
            "documents[0].metadata",
        ),
        (
            "t",
            vec![metadata(json!({"a": "x".repeat(50)}))],
            ErrorCode::InvalidMetadata,
            "documents[0].metadata",
        ),
        ("v", vec![text(1, "x")], ErrorCode::ModelMismatch, "documents[0].text"),
        ("v", vec![vector(1, &[1.0])], ErrorCode::DimensionMismatch, "documents[0].vector"),
        (
            "v",
            vec![vector(1, &[1.0, f32::INFINITY])],
            ErrorCode::InvalidVector,
            "documents[0].vector[1]",
        ),
        ("v", vec![vector(1, &[3e38, 3e38])], ErrorCode::InvalidVector, "documents[0].vector"),
    ] {
        refused(service.upsert(&context(), name, upsert(documents)).await, code, field);
        assert_eq!(service.count_documents(&context(), name, None).await.unwrap().count, 0);
    }
}

#[tokio::test]
async fn every_bad_search_is_refused_at_its_place() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "v", Some(2)).await;
    let good = near(&[1.0, 0.0]);
    for (search, code, field) in [
        (Search::default(), ErrorCode::InvalidArgument, ""),
        (Search { text: Some("x".into()), ..good.clone() }, ErrorCode::InvalidArgument, ""),
        (Search { limit: Some(0), ..good.clone() }, ErrorCode::InvalidArgument, "limit"),
        (Search { limit: Some(u64::MAX), ..good.clone() }, ErrorCode::LimitExceeded, "limit"),
        (
            Search { offset: Some(9_991), ..good.clone() },
            ErrorCode::LimitExceeded,
            "limit plus offset",
        ),
        (Search { min_score: Some(1e39), ..good.clone() }, ErrorCode::InvalidArgument, "min_score"),
        (
            Search { filter: Some(json!({"a": {"$near": 1}})), ..good.clone() },
            ErrorCode::InvalidFilter,
            "filter.a.$near",
        ),
        (near(&[1.0]), ErrorCode::DimensionMismatch, "vector"),
        (near(&[1.0, f32::NAN]), ErrorCode::InvalidVector, "vector[1]"),
        (
            Search { id: Some(GivenId::Text(String::new())), ..Search::default() },
            ErrorCode::InvalidId,
            "id",
        ),
        (
            Search { id: Some(GivenId::Integer(9)), ..Search::default() },
            ErrorCode::DocumentNotFound,
            "",
        ),
        (Search { text: Some("x".into()), ..Search::default() }, ErrorCode::ModelMismatch, ""),
    ] {
        refused(service.search(&context(), "v", search).await, code, field);
    }
    let batch = service.search_batch(&context(), "v", vec![good, near(&[1.0, f32::NAN])]).await;
    refused(batch, ErrorCode::InvalidVector, "searches[1].vector[1]");
    refused(
        service.search_batch(&context(), "v", vec![]).await,
        ErrorCode::InvalidArgument,
        "searches",
    );
}

#[tokio::test]
async fn bad_texts_selections_and_models_are_refused() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    create(&service, "v", Some(2)).await;
    let embed = |texts: &[&str]| Embed {
        inputs: texts.iter().map(ToString::to_string).collect::<Vec<_>>().into(),
        ..Embed::default()
    };
    let long = "word ".repeat(600);
    let uncut = |texts| Embed { truncate: Some(Truncate::None), ..embed(texts) };
    let cut_to = |dimensions| Embed { dimensions: Some(dimensions), ..embed(&["a"]) };
    let openai = |texts: Vec<Vec<u32>>| Embed {
        inputs: texts.into(),
        rules: EmbedRules::OpenAi,
        ..Embed::default()
    };
    for (request, code, field) in [
        (embed(&[]), ErrorCode::InvalidArgument, "texts"),
        (embed(&["a", "", "b", " "]), ErrorCode::InvalidText, "texts[1] texts[3]"),
        (embed(&["a"; 33]), ErrorCode::LimitExceeded, "texts"),
        (Embed { model: Some("x".into()), ..embed(&["a"]) }, ErrorCode::ModelNotFound, ""),
        (uncut(&["a", &long, "b", &long]), ErrorCode::LimitExceeded, "texts[1] texts[3]"),
        (cut_to(0), ErrorCode::InvalidArgument, "dimensions"),
        (cut_to(u64::MAX), ErrorCode::LimitExceeded, "dimensions"),
        (openai(vec![]), ErrorCode::InvalidArgument, "input"),
        (openai(vec![vec![1], vec![]]), ErrorCode::InvalidText, "input[1]"),
        (openai(vec![vec![1; 513]]), ErrorCode::LimitExceeded, "input[0]"),
        (openai(vec![vec![1]; 2049]), ErrorCode::LimitExceeded, "input"),
    ] {
        refused(service.embed(&context(), request).await, code, field);
    }
    let ids = || Some(vec![]);
    let (empty, some) = (|| Some(json!({})), || Some(json!({"a": 1})));
    for (ids, filter, all, field) in [
        (ids(), some(), false, ""),
        (ids(), None, true, ""),
        (None, None, false, ""),
        (None, empty(), false, "filter"),
        (None, Some(json!({"$and": [{}]})), false, "filter"),
        (None, some(), true, "all"),
    ] {
        let request = DeleteDocuments { ids, filter, all };
        let deleted = service.delete_documents(&context(), "v", request).await;
        refused(deleted, ErrorCode::InvalidArgument, field);
    }
    let paged = GetDocuments { ids: ids(), limit: Some(1), ..GetDocuments::default() };
    let got = service.get_documents(&context(), "v", paged).await;
    refused(got, ErrorCode::InvalidArgument, "limit");
}

#[tokio::test]
async fn late_surplus_and_closing_requests_are_told_so() {
    let data = tempfile::tempdir().unwrap();
    let limits = Limits { concurrent_requests: 0, ..Limits::default() };
    let busy = Config { limits, ..config(data.path()) }.open().await;
    let list = busy.list_collections(&context()).await;
    assert!(list.clone().unwrap_err().retry_after.is_some());
    refused(list, ErrorCode::Overloaded, "");
    busy.shutdown().await;
    drop(busy);

    let service = open(data.path()).await;
    create(&service, "t", None).await;
    let late = RequestContext::new(Door::Grpc, Instant::now() - Duration::from_millis(1));
    let write = service.upsert(&late, "t", upsert(vec![text(1, "x")])).await;
    refused(write, ErrorCode::DeadlineExceeded, "");
    assert_eq!(service.count_documents(&context(), "t", None).await.unwrap().count, 0);
    service.start_draining();
    assert!(!service.readiness().ready);
    refused(service.list_collections(&context()).await, ErrorCode::ShuttingDown, "");
}
