//! What is looked at first is the key, whatever the path is spelled like and whatever follows.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use akidb_client::{Client, Metric, NewCollection, NewKey, Role};

use super::keys_of;
use crate::node::{Node, scratch};

/// Sends a head as it stands and reads the status of the answer.
fn status_of(addr: SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut part = [0; 4_096];
    while !answer.windows(2).any(|pair| pair == b"\r\n") {
        match stream.read(&mut part).unwrap() {
            0 => break,
            read => answer.extend_from_slice(&part[..read]),
        }
    }
    let line = String::from_utf8_lossy(&answer);
    line.split(' ').nth(1).unwrap_or_default().to_owned()
}

fn head(method: &str, path: &str, more: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{more}\r\n")
}

#[tokio::test]
async fn a_body_is_neither_waited_for_nor_asked_for() {
    let (_folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    let keys = keys_of(&node).await;
    let announced = "content-type: application/json\r\ncontent-length: 1000000\r\n\
                     expect: 100-continue\r\n";
    for shown in keys.all.iter().filter(|shown| shown.role.is_none()) {
        let secret = shown.secret.as_ref();
        let key = secret.map(|it| format!("authorization: Bearer {it}\r\n")).unwrap_or_default();
        let head = head("POST", "/v1/collections/films/documents", &format!("{announced}{key}"));
        assert_eq!(status_of(node.rest, &head), "401", "{}", shown.what);
    }
    let admin = format!("{announced}api-key: {}\r\n", keys.admin.secret);
    let head = head("POST", "/v1/collections/films/documents", &admin);
    assert_eq!(status_of(node.rest, &head), "100");
}

#[tokio::test]
async fn no_spelling_of_a_path_leads_around_the_check() {
    let (_folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    let open = Client::new(&node.url()).unwrap();
    for name in ["films", "mine"] {
        open.create_collection(&NewCollection::with_vectors(name, 2, Metric::Dot)).await.unwrap();
    }
    let admin = open.create_key(&NewKey::new("operators", Role::Admin)).await.unwrap();
    let client = open.with_key(&admin.secret).unwrap();
    let of_mine = NewKey::new("of mine", Role::Admin).collections(["mine*"]);
    let of_mine = client.create_key(&of_mine).await.unwrap();
    let key = format!("api-key: {}\r\n", of_mine.secret);
    for path in [
        "/v1/collections",
        "/v1//collections",
        "//v1/collections",
        "/V1/COLLECTIONS",
        "/v1/collections/",
        "/v1/collections/films",
        "/v1/collections/%66ilms",
        "/v1/collections/mine/../films",
        "/v1/collections/mine%2f..%2ffilms",
        "/v1/collections/mine%2F..%2Ffilms/documents/count",
        "/v1/collections/..%2ffilms",
        "/v1/collections/films%00",
        "/livez/../metrics",
        "/livez/..%2fmetrics",
        "/livez%2f..%2fmetrics",
        "/docs/../metrics",
        "/docs/start.js/../../metrics",
        "/%6detrics",
        "/metrics",
        "/metrics/",
        "/METRICS",
        "/metrics?livez",
        "/metrics;/livez",
        "http://localhost/metrics",
        "*",
    ] {
        for method in ["GET", "HEAD", "POST", "DELETE", "OPTIONS", "PURGE"] {
            let status = status_of(node.rest, &head(method, path, ""));
            assert!(["401", "400"].contains(&&*status), "{method} {path}: {status}");
            let status = status_of(node.rest, &head(method, path, &key));
            let is_its_own = path.starts_with("/v1/collections") && !path.contains("films");
            assert!(is_its_own || !status.starts_with('2'), "{method} {path}: {status}");
        }
    }
    let names = client.collections().await.unwrap();
    assert_eq!(names.len(), 2, "nothing was changed");
    for path in ["/health", "/livez", "/readyz", "/docs", "/openapi.json"] {
        assert_eq!(status_of(node.rest, &head("GET", path, "")), "200", "{path}");
    }
}
