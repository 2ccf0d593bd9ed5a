//! `kill -9` while a collection is copied: the copy is made all the same, whole and as of one moment.

use std::time::Duration;

use rand::{Rng, SeedableRng, rngs::StdRng};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    node::{Node, scratch},
    rest_client::RestClient,
};

const CYCLES: u64 = 12;
const BATCH: u64 = 200;
const FIRST_BATCHES: u64 = 25;

/// Batches of documents whose ids follow one another, so that what is of one moment has no gap.
fn batch(number: u64) -> Value {
    let documents = (number * BATCH..(number + 1) * BATCH)
        .map(|id| json!({"id": id, "vector": vec![id as f64; 64]}));
    json!({"documents": documents.collect::<Vec<_>>()})
}

/// Writes batch after batch until the node is gone; those that were acknowledged.
async fn write_until_killed(client: RestClient, mut next: u64) -> u64 {
    while client.try_post("/v1/collections/films/documents", &batch(next)).await.is_some() {
        next += 1;
    }
    next
}

/// How many documents there are, which are those of the first ids.
async fn count_without_gaps(client: &RestClient, collection: &str) -> u64 {
    let path = format!("/v1/collections/{collection}/documents/count");
    let count = client.post(&path, json!({})).await["count"].as_u64().unwrap();
    for (id, expected) in [(0, 1), (count - 1, 1), (count, 0)] {
        let path = format!("/v1/collections/{collection}/documents/get");
        let found = client.post(&path, json!({"ids": [id], "include": []})).await;
        let found = found["documents"].as_array().unwrap().len();
        assert_eq!(found, expected, "{collection} has {count}, and {id}?");
    }
    count
}

/// The state of the newest task, when it is over.
async fn ended(client: &RestClient) -> Value {
    loop {
        let tasks = client.get("/v1/tasks").await;
        let task = tasks["tasks"].as_array().unwrap().iter().find(|task| task["kind"] == "copy");
        let state = task.unwrap()["state"].clone();
        if state != "pending" && state != "running" {
            return state;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_killed_is_made_after_the_restart() {
    let (_folder, data_dir) = scratch();
    let mut random = StdRng::seed_from_u64(17);
    let mut node = Node::start(&data_dir);
    let client = RestClient::new(&node);
    let films = json!({"name": "films", "dimension": 64, "metric": "l2"});
    client.post("/v1/collections", films).await;
    for number in 0..FIRST_BATCHES {
        client.post("/v1/collections/films/documents", batch(number)).await;
    }
    let mut acknowledged = FIRST_BATCHES;
    let mut killed_on_the_way = 0;
    for cycle in 0..CYCLES {
        let client = RestClient::new(&node);
        let name = format!("copy-{cycle}");
        let before = acknowledged * BATCH;
        let writing = tokio::spawn(write_until_killed(client.clone(), acknowledged));
        client.post("/v1/collections/films/copy", json!({"to": name})).await;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..60))).await;
        node.signal(Signal::KILL);
        acknowledged = writing.await.unwrap();
        node.wait();
        let folders = std::fs::read_dir(data_dir.join("collections")).unwrap().count() as u64;
        killed_on_the_way += u64::from(folders <= cycle + 1 || has_begun(&data_dir));
        node = Node::start(&data_dir);
        let client = RestClient::new(&node);
        assert_eq!(ended(&client).await, "succeeded", "cycle {cycle}");
        let copied = count_without_gaps(&client, &name).await;
        assert!(copied >= before, "cycle {cycle}: {copied} of {before} are copied");
        let all = count_without_gaps(&client, "films").await;
        assert!(all >= acknowledged * BATCH && all >= copied, "cycle {cycle}");
        acknowledged = all / BATCH;
        let folders = std::fs::read_dir(data_dir.join("collections")).unwrap().count() as u64;
        assert_eq!(folders, cycle + 2, "cycle {cycle}: something is left");
    }
    assert!(killed_on_the_way > 0, "no copy was killed on its way");
}

/// Whether there is a folder that nobody was given yet.
fn has_begun(data_dir: &std::path::Path) -> bool {
    let entries = std::fs::read_dir(data_dir.join("collections")).unwrap();
    entries.flatten().any(|entry| entry.path().extension().is_some_and(|it| it == "new"))
}
