//! Requests that no handler ever sees: each is answered with a typed error, none with a 5xx.

use akidb_proto::embedding::v1::EmbedRequest;
use bytes::{BufMut, Bytes};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::net::TcpStream;
use tonic::{Code, Status};

use crate::node::{Node, error_of};

const SEARCH: &str = "/akidb.collection.v1.CollectionService/Search";
const STREAM_UPSERT: &str = "/akidb.collection.v1.CollectionService/StreamUpsertDocuments";
const SCROLL: &str = "/akidb.collection.v1.CollectionService/ScrollDocuments";
const EMBED: &str = "/akidb.embedding.v1.EmbeddingService/Embed";
const HEALTH: &str = "/grpc.health.v1.Health/Check";

/// Sends any bytes over HTTP/2 and returns the HTTP status, the headers and the gRPC status.
async fn send(node: &Node, request: Request<Full<Bytes>>) -> (StatusCode, HeaderMap, Status) {
    let stream = TcpStream::connect(node.addr).await.unwrap();
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.unwrap();
    let connection = tokio::spawn(connection);
    let response: Response<_> = sender.send_request(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let trailers = body.collect().await.unwrap().trailers().cloned().unwrap_or_default();
    connection.abort();
    let status = Status::from_header_map(&parts.headers);
    let status = status.or_else(|| Status::from_header_map(&trailers)).unwrap();
    (parts.status, parts.headers, status)
}

fn request(
    node: &Node,
    path: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Request<Full<Bytes>> {
    let mut request = Request::post(format!("http://{}{path}", node.addr));
    if !headers.iter().any(|(key, _)| *key == "content-type") {
        request = request.header("content-type", "application/grpc");
    }
    for (key, value) in headers {
        request = request.header(*key, *value);
    }
    request.body(Full::from(body)).unwrap()
}

/// A gRPC frame around a message.
fn framed(message: &[u8]) -> Vec<u8> {
    let mut frame = vec![0];
    frame.put_u32(u32::try_from(message.len()).unwrap());
    frame.extend_from_slice(message);
    frame
}

async fn check(node: &Node, path: &str, headers: &[(&str, &str)], body: Vec<u8>, reason: &str) {
    let code = akidb_core::ErrorCode::ALL.iter().find(|code| code.as_str() == reason).unwrap();
    let (http, headers, status) = send(node, request(node, path, headers, body)).await;
    let expected = (Code::from(code.grpc_status()), reason.to_owned());
    assert_eq!(error_of(&status), expected, "{path}: {status:?}");
    assert!(headers.contains_key("x-request-id"), "{path}");
    assert!(http == 200 || http == 415, "{path}: {http}");
}

#[tokio::test]
async fn undecodable_messages_are_malformed() {
    let node = Node::start().await;
    // Field 1 with a length beyond the end, a reserved wire type, a string that is not UTF-8.
    let wrong: [&[u8]; 3] = [&[0x0a, 0xff, 0x01], &[0x0f], &[0x0a, 0x02, 0xc3, 0x28]];
    for message in wrong {
        for path in [SEARCH, STREAM_UPSERT, SCROLL, EMBED, HEALTH] {
            check(&node, path, &[], framed(message), "malformed_request").await;
        }
    }
    // No message, half a frame header, half a message, an unknown flag, a flag without encoding.
    let unframed =
        [vec![], vec![0, 0], vec![0, 0, 0, 0, 9, 1], vec![7, 0, 0, 0, 0], vec![1, 0, 0, 0, 0]];
    for body in unframed {
        for path in [SEARCH, SCROLL, EMBED] {
            check(&node, path, &[], body.clone(), "malformed_request").await;
        }
    }
}

#[tokio::test]
async fn messages_nested_without_end_are_malformed() {
    let node = Node::start().await;
    // A list in a list in a list, each one byte of key and a length.
    let mut value = Vec::new();
    for _ in 0..200 {
        for key in [0x0a, 0x3a] {
            let mut outer = vec![key];
            prost::encode_length_delimiter(value.len(), &mut outer).unwrap();
            outer.extend_from_slice(&value);
            value = outer;
        }
    }
    let mut filter = akidb_proto::collection::v1::Struct::default().encode_to_vec();
    let mut entry = vec![0x12];
    prost::encode_length_delimiter(value.len(), &mut entry).unwrap();
    entry.extend_from_slice(&value);
    filter.push(0x0a);
    prost::encode_length_delimiter(entry.len(), &mut filter).unwrap();
    filter.extend_from_slice(&entry);
    let mut scroll = vec![0x12];
    prost::encode_length_delimiter(filter.len(), &mut scroll).unwrap();
    scroll.extend_from_slice(&filter);
    check(&node, SCROLL, &[], framed(&scroll), "malformed_request").await;
}

#[tokio::test]
async fn messages_above_the_limit_are_refused_by_their_announced_length() {
    let node = Node::start().await;
    let announced = [&[0][..], &(8_u32 << 20).wrapping_add(1).to_be_bytes()].concat();
    for path in [SEARCH, STREAM_UPSERT, SCROLL, EMBED] {
        check(&node, path, &[], announced.clone(), "body_too_large").await;
    }
}

#[tokio::test]
async fn clients_that_send_a_large_message_read_why_it_is_refused() {
    let node = Node::start().await;
    let mut client = node.embeddings().await;
    for _ in 0..5 {
        let texts = vec!["x".repeat(9 << 20)];
        let request = EmbedRequest { texts, ..Default::default() };
        let error = client.embed(request).await.unwrap_err();
        assert_eq!(error_of(&error), (Code::ResourceExhausted, "body_too_large".to_owned()));
        assert!(error.message().contains("grpc_message_bytes = 8388608"), "{error}");
    }
}

#[tokio::test]
async fn what_is_not_a_call_of_this_server_is_refused() {
    let node = Node::start().await;
    for path in ["/", "/nope", "/akidb.collection.v1.CollectionService/Nope"] {
        check(&node, path, &[], framed(&[]), "route_not_found").await;
    }
    for timeout in ["1", "1s", "123456789S", "-1S"] {
        let headers = [("grpc-timeout", timeout)];
        check(&node, SEARCH, &headers, framed(&[]), "malformed_request").await;
    }
    let json = [("content-type", "application/json")];
    check(&node, SEARCH, &json, b"{}".to_vec(), "unsupported_media_type").await;
    let gzip = [("grpc-encoding", "gzip")];
    check(&node, SEARCH, &gzip, vec![1, 0, 0, 0, 0], "unsupported_media_type").await;
    let metrics = node.service.metrics_text();
    assert!(metrics.contains("route_not_found"), "{metrics}");
}

#[tokio::test]
async fn request_ids_come_back_in_every_answer() {
    let node = Node::start().await;
    let mine = "mine-5!";
    for (given, kept) in [(mine, true), ("not valid", false)] {
        for path in [EMBED, HEALTH, "/nope"] {
            let headers = [("x-request-id", given)];
            let request = request(&node, path, &headers, framed(&[]));
            let (_, headers, status) = send(&node, request).await;
            assert_eq!(headers["x-request-id"] == given, kept, "{path}: {headers:?}");
            let id = headers["x-request-id"].to_str().unwrap();
            let in_details = String::from_utf8_lossy(status.details()).contains(id);
            assert_eq!(in_details, path != HEALTH, "{path}: {status:?}");
        }
    }
}
