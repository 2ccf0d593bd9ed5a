//! Traces from the door to the store, as a collector receives them.

use std::net::TcpListener;

use akidb_client::process::plain_http;
use akidb_proto::collection::v1::{self as wire, search::Query};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::json;
use tonic::Request;

use super::{
    collector::{Collector, attribute},
    grpc,
};
use crate::{
    node::{Backend, Node, scratch},
    rest_client::RestClient,
};

const UPSERT_TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SEARCH_TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const UNSAMPLED_TRACE: &str = "11111111111111111111111111111111";
/// The client's own span.
const CLIENT: &str = "00f067aa0ba902b7";

#[tokio::test(flavor = "multi_thread")]
async fn an_upsert_and_a_search_are_followed_from_the_door_to_the_store() {
    let collector = Collector::start().await;
    let (_folder, data_dir) = scratch();
    let node = Node::start_with(&data_dir, Backend::Hash, |command| {
        let endpoint = format!("http://{}", collector.address);
        command.env("AKIDB_TRACING__OTLP_ENDPOINT", endpoint);
    });
    RestClient::new(&node).post("/v1/collections", json!({"name": "films"})).await;
    upsert(&node, UPSERT_TRACE, "01").await;
    upsert(&node, UNSAMPLED_TRACE, "00").await;
    search(&node).await;
    // The spans wait for seconds in the node: the stop sends them.
    assert!(node.stop().success());

    let upsert = collector.trace(UPSERT_TRACE);
    let expected = "POST /v1/collections/{name}/documents
  upsert
    store
    embed
      tokenize
      queue
      inference
    store";
    assert_eq!(upsert.tree_below(CLIENT), expected);
    let door = upsert.named("POST /v1/collections/{name}/documents");
    assert_eq!(door.kind(), SpanKind::Server);
    for (key, value) in [("door", "rest"), ("request_id", "mine-rest"), ("status", "200")] {
        assert_eq!(attribute(door, key).as_deref(), Some(value), "{key}");
    }
    let operation = upsert.named("upsert");
    assert_eq!(attribute(operation, "collection").as_deref(), Some("films"));
    assert_eq!(attribute(operation, "code").as_deref(), Some("ok"));

    let search = collector.trace(SEARCH_TRACE);
    let expected = "akidb.collection.v1.CollectionService/Search
  search
    embed
      tokenize
      queue
      inference
    index
    store";
    assert_eq!(search.tree_below(CLIENT), expected);
    let door = search.named("akidb.collection.v1.CollectionService/Search");
    for (key, value) in [("door", "grpc"), ("request_id", "mine-grpc"), ("status", "0")] {
        assert_eq!(attribute(door, key).as_deref(), Some(value), "{key}");
    }
    for span in &search.spans {
        assert!(span.start_time_unix_nano >= door.start_time_unix_nano, "{}", span.name);
        assert!(span.end_time_unix_nano <= door.end_time_unix_nano, "{}", span.name);
    }

    assert!(collector.trace(UNSAMPLED_TRACE).spans.is_empty());
    assert_eq!(collector.resource()["service.name"], "akidb");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_not_there_holds_up_nothing() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (_folder, data_dir) = scratch();
    let node = Node::start_with(&data_dir, Backend::Hash, |command| {
        command.env("AKIDB_TRACING__OTLP_ENDPOINT", format!("http://{nobody}"));
        command.env("OTEL_BSP_SCHEDULE_DELAY", "10").env("OTEL_BSP_MAX_QUEUE_SIZE", "16");
    });
    RestClient::new(&node).post("/v1/collections", json!({"name": "films"})).await;
    for _ in 0..50 {
        upsert(&node, UPSERT_TRACE, "01").await;
    }
    assert!(node.stop().success());
}

async fn upsert(node: &Node, trace: &str, flags: &str) {
    let url = format!("{}/v1/collections/films/documents", node.url());
    let request = plain_http()
        .post(url)
        .header("traceparent", format!("00-{trace}-{CLIENT}-{flags}"))
        .header("x-request-id", "mine-rest")
        .json(&json!({"documents": [{"id": 1, "text": format!("a film about {trace}{flags}")}]}));
    let response = request.send().await.unwrap();
    assert!(response.status().is_success(), "{}", response.text().await.unwrap());
}

async fn search(node: &Node) {
    let mut client = grpc(node).await;
    let mut request = Request::new(wire::SearchRequest {
        collection: "films".to_owned(),
        search: Some(wire::Search {
            query: Some(Query::Text("films".to_owned())),
            ..wire::Search::default()
        }),
    });
    let parent = format!("00-{SEARCH_TRACE}-{CLIENT}-01");
    request.metadata_mut().insert("traceparent", parent.parse().unwrap());
    request.metadata_mut().insert("x-request-id", "mine-grpc".parse().unwrap());
    client.search(request).await.unwrap();
}
