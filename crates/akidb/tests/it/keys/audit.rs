//! What is written down of who did what, and who was not let in.

use akidb_client::{Client, Metric, NewCollection, NewKey, Request, Role};
use akidb_proto::collection::v1::{
    CountDocumentsRequest, collection_service_client::CollectionServiceClient,
};
use serde_json::{Value, json};

use crate::node::{Backend, Node, akidb, assert_failed, scratch};

#[tokio::test]
async fn admin_actions_and_refusals_are_written_down_and_no_secret_is() {
    let (folder, data_dir) = scratch();
    let path = folder.path().join("audit.jsonl");
    let node = Node::start_with(&data_dir, Backend::Hash, |command| {
        command.env("AKIDB_AUDIT__PATH", &path);
    });
    let open = Client::new(&node.url()).unwrap();
    let admin = open.create_key(&NewKey::new("operators", Role::Admin)).await.unwrap();
    let client = open.clone().with_key(&admin.secret).unwrap();
    client.create_collection(&NewCollection::with_vectors("films", 2, Metric::Dot)).await.unwrap();
    let reader = NewKey::new("reader", Role::Read).collections(["books"]);
    let reader = client.create_key(&reader).await.unwrap();
    let limited = open.clone().with_key(&reader.secret).unwrap();
    // Not written down: what neither changes the node nor is refused.
    limited.collections().await.unwrap();
    client.collection("films").count(None).await.unwrap();
    // Refused: without a key, of another collection by both doors, and what another role may.
    assert!(open.collection("films").count(None).await.is_err());
    assert!(limited.collection("films").count(None).await.is_err());
    let endpoint = tonic::transport::Channel::from_shared(format!("http://{}", node.grpc)).unwrap();
    let mut grpc = CollectionServiceClient::new(endpoint.connect().await.unwrap());
    let count = CountDocumentsRequest { collection: "films".into(), ..Default::default() };
    let mut count = tonic::Request::new(count);
    count.metadata_mut().insert("api-key", reader.secret.parse().unwrap());
    assert!(grpc.count_documents(count).await.is_err());
    let named = Request::get(&["v1", "admin", "keys"]).header("x-request-id", "named-by-a-test");
    assert!(limited.send::<Value>(named).await.is_err());
    // An admin action that fails.
    assert!(client.revoke_key("nothing").await.is_err());
    node.stop();

    let text = std::fs::read_to_string(&path).unwrap();
    for shown in [&admin.secret, &reader.secret] {
        assert!(!text.contains(shown.rsplit('_').next().unwrap()), "{text}");
    }
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| line["address"] == "127.0.0.1" && line["unix_ms"].is_u64()));
    assert!(lines.iter().all(|line| line["request_id"].as_str().is_some_and(|it| !it.is_empty())));
    assert_eq!(lines[6]["request_id"], "named-by-a-test");
    let (a, r) = (admin.key.id.as_str(), reader.key.id.as_str());
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            let parts = ["door", "key", "operation", "collection", "subject", "outcome"];
            json!(parts.map(|part| line.get(part).cloned().unwrap_or(Value::Null)))
        })
        .collect();
    let expected = json!([
        ["rest", null, "create_key", null, a, "ok"],
        ["rest", a, "create_collection", "films", null, "ok"],
        ["rest", a, "create_key", null, r, "ok"],
        ["rest", null, "count", null, null, "unauthenticated"],
        ["rest", r, "count", "films", null, "permission_denied"],
        ["grpc", r, "count", "films", null, "permission_denied"],
        ["rest", r, "keys", null, null, "permission_denied"],
        ["rest", a, "revoke_key", null, "nothing", "key_not_found"],
    ]);
    assert_eq!(json!(told), expected);
}

#[test]
fn a_node_that_can_not_write_its_audit_log_does_not_start() {
    let (folder, data_dir) = scratch();
    let path = folder.path().join("none").join("audit.jsonl");
    let mut command = akidb(["serve", "--data-dir", data_dir.to_str().unwrap()]);
    command.env("AKIDB_AUDIT__PATH", &path).env("AKIDB_EMBEDDING__ENABLED", "false");
    for key in ["REST_ADDR", "GRPC_ADDR"] {
        command.env(format!("AKIDB_SERVER__{key}"), "127.0.0.1:0");
    }
    assert_failed(&command.output().unwrap(), 78, &["the audit log", "audit.jsonl"]);
}
