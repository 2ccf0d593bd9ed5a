//! What the listener bounds: time, memory, and who may speak to it.

use std::time::Duration;

use akidb_core::Limits;
use akidb_grpc::GrpcOptions;
use akidb_proto::collection::v1::{
    CountDocumentsRequest, ListCollectionsRequest, StreamUpsertDocumentsRequest,
    UpsertDocumentsRequest,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_stream::StreamExt;
use tonic::Code;

use crate::node::{Node, document, error_of};

fn short() -> GrpcOptions {
    GrpcOptions {
        default_timeout: Duration::from_millis(300),
        handshake_timeout: Duration::from_millis(300),
        drain_timeout: Duration::from_millis(300),
        ..GrpcOptions::default()
    }
}

/// Connects, sends `greeting`, and waits until the server closes the connection.
async fn check_closed(node: &Node, greeting: &[u8]) {
    let mut stream = TcpStream::connect(node.addr).await.unwrap();
    stream.write_all(greeting).await.unwrap();
    let mut answer = Vec::new();
    let read = timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
    let _ = read.expect("the server keeps the connection open");
    assert!(answer.is_empty(), "{answer:?}");
}

#[tokio::test]
async fn connections_that_do_not_greet_in_http2_are_closed() {
    let node = Node::start_with(Limits::default(), short()).await;
    check_closed(&node, b"").await;
    check_closed(&node, b"PRI * HTTP/2.0\r\n").await;
    check_closed(&node, b"POST / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    node.collections().await.list_collections(ListCollectionsRequest {}).await.unwrap();
}

#[tokio::test]
async fn a_scraper_without_http2_finds_the_metrics_and_nothing_else() {
    let node = Node::start_with(Limits::default(), short()).await;
    let ask = async |path: &str| {
        let mut stream = TcpStream::connect(node.addr).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let metrics = ask("/metrics").await;
    assert!(metrics.starts_with("HTTP/1.1 200 OK\r\n"), "{metrics}");
    assert!(metrics.contains("\nakidb_connections_open{door=\"grpc\"} 1\n"), "{metrics}");
    assert!(ask("/v1/collections").await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn a_stream_may_last_longer_than_the_default_but_not_stall() {
    let node = Node::start_with(Limits::default(), short()).await;
    let mut client = node.with_collection().await;
    let messages = || {
        tokio_stream::iter(0..4).map(|id| StreamUpsertDocumentsRequest {
            collection: "c".to_owned(),
            documents: vec![document(id)],
            ..Default::default()
        })
    };
    let slow = messages().throttle(Duration::from_millis(150));
    let reply = client.stream_upsert_documents(slow).await.unwrap().into_inner();
    assert_eq!((reply.messages, reply.documents), (4, 4));
    let stalled = messages().chain(tokio_stream::pending());
    let error = client.stream_upsert_documents(stalled).await.unwrap_err();
    assert_eq!(error_of(&error), (Code::DeadlineExceeded, "deadline_exceeded".to_owned()));
    assert!(error.message().contains("4 messages, 4 documents"), "{error:?}");
}

#[tokio::test]
async fn requests_beyond_the_memory_for_them_are_refused_as_overloaded() {
    let options = GrpcOptions { body_budget_bytes: 1_000, ..GrpcOptions::default() };
    let node = Node::start_with(Limits::default(), options).await;
    let mut client = node.with_collection().await;
    let documents = (0..100).map(document).collect();
    let request =
        UpsertDocumentsRequest { collection: "c".to_owned(), documents, ..Default::default() };
    let error = client.upsert_documents(request).await.unwrap_err();
    assert_eq!(error_of(&error), (Code::Unavailable, "overloaded".to_owned()));
    let request = CountDocumentsRequest { collection: "c".to_owned(), filter: None };
    for _ in 0..50 {
        assert_eq!(client.count_documents(request.clone()).await.unwrap().into_inner().count, 0);
    }
}

#[tokio::test]
async fn more_connections_than_slots_wait_for_one() {
    let options = GrpcOptions { max_connections: 1, ..GrpcOptions::default() };
    let node = Node::start_with(Limits::default(), options).await;
    let mut first = node.collections().await;
    first.list_collections(ListCollectionsRequest {}).await.unwrap();
    let mut second = node.collections().await;
    let waiting = second.list_collections(ListCollectionsRequest {});
    assert!(timeout(Duration::from_millis(200), waiting).await.is_err());
    drop(first);
    second.list_collections(ListCollectionsRequest {}).await.unwrap();
}

#[tokio::test]
async fn calls_in_flight_finish_after_the_stop() {
    let mut node = Node::start().await;
    let mut client = node.with_collection().await;
    let messages = tokio_stream::iter(0..4).map(|id| StreamUpsertDocumentsRequest {
        collection: "c".to_owned(),
        documents: vec![document(id)],
        ..Default::default()
    });
    let slow = messages.throttle(Duration::from_millis(100));
    let call = tokio::spawn(async move { client.stream_upsert_documents(slow).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    node.begin_stop();
    assert_eq!(call.await.unwrap().unwrap().into_inner().documents, 4);
    timeout(Duration::from_secs(5), node.stopped()).await.unwrap();
}

#[tokio::test]
async fn the_stop_waits_for_calls_in_flight_but_not_forever() {
    let options = GrpcOptions { default_timeout: Duration::from_secs(60), ..short() };
    let mut node = Node::start_with(Limits::default(), options).await;
    let mut client = node.with_collection().await;
    let call = tokio::spawn(async move {
        let message = StreamUpsertDocumentsRequest {
            collection: "c".to_owned(),
            documents: vec![document(1)],
            ..Default::default()
        };
        let stalled = tokio_stream::once(message).chain(tokio_stream::pending());
        client.stream_upsert_documents(stalled).await
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    node.begin_stop();
    timeout(Duration::from_secs(5), node.stopped()).await.unwrap();
    assert!(call.await.unwrap().is_err());
}
