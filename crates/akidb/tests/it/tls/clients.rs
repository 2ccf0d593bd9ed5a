//! Whom a client takes for the node, and that keys are shown behind TLS as elsewhere.

use akidb_client::{Client, RequestError, Retries, certificates::Authority};
use akidb_proto::collection::v1::{
    ListCollectionsRequest, collection_service_client::CollectionServiceClient,
};
use tonic::{Request, metadata::MetadataValue};

use super::TlsNode;
use crate::node::{assert_failed, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_client_takes_the_node_and_nobody_else() {
    let node = TlsNode::start();
    node.client().version().await.unwrap();
    let foreign = Authority::new().unwrap().pem();
    node.replace(&node.authority.issue(&["localhost"], (2020, 4000)).unwrap());
    node.until_metric(r#"akidb_tls_certificate_reloads_total{outcome="ok"}"#, 1.0).await;
    let by_another_name = format!("https://127.0.0.1:{}", node.node.rest.port());
    for (url, authorities) in [(node.url(), foreign), (by_another_name, node.authority.pem())] {
        let client = Client::with_authorities(&url, authorities.as_bytes()).unwrap();
        let error = client.with_retries(Retries::NONE).version().await.unwrap_err();
        let RequestError::Unreachable { message, refused: true } = &error else {
            panic!("{error:?}");
        };
        assert!(message.contains("invalid peer certificate"), "{message}");
    }
    let series = r#"akidb_tls_handshake_failures_total{door="rest",reason="refused_by_client"}"#;
    node.until_metric(series, 2.0).await;
}

#[test]
fn commands_speak_tls() {
    let node = TlsNode::start();
    let ready = node.akidb(["ready", "--output", "json"]);
    assert!(ready.status.success(), "{ready:?}");
    let foreign = Authority::new().unwrap().pem();
    std::fs::write(node.folder.path().join("other.crt"), foreign).unwrap();
    let other = node.folder.path().join("other.crt");
    let refused = node.akidb(["ready", "--ca", other.to_str().unwrap()]);
    assert_failed(&refused, 74, &["invalid peer certificate", "hint: --ca"]);
    let absent = node.akidb(["ready", "--ca", "/nowhere/ca.crt"]);
    assert_failed(&absent, 74, &["--ca /nowhere/ca.crt", "hint: "]);
    let plain = node.akidb(["ready", "--url", &node.node.url()]);
    assert!(!plain.status.success(), "{plain:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_shown_behind_tls() {
    let node = TlsNode::start();
    let created =
        json(&node.akidb(["key", "create", "ops", "--role", "admin", "--output", "json"]));
    let key = created["secret"].as_str().unwrap();
    let listed = node.client().with_key(key).unwrap().collections().await.unwrap();
    assert!(listed.is_empty());
    assert!(node.client().collections().await.is_err());
    let mut grpc = CollectionServiceClient::new(node.grpc().await);
    let status = grpc.list_collections(ListCollectionsRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unauthenticated);
    let mut request = Request::new(ListCollectionsRequest::default());
    let shown: MetadataValue<_> = format!("Bearer {key}").parse().unwrap();
    request.metadata_mut().insert("authorization", shown);
    grpc.list_collections(request).await.unwrap();
}
