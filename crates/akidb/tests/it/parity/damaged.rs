//! A node over a damaged database: it serves what can be read, names the rest the same through every
//! door, and is whole again after a repair.

use std::{fs, path::Path};

use serde_json::{Value, json};

use super::{
    answer::settled,
    grpc::GrpcDoor,
    request::{Operation, Request},
    rest::RestDoor,
};
use crate::node::{Node, akidb, scratch, stderr};

const COUNT: usize = 600;

/// Overwrites the page that has this text.
fn destroy(data_dir: &Path, text: &str) {
    let mut collections = fs::read_dir(data_dir.join("collections")).unwrap();
    let path = collections.next().unwrap().unwrap().path().join("documents.db");
    let mut bytes = fs::read(&path).unwrap();
    let has = |page: &[u8]| page.windows(text.len()).any(|part| part == text.as_bytes());
    bytes.chunks_mut(8_192).find(|page| has(page)).unwrap().fill(0);
    fs::write(path, bytes).unwrap();
}

fn command(data_dir: &Path, name: &str) -> (Option<i32>, Value, String) {
    let mut command = akidb([name, "--output", "json", "--data-dir"]);
    let output = command.arg(data_dir).output().unwrap();
    let answer = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code(), answer, stderr(&output))
}

fn ids(damaged: &Value) -> Vec<u64> {
    let damaged = damaged.as_array().unwrap().iter();
    let mut ids: Vec<u64> = damaged.map(|document| document["id"].as_u64().unwrap()).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn damaged_documents_are_named_alike_and_the_others_served() {
    let (_folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    let rest = RestDoor::new(&node);
    let ask = |operation, body| Request::new(operation, "films", body);
    let create = json!({"name": "films", "dimension": 2, "metric": "dot"});
    rest.ask(&ask(Operation::CreateCollection, create)).await.unwrap();
    let documents: Vec<Value> = (0..COUNT)
        .map(|i| {
            let text = format!("text of {i:05} {}", "x".repeat(100));
            json!({"id": i, "text": text, "vector": [1, i], "metadata": {"i": i}})
        })
        .collect();
    let upsert = ask(Operation::Upsert, json!({"documents": documents}));
    rest.ask(&upsert).await.unwrap();
    assert!(node.stop().success());
    let (exit, answer, said) = command(&data_dir, "verify");
    assert_eq!((exit, &answer["collections"][0]["faults"]), (Some(0), &json!([])), "{said}");
    destroy(&data_dir, "text of 00300");
    let (exit, answer, said) = command(&data_dir, "verify");
    assert_eq!(exit, Some(2), "{said}");
    let faults = answer["collections"][0]["faults"].as_array().unwrap();
    let of_documents = faults.iter().filter(|fault| fault["kind"] == "document");
    let listed = ids(&of_documents.cloned().collect());
    assert!(listed.contains(&300) && faults.iter().any(|fault| fault["kind"] == "page"));

    let node = Node::start(&data_dir);
    let (rest, mut grpc) = (RestDoor::new(&node), GrpcDoor::connect(&node).await);
    let all: Vec<usize> = (0..COUNT).collect();
    for (operation, body, field) in [
        (Operation::GetDocuments, json!({"ids": all}), "documents"),
        (Operation::GetDocuments, json!({"filter": {"i": {"$gte": 0}}}), "documents"),
        (Operation::Scroll, json!({"limit": 1_000}), "documents"),
        (Operation::Search, json!({"vector": [0, 1], "limit": 1_000}), "hits"),
    ] {
        let asked = ask(operation, body);
        let answer = settled(rest.ask(&asked).await.unwrap());
        let by_grpc = settled(grpc.ask(&asked).await.unwrap().unwrap());
        assert_eq!(answer, by_grpc, "{asked}");
        assert_eq!(ids(&answer["damaged"]), listed, "{asked}");
        let served = answer[field].as_array().unwrap().len();
        assert_eq!(served + listed.len(), COUNT, "{asked}");
    }
    let found = node.akidb(["search", "films", "--vector", "[0, 1]", "--limit", "1000"]);
    assert!(stderr(&found).contains("is damaged and not shown"), "{}", stderr(&found));
    let (exit, _, said) = command(&data_dir, "verify");
    assert_eq!(exit, Some(74), "a node runs over it: {said}");
    assert!(node.stop().success());

    let (exit, answer, said) = command(&data_dir, "repair");
    assert_eq!(exit, Some(2), "{said}");
    assert_eq!(answer["collections"][0]["saved"], COUNT - listed.len());
    let (exit, answer, said) = command(&data_dir, "repair");
    assert_eq!((exit, &answer["collections"]), (Some(0), &json!([])), "{said}");
    let (exit, _, said) = command(&data_dir, "verify");
    assert_eq!(exit, Some(0), "{said}");
    let node = Node::start(&data_dir);
    let count = RestDoor::new(&node).ask(&ask(Operation::Count, json!({}))).await.unwrap();
    assert_eq!(count["count"], COUNT - listed.len());
}
