//! Log lines: the request's id on each, whichever door it came through, and the line of a slow one.

use std::{fs, path::Path};

use akidb_client::process::plain_http;
use akidb_proto::collection::v1::{self as wire, NewDocument};
use serde_json::{Value, json};
use tonic::Request;

use super::grpc;
use crate::{
    node::{Backend, Node, scratch},
    rest_client::RestClient,
};

/// Enough that storing them takes more than a millisecond on any machine.
const DOCUMENTS: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn slow_requests_say_where_their_time_went() {
    let (_folder, data_dir) = scratch();
    let node = node(&data_dir, "json");
    upsert_by_rest(&node, "mine-rest").await;
    upsert_by_grpc(&node, "mine-grpc").await;
    assert!(node.stop().success());

    let lines = json_lines(&data_dir);
    for (door, request_id) in [("rest", "mine-rest"), ("grpc", "mine-grpc")] {
        let of_request = |line: &&Value| line["span"]["request_id"] == request_id;
        let slow: Vec<_> = lines
            .iter()
            .filter(of_request)
            .filter(|line| line["fields"]["message"] == "slow request")
            .collect();
        let [slow] = slow[..] else { panic!("{request_id}: {slow:?} of {lines:?}") };
        assert_eq!(slow["level"], "WARN");
        assert_eq!(slow["span"]["door"], door);
        let fields = &slow["fields"];
        assert_eq!(fields["door"], door);
        assert_eq!(fields["operation"], "upsert");
        assert_eq!(fields["collection"], "films");
        assert_eq!(fields["code"], "ok");
        let ms = |name: &str| fields[name].as_f64().unwrap_or_else(|| panic!("{name}: {fields}"));
        let parts = ["queue_ms", "tokenize_ms", "inference_ms", "index_ms", "store_ms", "other_ms"];
        let sum: f64 = parts.iter().map(|part| ms(part)).sum();
        assert!((sum - ms("took_ms")).abs() < 0.1, "{fields}");
        for part in ["tokenize_ms", "inference_ms", "store_ms"] {
            assert!(ms(part) > 0.0, "{part}: {fields}");
        }
        assert_eq!(ms("index_ms"), 0.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_for_people_have_the_id_too_whatever_the_level() {
    let (_folder, data_dir) = scratch();
    let node = node(&data_dir, "text");
    upsert_by_rest(&node, "mine-rest").await;
    upsert_by_grpc(&node, "mine-grpc").await;
    assert!(node.stop().success());
    let log = fs::read_to_string(data_dir.with_extension("log")).unwrap();
    for request_id in ["mine-rest", "mine-grpc"] {
        let id = format!("request_id=\"{request_id}\"");
        let lines = log.lines().filter(|line| line.contains(&id));
        assert_eq!(lines.filter(|line| line.contains("slow request")).count(), 1, "{log}");
    }
}

fn node(data_dir: &Path, format: &str) -> Node {
    Node::start_with(data_dir, Backend::Hash, |command| {
        command.env("AKIDB_LOG__FORMAT", format);
        command.env("AKIDB_LOG__LEVEL", "warn");
        command.env("AKIDB_LOG__SLOW_REQUEST_MS", "1");
    })
}

async fn upsert_by_rest(node: &Node, request_id: &str) {
    RestClient::new(node).post("/v1/collections", json!({"name": "films"})).await;
    let documents: Vec<_> =
        (0..DOCUMENTS).map(|id| json!({"id": id, "text": format!("film {id}")})).collect();
    let request = plain_http()
        .post(format!("{}/v1/collections/films/documents", node.url()))
        .header("x-request-id", request_id)
        .json(&json!({"documents": documents}));
    let response = request.send().await.unwrap();
    assert!(response.status().is_success());
    assert_eq!(response.headers()["x-request-id"], request_id);
}

async fn upsert_by_grpc(node: &Node, request_id: &str) {
    let mut client = grpc(node).await;
    let document = |id: usize| NewDocument {
        text: Some(format!("another film {id}")),
        ..NewDocument::default()
    };
    let mut request = Request::new(wire::UpsertDocumentsRequest {
        collection: "films".to_owned(),
        documents: (0..DOCUMENTS).map(document).collect(),
        ..wire::UpsertDocumentsRequest::default()
    });
    request.metadata_mut().insert("x-request-id", request_id.parse().unwrap());
    client.upsert_documents(request).await.unwrap();
}

fn json_lines(data_dir: &Path) -> Vec<Value> {
    let log = fs::read_to_string(data_dir.with_extension("log")).unwrap();
    log.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
