//! One node behind both doors: what goes in through one comes out of the other.

use akidb_client::process::plain_http;
use akidb_proto::{
    collection::v1::ScrollDocumentsRequest,
    embedding::v1::{GetModelInfoRequest, ListModelsRequest, ModelKind},
};
use serde_json::{Value, json};

use super::{
    doors::small_node,
    from_wire,
    grpc::GrpcDoor,
    request::{Operation, Request},
    rest::RestDoor,
};
use crate::node::Node;

struct Both {
    rest: RestDoor,
    grpc: GrpcDoor,
}

impl Both {
    async fn rest(&self, operation: Operation, body: Value) -> Value {
        self.rest.ask(&Request::new(operation, "films", body)).await.unwrap()
    }

    async fn grpc(&mut self, operation: Operation, body: Value) -> Value {
        self.grpc.ask(&Request::new(operation, "films", body)).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn a_retry_through_the_other_door_makes_the_same_ids() {
    let (_folder, node) = small_node();
    let mut both = Both { rest: RestDoor::new(&node), grpc: GrpcDoor::connect(&node).await };
    both.rest(Operation::CreateCollection, json!({"name": "films"})).await;
    // gRPC does not keep the order of keys.
    let batch = json!({"idempotency_key": "one", "documents": [
        {"text": "a ship", "metadata": {"year": 1997, "lang": "en", "crew": {"b": 1, "a": 2.5}}},
        {"vector": [1, 2, 3, 4, 5, 6, 7, 0.1]},
    ]});
    let first = both.rest(Operation::Upsert, batch.clone()).await;
    let second = both.grpc(Operation::Upsert, batch.clone()).await;
    for index in 0..2 {
        assert_eq!(first["results"][index]["id"], second["results"][index]["id"], "{index}");
        assert_eq!(first["results"][index]["status"], "created");
        assert_eq!(second["results"][index]["status"], "updated");
    }
    let mut reordered = batch;
    reordered["documents"][0]["metadata"] =
        json!({"crew": {"a": 2.5, "b": 1}, "lang": "en", "year": 1997});
    let third = both.rest(Operation::Upsert, reordered).await;
    assert_eq!(third["results"][0]["status"], "updated");
    assert_eq!(both.grpc(Operation::Count, json!({})).await["count"], 2);
}

#[tokio::test]
async fn every_part_of_a_document_comes_out_of_the_other_door() {
    let (_folder, node) = small_node();
    let mut both = Both { rest: RestDoor::new(&node), grpc: GrpcDoor::connect(&node).await };
    both.grpc(Operation::CreateCollection, json!({"name": "films"})).await;
    let document = |id: Value| {
        json!({"id": id, "text": "Океан 🌊", "vector": [0.1, -2, 3e-30, 4, 5, 6, 7, 1e30],
               "metadata": {"u": u64::MAX, "i": i64::MIN, "f": 1.0, "e": 5e-324, "s": "", "n": null,
                            "a": [[], {}], "k\u{1}\n\"": true}})
    };
    let (by_rest, by_grpc) = (document(json!(5)), document(json!("5")));
    both.rest(Operation::Upsert, json!({"documents": [by_rest]})).await;
    both.grpc(Operation::Upsert, json!({"documents": [by_grpc]})).await;
    for (written, seq) in [(by_rest, 1), (by_grpc, 2)] {
        let ask = json!({"id": written["id"], "include": ["text", "metadata", "vector"]});
        let through_rest = both.rest(Operation::GetDocument, ask.clone()).await;
        assert_eq!(through_rest, both.grpc(Operation::GetDocument, ask).await);
        assert_eq!(through_rest["metadata"], written["metadata"]);
        assert_eq!(through_rest["text"], written["text"]);
        assert_eq!(through_rest["seq"], seq);
        assert_eq!(through_rest["vector"][7], json!(1e30));
    }
}

#[tokio::test]
async fn a_stream_has_the_documents_of_all_pages() {
    let (_folder, node) = small_node();
    let mut both = Both { rest: RestDoor::new(&node), grpc: GrpcDoor::connect(&node).await };
    both.rest(Operation::CreateCollection, json!({"name": "films"})).await;
    let documents: Vec<_> = (0..23).map(|id| json!({"id": id, "text": "a"})).collect();
    both.rest(Operation::Upsert, json!({"documents": documents})).await;
    let mut pages = Vec::new();
    let mut page = both.rest(Operation::Scroll, json!({"limit": 5})).await;
    loop {
        pages.append(page["documents"].as_array_mut().unwrap());
        let Some(cursor) = page.get("next_cursor") else { break };
        let next = json!({"limit": 5, "cursor": cursor});
        // A cursor of one door is good at the other.
        assert_eq!(both.grpc(Operation::Scroll, next.clone()).await["documents"][0]["text"], "a");
        page = both.rest(Operation::Scroll, next).await;
    }
    let request = ScrollDocumentsRequest {
        collection: "films".to_owned(),
        limit: Some(5),
        ..Default::default()
    };
    let mut stream = both.grpc.collections.scroll_documents(request).await.unwrap().into_inner();
    let mut streamed = Vec::new();
    while let Some(part) = stream.message().await.unwrap() {
        streamed.extend(part.documents.into_iter().map(from_wire::document));
    }
    assert_eq!(streamed, pages);
    assert_eq!(streamed.len(), 23);
}

#[tokio::test]
async fn the_model_of_a_collection_is_the_model_of_the_node() {
    let (_folder, node) = small_node();
    let mut both = Both { rest: RestDoor::new(&node), grpc: GrpcDoor::connect(&node).await };
    let created = both.rest(Operation::CreateCollection, json!({"name": "films"})).await;
    let embedding = &mut both.grpc.embedding;
    let listed = embedding.list_models(ListModelsRequest {}).await.unwrap().into_inner().models;
    let asked = embedding.get_model_info(GetModelInfoRequest { model: None }).await.unwrap();
    let (rerankers, embedders): (Vec<_>, Vec<_>) =
        listed.into_iter().partition(|info| info.kind() == ModelKind::Reranker);
    let rerankers: Vec<_> = rerankers.iter().map(|info| info.name.as_str()).collect();
    assert_eq!(rerankers, ["hash-reranker"]);
    for info in embedders.into_iter().chain(asked.into_inner().model) {
        assert!(info.is_default && info.backend == "hash", "{info:?}");
        assert_eq!(from_wire::identity(info.identity.unwrap()), created["model"]);
    }
}

#[tokio::test]
async fn a_query_of_one_door_is_not_encoded_again_for_the_other() {
    let (_folder, node) = small_node();
    let mut both = Both { rest: RestDoor::new(&node), grpc: GrpcDoor::connect(&node).await };
    both.rest(Operation::CreateCollection, json!({"name": "films"})).await;
    let documents =
        json!({"documents": [{"id": 1, "text": "a ship"}, {"id": 2, "text": "a rock"}]});
    both.rest(Operation::Upsert, documents).await;
    let search = json!({"text": "a ship"});
    let first = both.rest(Operation::Search, search.clone()).await;
    assert_eq!(first["hits"][0]["id"], 1, "{first}");
    assert_eq!(encoded_and_known(&node).await, (1, 0));
    assert_eq!(both.grpc(Operation::Search, search).await["hits"], first["hits"]);
    assert_eq!(encoded_and_known(&node).await, (1, 1));
    let embed = json!({"texts": ["a ship", "a storm"], "input_type": "query"});
    let embedded = both.grpc(Operation::Embed, embed.clone()).await;
    assert_eq!(encoded_and_known(&node).await, (2, 2));
    assert_eq!(both.rest(Operation::Embed, embed).await["embeddings"], embedded["embeddings"]);
    assert_eq!(encoded_and_known(&node).await, (2, 4));
    // What nobody searches with is neither kept nor found, and what fails is not kept.
    both.rest(Operation::Embed, json!({"texts": ["a ship"]})).await;
    let long = json!({"texts": ["a ship", "word ".repeat(600)], "input_type": "query", "truncate": "none"});
    let too_long = Request::new(Operation::Embed, "", long);
    for _ in 0..2 {
        both.rest.ask(&too_long).await.unwrap_err();
    }
    assert_eq!(encoded_and_known(&node).await, (2, 4));
}

/// Texts of queries that were encoded, and those whose vector was known.
async fn encoded_and_known(node: &Node) -> (u64, u64) {
    let metrics =
        plain_http().get(format!("{}/metrics", node.url())).send().await.unwrap().text().await;
    let metrics = metrics.unwrap();
    let count = |outcome: &str| {
        let start = format!("akidb_embedding_query_cache_{outcome}_total{{model=\"hash\"}} ");
        metrics.lines().find_map(|line| line.strip_prefix(&start)).unwrap().parse().unwrap()
    };
    (count("misses"), count("hits"))
}
