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

/// Overwrites the page that has these bytes.
fn destroy(data_dir: &Path, found: &[u8]) {
    let mut collections = fs::read_dir(data_dir.join("collections")).unwrap();
    let path = collections.next().unwrap().unwrap().path().join("documents.db");
    let mut bytes = fs::read(&path).unwrap();
    let has = |page: &[u8]| page.windows(found.len()).any(|part| part == found);
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
    destroy(&data_dir, b"text of 00300");
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

/// The page of a vector of the user's own is lost: all else of its documents goes in again.
#[tokio::test]
async fn what_is_readable_goes_in_again_as_it_was() {
    let (_folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    let rest = RestDoor::new(&node);
    let ask = |operation, body| Request::new(operation, "films", body);
    let fields = json!({"title": {}, "own": {"dimension": 2, "metric": "dot"}});
    let create = json!({
        "name": "films", "dimension": 2, "metric": "dot", "fields": fields, "ttl_seconds": 1_000_000,
    });
    rest.ask(&ask(Operation::CreateCollection, create)).await.unwrap();
    let documents: Vec<Value> = (0..COUNT)
        .map(|i| {
            let expires_at = if i % 2 == 0 { "never" } else { "2999-12-31T00:00:00Z" };
            let own = json!([300.5, i as f32 + 0.25]);
            json!({
                "id": i, "vector": [1, i], "texts": {"title": format!("title {i}")},
                "vectors": {"own": own}, "metadata": {"i": i}, "expires_at": expires_at,
            })
        })
        .collect();
    rest.ask(&ask(Operation::Upsert, json!({"documents": documents}))).await.unwrap();
    let all: Vec<usize> = (0..COUNT).collect();
    let get = ask(
        Operation::GetDocuments,
        json!({"ids": all, "include": ["text", "vector", "metadata"]}),
    );
    let before = settled(rest.ask(&get).await.unwrap());
    assert!(node.stop().success());

    let lost: Vec<u8> = [300.5_f32, 100.25].iter().flat_map(|it| it.to_le_bytes()).collect();
    destroy(&data_dir, &lost);
    let (exit, answer, said) = command(&data_dir, "repair");
    assert_eq!(exit, Some(2), "{said}");
    let repaired = &answer["collections"][0];
    let readable = repaired["readable"].as_u64().unwrap();
    assert!(
        readable > 0 && repaired["saved"].as_u64().unwrap() + readable == COUNT as u64,
        "{answer}"
    );
    let lines = Path::new(repaired["kept_in"].as_str().unwrap()).join("readable.jsonl");

    let node = Node::start(&data_dir);
    let imported = node.akidb(["import", "films", lines.to_str().unwrap()]);
    assert!(imported.status.success(), "{}", stderr(&imported));
    let after = settled(RestDoor::new(&node).ask(&get).await.unwrap());
    let (before, after) = (of_answer(&before), of_answer(&after));
    assert_eq!(after.len(), COUNT);
    let mut without_own = 0;
    for (mut was, is) in before.into_iter().zip(after) {
        if is["vectors"].get("own").is_none() {
            without_own += 1;
            was["vectors"].as_object_mut().unwrap().remove("own");
        }
        assert_eq!(was, is);
    }
    assert_eq!(without_own, readable);
}

/// The documents of an answer without what a later write changes.
fn of_answer(answer: &Value) -> Vec<Value> {
    let documents = answer["documents"].as_array().unwrap().iter().cloned();
    let documents = documents.map(|mut document| {
        document.as_object_mut().unwrap().remove("seq");
        document
    });
    documents.collect()
}
