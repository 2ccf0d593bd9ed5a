//! Data directories that earlier versions have written: whatever formats become, they open, and
//! nothing in them is missing.
//!
//! `tests/data/write.py` has written them. Each holds a collection of each kind, changed settings,
//! replaced, patched and deleted documents, write-ahead logs as `kill -9` left them, and a
//! collection that was dropped.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::{
    node::{Backend, Node, akidb, scratch, stderr},
    rest_client::RestClient,
};

/// Scores of equal vectors may differ in their last bits from one build of the index to the next.
const SCORE_TOLERANCE: f64 = 1e-4;

fn written_by(version: &str, file: &str) -> GzDecoder<File> {
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    GzDecoder::new(File::open(data.join(version).join(file)).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn data_of_0_1_0_are_all_there() {
    let (folder, data_dir) = scratch();
    tar::Archive::new(written_by("0.1.0", "data.tar.gz")).unpack(folder.path()).unwrap();
    let expected = serde_json::from_reader(written_by("0.1.0", "answers.json.gz")).unwrap();
    // The first start brings the files up to date, the second one finds them so.
    for _ in 0..2 {
        let node = start(&data_dir);
        let client = RestClient::new(&node);
        assert_all_there(&client, &expected).await;
        assert_key_is_known(&client, &expected).await;
        assert!(node.stop().success());
    }
    // What is only of another format is not damaged, and stays in nobody's way.
    let data_dir = data_dir.to_str().unwrap();
    let verified = akidb(["verify", "--data-dir", data_dir]).output().unwrap();
    assert!(verified.status.success(), "{}", stderr(&verified));
}

fn start(data_dir: &Path) -> Node {
    Node::start_with(data_dir, Backend::Hash, |command| {
        command.env("AKIDB_EMBEDDING__DIMENSION", "16");
    })
}

async fn assert_all_there(client: &RestClient, expected: &Value) {
    let listed = client.get("/v1/collections").await;
    let listed = listed["collections"].as_array().unwrap().iter();
    let names: BTreeSet<&str> = listed.map(|it| it["name"].as_str().unwrap()).collect();
    let collections = expected["collections"].as_object().unwrap();
    assert_eq!(names, collections.keys().map(String::as_str).collect());
    for (name, expected) in collections {
        let path = format!("/v1/collections/{name}");
        assert_holds(name, &client.get(&path).await, &expected["described"]);
        assert_documents(client, &path, expected).await;
        for search in expected["searches"].as_array().unwrap() {
            let found = client.post(&format!("{path}/search"), search["request"].clone()).await;
            assert_hits(name, &found["hits"], search);
        }
    }
}

/// All documents by scroll, those that were written down by id, and their number by count.
async fn assert_documents(client: &RestClient, path: &str, expected: &Value) {
    let include = json!(["text", "metadata", "vector"]);
    let written_down = by_id(&expected["documents"]);
    let ids: Vec<&Value> = written_down.values().map(|document| &document["id"]).collect();
    if !ids.is_empty() {
        let got = json!({"ids": ids, "include": include});
        let got = client.post(&format!("{path}/documents/get"), got).await;
        let got = by_id(&got["documents"]);
        assert_eq!(got.keys().collect::<Vec<_>>(), written_down.keys().collect::<Vec<_>>());
        for (id, document) in &written_down {
            assert_holds(&format!("{path}/{id}"), &got[id], document);
        }
    }
    let page = json!({"limit": 10_000, "include": []});
    let scrolled = client.post(&format!("{path}/documents/scroll"), page).await;
    let scrolled = by_id(&scrolled["documents"]);
    assert!(written_down.keys().all(|id| scrolled.contains_key(id)), "{path}: {scrolled:?}");
    let count = client.post(&format!("{path}/documents/count"), json!({})).await;
    assert_eq!(count["count"], expected["described"]["document_count"], "{path}");
    assert_eq!(count["count"], scrolled.len(), "{path}");
}

/// The same scores in the same order. Which of two documents of one score comes first, or is the
/// last one that finds room, is nobody's promise.
fn assert_hits(name: &str, found: &Value, expected: &Value) {
    let read = |hits: &Value, id: &dyn Fn(&Value) -> Value, score: &dyn Fn(&Value) -> f64| {
        let hits = hits.as_array().unwrap().iter();
        hits.map(|hit| (id(hit).to_string(), score(hit))).collect::<Vec<_>>()
    };
    let found = read(found, &|hit| hit["id"].clone(), &|hit| hit["score"].as_f64().unwrap());
    let hits = &expected["hits"];
    let expected = read(hits, &|hit| hit[0].clone(), &|hit| hit[1].as_f64().unwrap());
    let last = expected.last().map_or(0.0, |(_, score)| *score);
    let sure = expected.iter().filter(|(_, score)| score - last > SCORE_TOLERANCE);
    let is_as_before = found.len() == expected.len()
        && found.iter().zip(&expected).all(|(a, b)| (a.1 - b.1).abs() <= SCORE_TOLERANCE)
        && sure.clone().all(|(id, _)| found.iter().any(|(other, _)| other == id));
    assert!(is_as_before, "{name}: found {found:?}, expected {expected:?}");
}

/// A repeated request under its key replaces what the first one has made.
async fn assert_key_is_known(client: &RestClient, expected: &Value) {
    let Value::Object(keyed) = &expected["keyed"] else { panic!("{expected}") };
    let body = json!({"documents": keyed["documents"]});
    let key = keyed["key"].as_str().unwrap();
    let path = "/v1/collections/keyed/documents";
    let answer = client.post_with(path, body, ("idempotency-key", key)).await;
    let known = by_id(&expected["collections"]["keyed"]["documents"]);
    for result in answer["results"].as_array().unwrap() {
        assert_eq!(result["status"], "updated", "{answer}");
        assert!(known.contains_key(&result["id"].to_string()), "{answer}");
    }
}

/// Everything that was said then is said now, beside what newer versions add.
fn assert_holds(what: &str, found: &Value, expected: &Value) {
    match expected {
        Value::Object(expected) => {
            for (key, value) in expected {
                // A repeated request under its key has made new versions.
                if key != "seq" {
                    assert_holds(&format!("{what}.{key}"), &found[key], value);
                }
            }
        }
        _ => assert_eq!(found, expected, "{what}"),
    }
}

fn by_id(documents: &Value) -> BTreeMap<String, Value> {
    let documents = documents.as_array().unwrap().iter();
    documents.map(|document| (document["id"].to_string(), document.clone())).collect()
}

/// `int8` took the place of `f32` as the default of the native backend. `texts.tar.gz` holds three
/// texts that 0.1.0 embedded with its default.
#[tokio::test(flavor = "multi_thread")]
async fn texts_in_the_default_precision_of_0_1_0_are_served_beside_those_of_today() {
    let (folder, data_dir) = scratch();
    tar::Archive::new(written_by("0.1.0", "texts.tar.gz")).unpack(folder.path()).unwrap();
    let node = Node::start_with(&data_dir, Backend::Native, |command| {
        command.env("AKIDB_EMBEDDING__BACKEND", "native");
    });
    let client = RestClient::new(&node);
    client.post("/v1/collections", json!({"name": "new"})).await;
    let precision_of = async |name: &str| {
        let described = client.get(&format!("/v1/collections/{name}")).await;
        described["model"]["precision"].as_str().unwrap().to_owned()
    };
    assert_eq!(precision_of("texts").await, "f32");
    assert_eq!(precision_of("new").await, "int8");
    let search = json!({"text": "sailing on water", "limit": 1});
    let found = client.post("/v1/collections/texts/search", search.clone()).await;
    assert_eq!(found["hits"][0]["id"], 1, "{found}");
    let score = found["hits"][0]["score"].as_f64().unwrap();
    assert!((score - 0.440_051_6).abs() < SCORE_TOLERANCE, "{score} is not of f32");
    let texts = json!({"documents": [{"id": 4, "text": "The sail fills with wind."}]});
    for collection in ["texts", "new"] {
        let path = format!("/v1/collections/{collection}");
        client.post(&format!("{path}/documents"), texts.clone()).await;
        let found = client.post(&format!("{path}/search"), search.clone()).await;
        assert_eq!(found["hits"][0]["id"], 4, "{collection}: {found}");
    }
    let models = client.get("/v1/models").await;
    let models = models["data"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap());
    assert_eq!(models.collect::<Vec<_>>(), ["all-minilm-l6-v2", "all-minilm-l6-v2:f32"]);
    let refused = node.akidb(["model", "unload", "all-minilm-l6-v2:f32"]);
    assert!(stderr(&refused).contains("is used by the collections texts"), "{}", stderr(&refused));
    assert!(node.stop().success());
}
