//! What the listener bounds: time, memory, and who may speak to it.

use std::time::Duration;

use akidb_core::Limits;
use akidb_listener::ListenerOptions;
use akidb_proto::collection::v1::{
    CountDocumentsRequest, ListCollectionsRequest, StreamUpsertDocumentsRequest,
    UpsertDocumentsRequest, collection_service_client::CollectionServiceClient,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tonic::{Code, Status, transport::Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::node::{Node, document, error_of, within_a_time_that_is_enough};

/// Far away: what is waited for comes, however busy the machine is.
const WITHIN: Duration = Duration::from_secs(600);
/// Longer than [`WITHIN`], where it must not be what ends a call.
const LONG: Duration = Duration::from_secs(3_600);

fn patient() -> ListenerOptions {
    ListenerOptions { drain_timeout: LONG, default_timeout: LONG, ..ListenerOptions::default() }
}

/// A message of a stream that stores one document.
fn message(id: i64) -> StreamUpsertDocumentsRequest {
    StreamUpsertDocumentsRequest {
        collection: "c".to_owned(),
        documents: vec![document(id)],
        ..Default::default()
    }
}

/// Waits until a stream has stored so many documents.
async fn stored(node: &Node, count: u64) {
    let mut client = node.collections().await;
    let request = CountDocumentsRequest { collection: "c".to_owned(), filter: None };
    while client.count_documents(request.clone()).await.unwrap().into_inner().count < count {
        sleep(Duration::from_millis(5)).await;
    }
}

/// Connects, sends `greeting`, and waits until the server closes the connection.
async fn check_closed(node: &Node, greeting: &[u8]) {
    let mut stream = TcpStream::connect(node.addr).await.unwrap();
    stream.write_all(greeting).await.unwrap();
    let mut answer = Vec::new();
    let read = timeout(WITHIN, stream.read_to_end(&mut answer)).await;
    let _ = read.expect("the server keeps the connection open");
    assert!(answer.is_empty(), "{answer:?}");
}

#[tokio::test]
async fn connections_that_do_not_greet_in_http2_are_closed() {
    let header_read_timeout = Duration::from_millis(300);
    let options = ListenerOptions { header_read_timeout, ..patient() };
    let node = Node::start_with(Limits::default(), options).await;
    check_closed(&node, b"").await;
    check_closed(&node, b"PRI * HTTP/2.0\r\n").await;
    // Who greets is served. On a busy machine a greeting comes too late at times.
    while node.collections().await.list_collections(ListCollectionsRequest {}).await.is_err() {}
}

async fn ask_of(node: &Node, line: &str, host: &str) -> String {
    let mut stream = TcpStream::connect(node.addr).await.unwrap();
    let request = format!("{line} HTTP/1.1\r\nhost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_scraper_without_http2_finds_the_metrics_and_nothing_else() {
    let node = Node::start().await;
    let ask = async |path: &str| ask_of(&node, &format!("GET {path}"), "localhost").await;
    let metrics = ask("/metrics").await;
    assert!(metrics.starts_with("HTTP/1.1 200 OK\r\n"), "{metrics}");
    assert!(metrics.contains("\nakidb_connections_open{door=\"grpc\"} 1\n"), "{metrics}");
    assert!(ask("/v1/collections").await.starts_with("HTTP/1.1 404"));
    let rebound = ask_of(&node, "GET /metrics", "evil.test").await;
    assert!(rebound.starts_with("HTTP/1.1 403") && rebound.contains("host_not_allowed"));
}

/// A stream whose messages together take longer than `time`, which each of them has.
async fn last_longer_than(time: Duration) -> Result<(), Status> {
    let node =
        Node::start_with(Limits::default(), ListenerOptions { default_timeout: time, ..patient() });
    let node = node.await;
    let mut client = node.with_collection().await;
    let messages = || tokio_stream::iter(0..4).map(message);
    let slow = messages().throttle(time.mul_f64(0.35));
    let reply = client.stream_upsert_documents(slow).await?.into_inner();
    assert_eq!((reply.messages, reply.documents), (4, 4));
    let stalled = messages().chain(tokio_stream::pending());
    let error = client.stream_upsert_documents(stalled).await.unwrap_err();
    assert_eq!(error_of(&error), (Code::DeadlineExceeded, "deadline_exceeded".to_owned()));
    if error.message().contains("4 messages, 4 documents") { Ok(()) } else { Err(error) }
}

#[tokio::test]
async fn a_stream_may_last_longer_than_the_default_but_not_stall() {
    within_a_time_that_is_enough(last_longer_than).await;
}

#[tokio::test]
async fn requests_beyond_the_memory_for_them_are_refused_as_overloaded() {
    let options = ListenerOptions { body_budget_bytes: 1_000, ..ListenerOptions::default() };
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

/// Beyond the caps a client is told so at once, and health is answered to everybody.
#[tokio::test]
async fn of_more_connections_than_slots_only_health_is_answered() {
    let options = ListenerOptions { max_connections: 1, ..ListenerOptions::default() };
    let node = Node::start_with(Limits::default(), options).await;
    let mut first = node.collections().await;
    first.list_collections(ListCollectionsRequest {}).await.unwrap();
    let mut second = node.collections().await;
    let error = second.list_collections(ListCollectionsRequest {}).await.unwrap_err();
    assert_eq!(error_of(&error), (Code::Unavailable, "overloaded".to_owned()));
    assert!(error.message().contains("server.max_connections"), "{error}");
    let mut health = HealthClient::new(node.channel().await);
    health.check(HealthCheckRequest::default()).await.unwrap();
    first.list_collections(ListCollectionsRequest {}).await.unwrap();
}

#[tokio::test]
async fn calls_to_a_name_that_is_not_the_nodes_are_refused() {
    let node = Node::start().await;
    let endpoint = Endpoint::try_from(format!("http://{}", node.addr)).unwrap();
    let channel = endpoint.origin("http://evil.test".parse().unwrap()).connect().await.unwrap();
    let mut client = CollectionServiceClient::new(channel.clone());
    let error = client.list_collections(ListCollectionsRequest {}).await.unwrap_err();
    assert_eq!(error_of(&error), (Code::PermissionDenied, "host_not_allowed".to_owned()));
    HealthClient::new(channel).check(HealthCheckRequest::default()).await.unwrap();
}

#[tokio::test]
async fn calls_in_flight_finish_after_the_stop() {
    let mut node = Node::start().await;
    let mut client = node.with_collection().await;
    let (sender, messages) = mpsc::channel(1);
    let messages = ReceiverStream::new(messages);
    let call = tokio::spawn(async move { client.stream_upsert_documents(messages).await });
    sender.send(message(0)).await.unwrap();
    stored(&node, 1).await;
    node.begin_stop();
    for id in 1..4 {
        sender.send(message(id)).await.unwrap();
    }
    drop(sender);
    assert_eq!(call.await.unwrap().unwrap().into_inner().documents, 4);
    timeout(WITHIN, node.stopped()).await.unwrap();
}

#[tokio::test]
async fn the_stop_waits_for_calls_in_flight_but_not_forever() {
    let drain_timeout = Duration::from_millis(300);
    let options = ListenerOptions { drain_timeout, ..patient() };
    let mut node = Node::start_with(Limits::default(), options).await;
    let mut client = node.with_collection().await;
    let call = tokio::spawn(async move {
        let stalled = tokio_stream::once(message(1)).chain(tokio_stream::pending());
        client.stream_upsert_documents(stalled).await
    });
    stored(&node, 1).await;
    node.begin_stop();
    timeout(WITHIN, node.stopped()).await.unwrap();
    assert!(call.await.unwrap().is_err());
}
