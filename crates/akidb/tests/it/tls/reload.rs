//! A certificate that is exchanged while the node runs.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use akidb_proto::collection::v1::{
    ListCollectionsRequest, collection_service_client::CollectionServiceClient,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{TlsNode, log};

const OK: &str = r#"akidb_tls_certificate_reloads_total{outcome="ok"}"#;
const FAILED: &str = r#"akidb_tls_certificate_reloads_total{outcome="failed"}"#;
const EXPIRES: &str = "akidb_tls_certificate_expires_timestamp_seconds";
const LIVE: &[u8] = b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn new_connections_are_shown_the_new_one_and_others_go_on() {
    let node = TlsNode::start();
    let expires = node.metric(EXPIRES).await;
    assert!(node.component().await.0);
    let mut kept = node.connect(&["http/1.1"]).await.unwrap();
    let shown_before = kept.get_ref().1.peer_certificates().unwrap().to_vec();
    node.replace(&node.authority.issue(&["localhost"], (2020, 3000)).unwrap());
    node.until_metric(OK, 1.0).await;
    assert!(node.metric(EXPIRES).await < expires);
    let new = node.connect(&["http/1.1"]).await.unwrap();
    assert_ne!(new.get_ref().1.peer_certificates().unwrap(), shown_before);
    kept.write_all(LIVE).await.unwrap();
    let mut answer = [0; 15];
    kept.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_shown_leaves_the_old_one_and_is_told() {
    let node = TlsNode::start();
    let good = node.authority.issue_for_loopback().unwrap();
    let files = good.write(node.folder.path()).unwrap();
    node.until_metric(OK, 1.0).await;
    for (count, garbage) in [(1.0, "garbage".to_owned()), (2.0, good.certificate[..99].to_owned())]
    {
        fs::write(&files[0], garbage).unwrap();
        node.until_metric(FAILED, count).await;
        let (is_ready, detail) = node.component().await;
        assert!(!is_ready && detail.contains("no certificate"), "{detail}");
        node.connect(&["h2"]).await.unwrap();
    }
    node.replace(&node.authority.issue(&["localhost"], (2000, 2001)).unwrap());
    node.until_metric(FAILED, 3.0).await;
    assert!(node.component().await.1.contains("has expired"));
    node.replace(&good);
    node.until_metric(OK, 2.0).await;
    assert!(node.component().await.0);
    let log = log(&node.folder.path().join("data"));
    assert!(log.contains("ERROR") && log.contains("that of before is"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_while_certificates_change() {
    let node = Arc::new(TlsNode::start());
    let (is_over, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let clients = [false, true].map(|is_grpc| {
        let (node, is_over, asked) = (node.clone(), is_over.clone(), asked.clone());
        tokio::spawn(async move {
            while !is_over.load(Relaxed) {
                match is_grpc {
                    true => by_grpc(&node).await,
                    false => drop(node.client().version().await.unwrap()),
                }
                asked.fetch_add(1, Relaxed);
            }
        })
    });
    for count in 1..=100_u32 {
        node.replace(&node.authority.issue_for_loopback().unwrap());
        node.until_metric(OK, count.into()).await;
    }
    is_over.store(true, Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    assert!(asked.load(Relaxed) >= 200, "{asked:?}");
}

async fn by_grpc(node: &TlsNode) {
    let mut grpc = CollectionServiceClient::new(node.grpc().await);
    grpc.list_collections(ListCollectionsRequest::default()).await.unwrap();
}
