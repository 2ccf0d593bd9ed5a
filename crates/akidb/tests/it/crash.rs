//! `kill -9` while writing: what was acknowledged is there, what was not sent is not.
//!
//! An oracle outside of the node notes each write before it is sent and after it is acknowledged.
//! Every writer has ids of its own and one write in flight, so after a crash each document must be
//! as its last acknowledged write left it, or as the one unanswered write would, and that write is
//! there whole or not at all. Documents are compared by scroll, by get and by search, by a vector and by words. Texts that
//! are cut into passages must come back with all of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{
    node::{Backend, Node, scratch},
    rest_client::RestClient,
};

const CYCLES: u64 = 50;
const WRITERS: u64 = 3;
const IDS_PER_WRITER: u64 = 200;
const MODEL_DIMENSION: usize = 8;
const DOCUMENTS: &str = "/v1/collections/crash/documents";

/// What the documents of the collection are.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    OwnVectors,
    CutTexts,
}

/// The documents of one writer: id to version.
type Versions = BTreeMap<u64, u64>;

/// What the oracle knows of one writer.
struct Writer {
    form: Form,
    number: u64,
    random: StdRng,
    next_version: u64,
    acknowledged: Versions,
    /// The state that the unanswered write, if any, would leave.
    pending: Option<Versions>,
}

impl Writer {
    fn new(form: Form, number: u64) -> Self {
        Self {
            form,
            number,
            random: StdRng::seed_from_u64(number),
            next_version: 1,
            acknowledged: Versions::new(),
            pending: None,
        }
    }

    /// Writes until the node is gone.
    async fn run(mut self, client: RestClient, answered: Arc<Notify>) -> Self {
        loop {
            let mut after = self.acknowledged.clone();
            let (path, body) = self.next_write(&mut after);
            self.pending = Some(after);
            if client.try_post(&path, &body).await.is_none() {
                return self;
            }
            self.acknowledged = self.pending.take().unwrap();
            answered.notify_one();
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
            document(self.form, id, version)
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

fn document(form: Form, id: u64, version: u64) -> Value {
    let text = format!("document {id} in version {version}");
    let mut document = json!({"id": id, "text": text, "metadata": {"version": version}});
    match form {
        Form::OwnVectors => document["vector"] = json!(vector(id, version)),
        // From one passage to five.
        Form::CutTexts => {
            document["text"] = vec![text + "."; 1 + version as usize % 10].join(" ").into();
        }
    }
    document
}

/// The version of a document whose parts all belong together.
fn version_of(form: Form, found: &Value) -> (u64, u64) {
    let id = found["id"].as_u64().unwrap();
    let version = found["metadata"]["version"].as_u64().unwrap();
    let expected = document(form, id, version);
    for part in ["text", "metadata"] {
        assert_eq!(found[part], expected[part]);
    }
    match form {
        Form::OwnVectors => {
            let given: Vec<f64> = serde_json::from_value(found["vector"].clone()).unwrap();
            assert_eq!(given, vector(id, version));
        }
        Form::CutTexts => {
            let text = found["text"].as_str().unwrap();
            assert_covers(found["passages"].as_array().unwrap(), text);
            if let Some(passage) = found.get("passage") {
                let place = |end: &str| passage[end].as_u64().unwrap() as usize;
                assert_eq!(passage["text"], text[place("start")..place("end")]);
            }
        }
    }
    (id, version)
}

/// The passages of a text in ASCII, without overlap, have all of it.
fn assert_covers(passages: &[Value], text: &str) {
    let mut end = 0;
    for passage in passages {
        assert_eq!(passage["start"], end);
        assert_eq!(passage["vector"].as_array().unwrap().len(), MODEL_DIMENSION);
        end = passage["end"].as_u64().unwrap();
    }
    assert_eq!(end, text.len() as u64);
}

/// Every document by scroll, which must be what search and get give too.
async fn stored(form: Form, client: &RestClient) -> Versions {
    let version_of = |found: &Value| version_of(form, found);
    let include = json!(["text", "metadata", "vector"]);
    let page = json!({"limit": 10_000, "include": include});
    let page = client.post(&format!("{DOCUMENTS}/scroll"), page).await;
    let scrolled: Versions = page["documents"].as_array().unwrap().iter().map(version_of).collect();

    let query = vec![1.0; if form == Form::OwnVectors { 3 } else { MODEL_DIMENSION }];
    let by_words = json!({"mode": "keyword", "text": "document"});
    for mut search in [json!({"vector": query}), by_words] {
        search["limit"] = json!(10_000);
        search["include"] = include.clone();
        let found = client.post("/v1/collections/crash/search", search.clone()).await;
        let found: Versions = found["hits"].as_array().unwrap().iter().map(version_of).collect();
        assert_eq!(found, scrolled, "search and scroll differ: {search}");
    }

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
    let collection = json!({"name": "crash", "dimension": 3, "metric": "l2"});
    kill_while_writing(Form::OwnVectors, collection).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_texts_survive_being_killed_with_all_of_their_passages() {
    let collection = json!({"name": "crash", "metric": "l2", "chunking": {"tokens": 12}});
    kill_while_writing(Form::CutTexts, collection).await;
}

async fn kill_while_writing(form: Form, collection: Value) {
    let (_folder, data_dir) = scratch();
    let mut random = StdRng::seed_from_u64(7);
    let mut writers: Vec<Writer> = (0..WRITERS).map(|number| Writer::new(form, number)).collect();
    let start = || {
        Node::start_with(&data_dir, Backend::Hash, |command| {
            command.env("AKIDB_EMBEDDING__DIMENSION", MODEL_DIMENSION.to_string());
        })
    };
    let mut node = start();
    RestClient::new(&node).post("/v1/collections", collection).await;
    for cycle in 0..CYCLES {
        let client = RestClient::new(&node);
        let first = Arc::new(Notify::new());
        let run = |writer: Writer| tokio::spawn(writer.run(client.clone(), Arc::clone(&first)));
        let running: Vec<_> = writers.drain(..).map(run).collect();
        first.notified().await;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..200))).await;
        node.signal(Signal::KILL);
        for writer in running {
            writers.push(writer.await.unwrap());
        }
        node.wait();
        node = start();
        let stored = stored(form, &RestClient::new(&node)).await;
        for writer in &mut writers {
            writer.settle(&stored, cycle);
        }
    }
}
