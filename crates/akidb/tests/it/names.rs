//! `kill -9` while names change: each is as it was or as it was to be, and none is lost.

use std::{sync::Arc, time::Duration};

use rand::{Rng, SeedableRng, rngs::StdRng};
use rustix::process::Signal;
use serde_json::json;
use tokio::sync::Notify;

use crate::{
    node::{Node, scratch},
    rest_client::RestClient,
};

const CYCLES: u64 = 25;
const DOCUMENTS: u64 = 20;

/// The name of a round.
fn name_of(round: u64) -> String {
    format!("round-{round}")
}

/// Renames round after round until the node is gone; the last round that was answered.
async fn rename_until_killed(client: RestClient, mut round: u64, answered: Arc<Notify>) -> u64 {
    loop {
        let path = format!("/v1/collections/{}", name_of(round));
        let answer = client.try_patch(&path, &json!({"name": name_of(round + 1)})).await;
        let Some(answer) = answer else { return round };
        round += 1;
        assert_eq!(answer["name"], name_of(round));
        answered.notify_one();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renaming_that_is_killed_leaves_one_of_both_names() {
    let (_folder, data_dir) = scratch();
    let mut random = StdRng::seed_from_u64(11);
    let mut node = Node::start(&data_dir);
    let client = RestClient::new(&node);
    client.post("/v1/collections", json!({"name": name_of(0), "dimension": 2})).await;
    let documents: Vec<_> =
        (1..=DOCUMENTS).map(|id| json!({"id": id, "vector": [id, 1]})).collect();
    let path = format!("/v1/collections/{}/documents", name_of(0));
    client.post(&path, json!({"documents": documents})).await;

    let mut round = 0;
    for cycle in 0..CYCLES {
        let first = Arc::new(Notify::new());
        let client = RestClient::new(&node);
        let renaming = tokio::spawn(rename_until_killed(client, round, Arc::clone(&first)));
        first.notified().await;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..100))).await;
        node.signal(Signal::KILL);
        let answered = renaming.await.unwrap();
        node.wait();
        if cycle == CYCLES / 2 {
            // The folder alone knows the name then.
            std::fs::remove_file(data_dir.join("akidb.db")).unwrap();
        }
        node = Node::start(&data_dir);
        let client = RestClient::new(&node);
        let listed = client.get("/v1/collections").await;
        let names: Vec<_> = listed["collections"].as_array().unwrap().iter().collect();
        assert_eq!(names.len(), 1, "cycle {cycle}: {listed}");
        let may_be = [answered, answered + 1].map(name_of);
        let found = may_be.iter().position(|name| names[0]["name"] == **name);
        let found = found.unwrap_or_else(|| panic!("cycle {cycle}: {listed}, not {may_be:?}"));
        round = answered + found as u64;
        let path = format!("/v1/collections/{}", name_of(round));
        assert_eq!(client.get(&path).await["document_count"], DOCUMENTS, "cycle {cycle}");
    }
}

/// What both aliases name after a round: each the other one of two collections.
fn named_in(round: u64) -> [&'static str; 2] {
    if round.is_multiple_of(2) { ["first", "second"] } else { ["second", "first"] }
}

/// Switches both aliases at once, round after round, until the node is gone; the last round that was
/// answered.
async fn switch_until_killed(client: RestClient, mut round: u64, answered: Arc<Notify>) -> u64 {
    loop {
        let [a, b] = named_in(round + 1);
        let actions = [("a", a), ("b", b)]
            .map(|(alias, collection)| json!({"set": {"alias": alias, "collection": collection}}));
        let answer = client.try_post("/v1/aliases", &json!({"actions": actions})).await;
        if answer.is_none() {
            return round;
        }
        round += 1;
        answered.notify_one();
    }
}

/// Asks by an alias until the node is gone. Whatever is switched meanwhile, there is always an answer.
async fn ask_until_killed(client: RestClient) {
    while client.try_post("/v1/collections/a/documents/count", &json!({})).await.is_some() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_of_aliases_that_is_killed_is_made_whole_or_not_at_all() {
    let (_folder, data_dir) = scratch();
    let mut random = StdRng::seed_from_u64(13);
    let mut node = Node::start(&data_dir);
    let client = RestClient::new(&node);
    for (name, count) in [("first", 1), ("second", 2)] {
        client.post("/v1/collections", json!({"name": name, "dimension": 2})).await;
        let documents: Vec<_> = (0..count).map(|id| json!({"id": id, "vector": [1, 1]})).collect();
        let path = format!("/v1/collections/{name}/documents");
        client.post(&path, json!({"documents": documents})).await;
    }
    let actions = json!([
        {"create": {"alias": "a", "collection": "first"}},
        {"create": {"alias": "b", "collection": "second"}},
    ]);
    client.post("/v1/aliases", json!({"actions": actions})).await;

    let mut round = 0;
    for cycle in 0..CYCLES {
        let client = RestClient::new(&node);
        let first = Arc::new(Notify::new());
        let switching =
            tokio::spawn(switch_until_killed(client.clone(), round, Arc::clone(&first)));
        let asking = tokio::spawn(ask_until_killed(client));
        first.notified().await;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..100))).await;
        node.signal(Signal::KILL);
        let answered = switching.await.unwrap();
        asking.await.unwrap();
        node.wait();
        node = Node::start(&data_dir);
        let client = RestClient::new(&node);
        let listed = client.get("/v1/aliases").await;
        let names = ["/aliases/0/collection", "/aliases/1/collection"];
        let found = names.map(|pointer| listed.pointer(pointer).unwrap().as_str().unwrap());
        assert_eq!(listed["aliases"].as_array().unwrap().len(), 2, "cycle {cycle}: {listed}");
        let is_next = found == named_in(answered + 1);
        assert!(is_next || found == named_in(answered), "cycle {cycle}, {answered}: {listed}");
        round = answered + u64::from(is_next);
        let count = client.post("/v1/collections/a/documents/count", json!({})).await;
        assert_eq!(count["count"], if found[0] == "first" { 1 } else { 2 }, "cycle {cycle}");
    }
}
