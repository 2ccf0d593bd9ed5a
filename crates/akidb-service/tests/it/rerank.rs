//! Re-ranking through the service, with the re-ranker that counts words.

use std::time::{Duration, Instant};

use akidb_core::{ErrorCode, Limits};
use akidb_service::{
    CreateCollection, Embed, GivenChunking, Hit, Include, RequestContext, Rerank, Search,
    SearchMode, SearchReply, SearchRerank, Service,
};
use serde_json::json;

use crate::{Config, config, context, open, put, refused, text, vector};

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
    let info = service.model(&context(), Some(MODEL)).await.unwrap();
    assert_eq!(info.kind.map(akidb_service::ModelKind::as_str), Some("reranker"));
}

/// A collection in which the words of documents are searched, and the ids of what is there.
async fn films(service: &Service) {
    let request = CreateCollection { name: "films".into(), ..CreateCollection::default() };
    service.create_collection(&context(), request).await.unwrap();
    let mut own = vector(9, &[0.1; 32]);
    own.text = None;
    let documents = vec![
        text(1, "a red hat"),
        text(2, "the red boat on a lake in the snow"),
        text(3, "a boat"),
        text(4, "red red red"),
        own,
    ];
    put(service, "films", documents).await;
}

fn reranked(mode: SearchMode) -> Search {
    let rerank = SearchRerank { model: Some(MODEL.into()), top: None };
    Search {
        mode: Some(mode),
        text: Some("red boat".into()),
        rerank: Some(rerank),
        explain: Some(true),
        ..Search::default()
    }
}

/// The ids of hits, and what the re-ranker gave each.
fn scored(reply: &SearchReply) -> Vec<(String, Option<f32>)> {
    reply.hits.iter().map(|hit| (hit.document.id.to_string(), hit.rerank)).collect()
}

#[tokio::test]
async fn a_search_is_put_in_the_order_of_the_reranker_in_every_mode() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    films(&service).await;
    let context = context();
    for mode in SearchMode::ALL {
        let plain = Search { rerank: None, ..reranked(mode) };
        let plain = service.search(&context, "films", plain).await.unwrap();
        let reply = service.search(&context, "films", reranked(mode)).await.unwrap();
        let found = scored(&reply);
        let best = 1.0 / (1.0 + (-2.0_f32).exp());
        assert_eq!(found[0], ("2".to_owned(), Some(best)), "{mode:?}");
        let half = found.iter().filter(|(_, score)| *score == Some(0.5)).count();
        assert_eq!(half, 3, "each has one of the two words: {mode:?} {found:?}");
        // What has no text comes last, and words alone do not find it.
        let unread = found.last().filter(|(_, score)| score.is_none());
        let expected = (mode != SearchMode::Keyword).then(|| ("9".to_owned(), None));
        assert_eq!(unread.cloned(), expected, "{mode:?}");
        let plan = reply.plan.unwrap();
        assert_eq!((plan.reranked, plain.plan.unwrap().reranked), (Some(4), None), "{mode:?}");
        // Neither what was found nor its scores are others, and equal ones keep their order.
        let score_of = |id: &str| plain.hits.iter().find(|hit| hit.document.id.to_string() == id);
        for hit in &reply.hits {
            assert_eq!(
                score_of(&hit.document.id.to_string()).unwrap().score,
                hit.score,
                "{mode:?}"
            );
        }
        let order = |hits: &[Hit]| {
            let ids = hits.iter().map(|hit| hit.document.id.to_string());
            ids.filter(|id| id != "2" && id != "9").collect::<Vec<_>>()
        };
        assert_eq!(order(&reply.hits), order(&plain.hits), "{mode:?}");
    }
}

#[tokio::test]
async fn only_the_best_are_read_and_pages_are_of_them() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    films(&service).await;
    let context = context();
    let of = |top, offset, limit| Search {
        rerank: Some(SearchRerank { model: Some(MODEL.into()), top: Some(top) }),
        offset: Some(offset),
        limit: Some(limit),
        include: Include { text: false, metadata: true, vector: false }.into(),
        ..reranked(SearchMode::Keyword)
    };
    let all = service.search(&context, "films", of(4, 0, 4)).await.unwrap();
    let (first, second) = (of(4, 0, 1), of(4, 1, 3));
    let first = service.search(&context, "films", first).await.unwrap();
    let second = service.search(&context, "films", second).await.unwrap();
    assert_eq!([scored(&first), scored(&second)].concat(), scored(&all));
    assert!(all.hits.iter().all(|hit| hit.document.text.is_none()), "it was not asked for");
    let best = service.search(&context, "films", of(1, 0, 1)).await.unwrap();
    assert_eq!(best.plan.unwrap().reranked, Some(1));
    let beyond = service.search(&context, "films", of(3, 2, 2)).await;
    refused(beyond, ErrorCode::InvalidArgument, "limit plus offset");
    let none = Search { filter: Some(json!({"year": 1})), ..reranked(SearchMode::Keyword) };
    let none = service.search(&context, "films", none).await.unwrap();
    assert_eq!((none.hits.len(), none.plan.unwrap().reranked), (0, Some(0)));
}

#[tokio::test]
async fn the_passage_that_was_found_is_what_is_read() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    let chunking = GivenChunking { tokens: Some(16), overlap: Some(0) };
    let request = CreateCollection {
        name: "logs".into(),
        chunking: Some(chunking),
        ..CreateCollection::default()
    };
    service.create_collection(&context(), request).await.unwrap();
    let filler = "Nothing else was seen all day by anyone who kept a look out there. ";
    let both = format!("{}A red boat came by. {filler}", filler.repeat(3));
    let apart = format!("A red hat was lost. {}A boat was sold. ", filler.repeat(3));
    put(&service, "logs", vec![text(1, &apart), text(2, &both)]).await;
    let reply = service.search(&context(), "logs", reranked(SearchMode::Keyword)).await.unwrap();
    let found = scored(&reply);
    let best = 1.0 / (1.0 + (-2.0_f32).exp());
    // The whole text of the first has both words too, and its passages one each.
    assert_eq!(found, [("2".to_owned(), Some(best)), ("1".to_owned(), Some(0.5))]);
}

#[tokio::test]
async fn a_search_that_can_not_be_reranked_is_refused_before_it_begins() {
    let data = tempfile::tempdir().unwrap();
    let service = open(data.path()).await;
    films(&service).await;
    let context = context();
    let ask = async |request| service.search(&context, "films", request).await;
    let by = |model: Option<&str>, top| Search {
        rerank: Some(SearchRerank { model: model.map(str::to_owned), top }),
        ..reranked(SearchMode::Semantic)
    };
    let invalid = ErrorCode::InvalidArgument;
    refused(ask(by(None, None)).await, invalid, "rerank.model");
    refused(ask(by(Some("hash"), None)).await, invalid, "rerank.model");
    refused(ask(by(Some("nope"), None)).await, ErrorCode::ModelNotFound, "");
    refused(ask(by(Some(MODEL), Some(0))).await, invalid, "rerank.top");
    refused(ask(by(Some(MODEL), Some(1_001))).await, ErrorCode::LimitExceeded, "rerank.top");
    let by_vector = Search { text: None, vector: Some(vec![1.0; 32]), ..by(Some(MODEL), None) };
    refused(ask(by_vector).await, invalid, "rerank");
    let batch = vec![Search { rerank: None, ..by(None, None) }, by(None, None)];
    let batch = service.search_batch(&context, "films", batch).await;
    refused(batch, invalid, "searches[1].rerank.model");
    let text = service.metrics_text();
    assert!(text.contains("akidb_reranked_documents_total 0"), "{text}");
}
