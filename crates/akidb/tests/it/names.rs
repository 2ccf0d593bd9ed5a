//! `kill -9` while names change: each is as it was or as it was to be, and none is lost.

use std::time::Duration;

use rand::{Rng, SeedableRng, rngs::StdRng};
use rustix::process::Signal;
use serde_json::json;

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
async fn rename_until_killed(client: RestClient, mut round: u64) -> u64 {
    loop {
        let path = format!("/v1/collections/{}", name_of(round));
        let answer = client.try_patch(&path, &json!({"name": name_of(round + 1)})).await;
        let Some(answer) = answer else { return round };
        round += 1;
        assert_eq!(answer["name"], name_of(round));
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
        let renaming = tokio::spawn(rename_until_killed(RestClient::new(&node), round));
        tokio::time::sleep(Duration::from_millis(random.random_range(5..100))).await;
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
    assert!(round > CYCLES, "hardly anything was renamed: {round} times");
}
