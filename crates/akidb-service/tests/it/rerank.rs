//! Re-ranking through the service, with the re-ranker that counts words.

use std::time::{Duration, Instant};

use akidb_core::{ErrorCode, Limits};
use akidb_service::{CreateCollection, Embed, RequestContext, Rerank};

use crate::{Config, config, context, open, refused};

const MODEL: &str = "hash-reranker";

fn rerank(query: &str, documents: &[&str]) -> Rerank {
    let documents = documents.iter().map(|it| (*it).to_owned()).collect();
    Rerank { model: Some(MODEL.into()), query: query.into(), documents, ..Rerank::default() }
}

#[tokio::test]
async fn documents_come_best_first_with_their_places() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    let documents = ["a red hat", "snow", "the red boat on a lake", "a boat", "snow"];
    let asked = rerank("red boat", &documents);
    let reply = service.rerank(&context(), asked.clone()).await.unwrap();
    let places: Vec<_> = reply.results.iter().map(|it| (it.index, it.logit)).collect();
    assert_eq!(places, [(2, 2.0), (0, 0.0), (3, 0.0), (1, -2.0), (4, -2.0)], "equal ones in order");
    assert_eq!(reply.results[1].score, 0.5, "the sigmoid of 0");
    assert!(reply.results.iter().all(|it| it.document.is_none()));
    // Words of the query count in each pair; equal pairs are read once and counted for each.
    assert_eq!((reply.model.as_str(), reply.total_tokens), (MODEL, 5 * 2 + 3 + 1 + 6 + 2 + 1));
    assert!(reply.truncated.is_empty());
    let best = Rerank { top_n: Some(2), return_documents: true, ..asked.clone() };
    let best = service.rerank(&context(), best).await.unwrap();
    let texts: Vec<_> = best.results.iter().map(|it| it.document.as_deref()).collect();
    assert_eq!(texts, [Some("the red boat on a lake"), Some("a red hat")]);
    let all = Rerank { top_n: Some(u64::MAX), ..asked };
    assert_eq!(service.rerank(&context(), all).await.unwrap().results, reply.results);
    let text = service.metrics_text();
    assert!(text.contains("akidb_reranked_documents_total 15"), "{text}");
    assert!(
        text.contains("akidb_requests_total{code=\"ok\",door=\"rest\",operation=\"rerank\"} 3")
    );
}

#[tokio::test]
async fn what_is_longer_than_the_window_is_cut_and_named() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    let long = "boat ".repeat(200_000);
    let reply =
        service.rerank(&context(), rerank("red boat", &["a", &long, "boat"])).await.unwrap();
    assert_eq!((reply.truncated, reply.results[0].index), (vec![1], 1));
    let long_query = long.trim();
    let reply = service.rerank(&context(), rerank(long_query, &["boat", &long])).await.unwrap();
    assert_eq!((reply.truncated, reply.total_tokens), (vec![0, 1], 1_024));
}

#[tokio::test]
async fn more_documents_than_one_part_are_all_scored() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    let documents: Vec<String> = (0..1_000).map(|i| format!("word{i} boat")).collect();
    let asked = Rerank { documents, ..rerank("word777 boat", &[]) };
    let reply = service.rerank(&context(), asked).await.unwrap();
    assert_eq!((reply.results.len(), reply.results[0].index), (1_000, 777));
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_is_scored() {
    let data = tempfile::tempdir().unwrap();
    let limits = Limits { rerank_documents: 3, text_bytes: 100, ..Limits::default() };
    let service = Config { limits, ..config(data.path()) }.open().await;
    service.models_settled().await;
    let good = || rerank("red boat", &["a", "b"]);
    let context = context();
    let ask = async |request| service.rerank(&context, request).await;
    let invalid = ErrorCode::InvalidArgument;
    refused(ask(Rerank { documents: vec![], ..good() }).await, invalid, "documents");
    refused(ask(Rerank { top_n: Some(0), ..good() }).await, invalid, "top_n");
    refused(ask(Rerank { model: None, ..good() }).await, invalid, "model");
    refused(ask(Rerank { model: Some("hash".into()), ..good() }).await, invalid, "model");
    refused(
        ask(Rerank { model: Some("nope".into()), ..good() }).await,
        ErrorCode::ModelNotFound,
        "",
    );
    let many = rerank("red", &["a", "b", "c", "d"]);
    refused(ask(many).await, ErrorCode::LimitExceeded, "documents");
    let text = ErrorCode::InvalidText;
    let long = "x".repeat(101);
    for query in ["", " \n", "a\0b", "\u{200b}", &long] {
        refused(ask(rerank(query, &["a"])).await, text, "query");
    }
    let blank = rerank("red", &["a", "", &long]);
    refused(ask(blank).await, text, "documents[1] documents[2]");
    let late =
        RequestContext { deadline: Instant::now() - Duration::from_millis(1), ..context.clone() };
    refused(service.rerank(&late, good()).await, ErrorCode::DeadlineExceeded, "");
    let text = service.metrics_text();
    assert!(text.contains("akidb_reranked_documents_total 0"), "{text}");
}

#[tokio::test]
async fn a_reranker_makes_no_vectors() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    let embed = Embed {
        inputs: vec!["a text".to_owned()].into(),
        model: Some(MODEL.into()),
        ..Embed::default()
    };
    let error = service.embed(&context(), embed).await.unwrap_err();
    let says = "the model hash-reranker re-ranks documents and makes no vectors";
    assert_eq!((error.code, error.message.as_str()), (ErrorCode::InvalidArgument, says));
    let create = CreateCollection {
        name: "films".into(),
        model: Some(MODEL.into()),
        ..CreateCollection::default()
    };
    let error = service.create_collection(&context(), create).await.unwrap_err();
    assert_eq!((error.code, error.message.as_str()), (ErrorCode::InvalidArgument, says));
    let ready = service.ready_models(&context()).await.unwrap();
    assert!(ready.iter().all(|identity| identity.name != MODEL), "OpenAI's list is of embedders");
    let mut wrong = config(data.path().join("other").as_path());
    wrong.embedding.as_mut().unwrap().model = MODEL.into();
    let info = service.model(&context(), Some(MODEL)).await.unwrap();
    assert_eq!(info.kind.map(|kind| kind.as_str()), Some("reranker"));
}
