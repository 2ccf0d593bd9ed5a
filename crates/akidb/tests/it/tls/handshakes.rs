//! What a port of TLS says to whoever speaks something else, or nothing.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{LONG, TlsNode, connect};

/// The head of a record that says it is 512 bytes long, and the first of them.
const HALF_A_HELLO: &[u8] = &[22, 3, 1, 2, 0, 1, 0, 1];

/// Sends bytes and reads until the node closes.
async fn answer(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A node that closes with bytes unread resets the connection.
    drop(tokio::time::timeout(LONG, stream.read_to_end(&mut answer)).await.unwrap());
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doors_agree_on_a_protocol() {
    let node = TlsNode::start();
    for (offered, agreed) in
        [(&["h2", "http/1.1"][..], Some("h2")), (&["http/1.1"], Some("http/1.1")), (&[], None)]
    {
        let stream = node.connect(offered).await.unwrap();
        let found = stream.get_ref().1.alpn_protocol().map(String::from_utf8_lossy);
        assert_eq!(found.as_deref(), agreed, "{offered:?}");
    }
    assert!(node.connect(&["gopher"]).await.is_err());
    let grpc = node.node.grpc.port();
    assert!(connect(grpc, &node.authority, &["h2"]).await.is_ok());
    assert!(connect(grpc, &node.authority, &["http/1.1"]).await.is_err());
    let series = r#"akidb_tls_handshake_failures_total{door="rest",reason="incompatible"}"#;
    node.until_metric(series, 1.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_is_told_to_speak_tls() {
    let node = TlsNode::start();
    for address in [node.node.rest, node.node.grpc] {
        let said = answer(address, b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
        assert!(said.starts_with("HTTP/1.1 400 ") && said.ends_with("https://\n"), "{said}");
    }
    assert_eq!(answer(node.node.rest, b"\0 what is this").await, "");
    for (reason, count) in [("plain_http", 1.0), ("protocol", 1.0)] {
        let series =
            format!(r#"akidb_tls_handshake_failures_total{{door="rest",reason="{reason}"}}"#);
        node.until_metric(&series, count).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_stops_is_counted_and_one_that_stalls_is_ended() {
    let node = TlsNode::start_with(|command| {
        command.env("AKIDB_SERVER__HEADER_READ_TIMEOUT_MS", "2000");
    });
    let mut truncated = TcpStream::connect(node.node.rest).await.unwrap();
    truncated.write_all(HALF_A_HELLO).await.unwrap();
    drop(truncated);
    assert_eq!(answer(node.node.rest, HALF_A_HELLO).await, "");
    assert_eq!(answer(node.node.grpc, b"").await, "");
    for (door, reason) in [("rest", "closed"), ("rest", "timed_out"), ("grpc", "timed_out")] {
        let series =
            format!(r#"akidb_tls_handshake_failures_total{{door="{door}",reason="{reason}"}}"#);
        node.until_metric(&series, 1.0).await;
    }
}

/// More than the node serves at once: what asks for health takes the place of the oldest of the rest.
#[tokio::test(flavor = "multi_thread")]
async fn health_is_answered_beside_a_thousand_handshakes_that_stall() {
    let node = TlsNode::start_with(|command| {
        command.env("AKIDB_SERVER__HEADER_READ_TIMEOUT_MS", "3600000");
        command.env("AKIDB_SERVER__MAX_CONNECTIONS", "500");
    });
    let mut stalled = Vec::new();
    for _ in 0..1_000 {
        let mut stream = TcpStream::connect(node.node.rest).await.unwrap();
        stream.write_all(HALF_A_HELLO).await.unwrap();
        stalled.push(stream);
    }
    for _ in 0..10 {
        let ready: akidb_client::Readiness = node.client().readiness().await.unwrap();
        assert!(ready.ready);
    }
    drop(stalled);
    node.until_metric(r#"akidb_connections_open{door="rest"}"#, 1.0).await;
}
