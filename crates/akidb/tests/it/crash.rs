//! `kill -9` while writing: what was acknowledged is there, what was not sent is not.
//!
//! An oracle outside of the node notes each write before it is sent and after it is acknowledged.
//! Every writer has ids of its own and one write in flight, so after a crash each document must be
//! as its last acknowledged write left it, or as the one unanswered write would, and that write is
//! there whole or not at all. Documents are compared by scroll, by get and by search.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    node::{Node, scratch},
    rest_client::RestClient,
};

const CYCLES: u64 = 50;
const WRITERS: u64 = 3;
const IDS_PER_WRITER: u64 = 200;
const DOCUMENTS: &str = "/v1/collections/crash/documents";

/// The documents of one writer: id to version.
type Versions = BTreeMap<u64, u64>;

/// What the oracle knows of one writer.
struct Writer {
    number: u64,
    random: StdRng,
    next_version: u64,
    acknowledged: Versions,
    /// The state that the unanswered write, if any, would leave.
    pending: Option<Versions>,
}

impl Writer {
    fn new(number: u64) -> Self {
        Self {
            number,
            random: StdRng::seed_from_u64(number),
            next_version: 1,
            acknowledged: Versions::new(),
            pending: None,
        }
    }

    /// Writes until the node is gone.
    async fn run(mut self, client: RestClient) -> Self {
        loop {
            let mut after = self.acknowledged.clone();
            let (path, body) = self.next_write(&mut after);
            self.pending = Some(after);
            if client.try_post(&path, &body).await.is_none() {
                return self;
            }
            self.acknowledged = self.pending.take().unwrap();
        }
    }

    fn next_write(&mut self, after: &mut Versions) -> (String, Value) {
        let ids: BTreeSet<u64> = (0..self.random.random_range(1..=20))
            .map(|_| self.number * IDS_PER_WRITER + self.random.random_range(0..IDS_PER_WRITER))
            .collect();
        if self.random.random_ratio(1, 4) {
            after.retain(|id, _| !ids.contains(id));
            return (format!("{DOCUMENTS}/delete"), json!({"ids": ids}));
        }
        let documents = ids.iter().map(|&id| {
            let version = self.next_version;
            self.next_version += 1;
            after.insert(id, version);
            document(id, version)
        });
        (DOCUMENTS.to_owned(), json!({"documents": documents.collect::<Vec<_>>()}))
    }

    /// Takes over what is stored, which must be one of the two states that it may be in.
    fn settle(&mut self, stored: &Versions, cycle: u64) {
        let number = self.number;
        let mine: Versions = stored
            .iter()
            .filter(|(id, _)| **id / IDS_PER_WRITER == number)
            .map(|(id, version)| (*id, *version))
            .collect();
        let pending = self.pending.take();
        assert!(
            mine == self.acknowledged || Some(&mine) == pending.as_ref(),
            "cycle {cycle}, writer {number}: stored is {mine:?}, acknowledged was {:?}, \
             unanswered {pending:?}",
            self.acknowledged
        );
        self.acknowledged = mine;
    }
}

fn vector(id: u64, version: u64) -> Vec<f64> {
    vec![id as f64, version as f64, 1.0]
}

fn document(id: u64, version: u64) -> Value {
    json!({
        "id": id, "text": format!("document {id} in version {version}"),
        "metadata": {"version": version}, "vector": vector(id, version),
    })
}

/// The version of a document whose parts all belong together.
fn version_of(found: &Value) -> (u64, u64) {
    let id = found["id"].as_u64().unwrap();
    let version = found["metadata"]["version"].as_u64().unwrap();
    let expected = document(id, version);
    for part in ["text", "metadata"] {
        assert_eq!(found[part], expected[part]);
    }
    let given: Vec<f64> = serde_json::from_value(found["vector"].clone()).unwrap();
    assert_eq!(given, vector(id, version));
    (id, version)
}

/// Every document by scroll, which must be what search and get give too.
async fn stored(client: &RestClient) -> Versions {
    let include = json!(["text", "metadata", "vector"]);
    let page = json!({"limit": 10_000, "include": include});
    let page = client.post(&format!("{DOCUMENTS}/scroll"), page).await;
    let scrolled: Versions = page["documents"].as_array().unwrap().iter().map(version_of).collect();

    let search = json!({"vector": [1.0, 1.0, 1.0], "limit": 10_000, "include": include});
    let found = client.post("/v1/collections/crash/search", search).await;
    let found: Versions = found["hits"].as_array().unwrap().iter().map(version_of).collect();
    assert_eq!(found, scrolled, "search and scroll differ");

    let ids: Vec<u64> = (0..WRITERS * IDS_PER_WRITER).collect();
    let got = json!({"ids": ids, "include": include});
    let got = client.post(&format!("{DOCUMENTS}/get"), got).await;
    let got: Versions = got["documents"].as_array().unwrap().iter().map(version_of).collect();
    assert_eq!(got, scrolled, "get and scroll differ");

    let count = client.post(&format!("{DOCUMENTS}/count"), json!({})).await;
    assert_eq!(count["count"], scrolled.len());
    scrolled
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_survive_being_killed_and_no_others_appear() {
    let (_folder, data_dir) = scratch();
    let mut random = StdRng::seed_from_u64(7);
    let mut writers: Vec<Writer> = (0..WRITERS).map(Writer::new).collect();
    let mut node = Node::start(&data_dir);
    let collection = json!({"name": "crash", "dimension": 3, "metric": "l2"});
    RestClient::new(&node).post("/v1/collections", collection).await;
    let mut writes = 0;
    for cycle in 0..CYCLES {
        let client = RestClient::new(&node);
        let running: Vec<_> =
            writers.drain(..).map(|writer| tokio::spawn(writer.run(client.clone()))).collect();
        tokio::time::sleep(Duration::from_millis(random.random_range(5..200))).await;
        node.signal(Signal::KILL);
        for writer in running {
            writers.push(writer.await.unwrap());
        }
        node.wait();
        node = Node::start(&data_dir);
        let stored = stored(&RestClient::new(&node)).await;
        for writer in &mut writers {
            writer.settle(&stored, cycle);
        }
        writes = writers.iter().map(|writer| writer.next_version).sum::<u64>();
    }
    assert!(writes > CYCLES * WRITERS, "hardly anything was written: {writes} documents");
}
