//! Texts embedded with another model by every way to ask for it, and `kill -9` on the way: from one precision
//! of the real model to another, while documents are written and searched.

use std::{path::Path, process::Command, time::Duration};

use akidb_client::{Client, ErrorCode, TaskState};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rustix::process::Signal;
use serde_json::{Value, json as value};

use crate::{
    node::{Backend, Node, akidb, assert_failed, json, scratch},
    rest_client::RestClient,
};

const KILLS: usize = 5;
const BATCH: usize = 100;
/// Documents that are looked for by their texts.
const LOOKED_FOR: usize = 200;
const LIMIT: usize = 3;
/// The ids of what is written meanwhile.
const MEANWHILE: u64 = 1_000_000;

const BEFORE: &str = "all-minilm-l6-v2:f32";
/// In the default precision, which needs no name.
const AFTER: &str = "all-minilm-l6-v2";

/// Of the file `AKIDB_TEST_REEMBED_TEXTS`, a JSON object with a `text` a line, or some hundred made here.
fn texts() -> Vec<String> {
    let Some(path) = std::env::var_os("AKIDB_TEST_REEMBED_TEXTS") else {
        let things = ["boat", "lake", "loaf", "market", "kitten", "letter", "train", "clock"];
        let text = |i: usize| {
            let (one, other) = (things[i % 8], things[i / 8 % 8]);
            format!("number {i}: a {one} beside a {other}, and {} more of them", i * 7)
        };
        return (0..500).map(text).collect();
    };
    let lines = std::fs::read_to_string(path).unwrap();
    let text = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["text"].as_str().unwrap().to_owned()
    };
    lines.lines().map(text).collect()
}

fn start(data_dir: &Path) -> Node {
    let both = format!("[\"{BEFORE}\"]");
    Node::start_with(data_dir, Backend::Native, |command: &mut Command| {
        command
            .env("AKIDB_EMBEDDING__BACKEND", "native")
            .env("AKIDB_EMBEDDING__ADDITIONAL_MODELS", both);
    })
}

/// Writes documents until the node is gone or a document says stop; those that were acknowledged.
async fn write(client: RestClient, from: u64, stop: tokio::sync::watch::Receiver<bool>) -> u64 {
    let mut next = from;
    while !*stop.borrow() {
        let document = value!({"id": MEANWHILE + next, "text": meanwhile(next)});
        let body = value!({"documents": [document]});
        if client.try_post("/v1/collections/glosses/documents", &body).await.is_none() {
            break;
        }
        next += 1;
    }
    next
}

fn meanwhile(number: u64) -> String {
    format!("written meanwhile as number {number}, about {} things", number * 3)
}

/// Searches until the node is gone or it is told to stop: what was there before is always found.
async fn search(client: RestClient, text: String, stop: tokio::sync::watch::Receiver<bool>) {
    while !*stop.borrow() {
        let body = value!({"text": text, "limit": LIMIT});
        let Some(found) = client.try_post("/v1/collections/glosses/search", &body).await else {
            return;
        };
        assert_has(&found, &text);
    }
}

/// Texts that differ in what the model does not read have the same vector.
fn assert_has(found: &Value, text: &str) {
    let mut hits = found["hits"].as_array().unwrap().iter();
    assert!(hits.any(|hit| hit["text"] == text), "{text}: {found}");
}

async fn task(client: &RestClient, id: &str) -> Value {
    client.get(&format!("/v1/tasks/{id}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_go_from_one_precision_to_another_through_five_kills() {
    let (_folder, data_dir) = scratch();
    let mut random = StdRng::seed_from_u64(14);
    let texts = texts();
    let mut node = start(&data_dir);
    let client = RestClient::new(&node);
    client.post("/v1/collections", value!({"name": "glosses", "model": BEFORE})).await;
    for (batch, texts) in texts.chunks(BATCH).enumerate() {
        let ids = batch * BATCH..;
        let documents = ids.zip(texts).map(|(id, text)| value!({"id": id, "text": text}));
        let body = value!({"documents": documents.collect::<Vec<_>>()});
        client.post("/v1/collections/glosses/documents", body).await;
    }
    let before = client.get("/v1/collections/glosses").await;
    assert_eq!(before["model"]["precision"], "f32");
    let begun = client.post("/v1/collections/glosses/reembed", value!({"model": AFTER})).await;
    let id = begun["id"].as_str().unwrap().to_owned();

    let (mut written, mut killed_on_the_way) = (0, 0);
    for kill in 0..KILLS {
        let client = RestClient::new(&node);
        let (_never, stop) = tokio::sync::watch::channel(false);
        let writing = tokio::spawn(write(client.clone(), written, stop.clone()));
        let searching = tokio::spawn(search(client.clone(), texts[kill].clone(), stop));
        let wait = random.random_range(100..400) * (texts.len() as u64 / 500).clamp(1, 20);
        tokio::time::sleep(Duration::from_millis(wait)).await;
        node.signal(Signal::KILL);
        written = writing.await.unwrap();
        searching.await.unwrap();
        node.wait();
        node = start(&data_dir);
        let task = task(&RestClient::new(&node), &id).await;
        assert!(!["failed", "cancelled"].contains(&task["state"].as_str().unwrap()), "{task}");
        killed_on_the_way += u32::from(task["state"] != "succeeded");
    }
    assert!(killed_on_the_way > 0, "the node was not killed on the way");

    // To its end, with no error in between.
    let client = RestClient::new(&node);
    let (stopping, stop) = tokio::sync::watch::channel(false);
    let writing = tokio::spawn(write(client.clone(), written, stop.clone()));
    let searching = tokio::spawn(search(client.clone(), texts[0].clone(), stop));
    let ended = loop {
        let task = task(&client, &id).await;
        if task["state"] != "pending" && task["state"] != "running" {
            break task;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    stopping.send_replace(true);
    written = writing.await.unwrap();
    searching.await.unwrap();
    assert_eq!(ended["state"], "succeeded", "{ended}");
    // The same weights: what is near is nearly the same.
    assert!(ended["overlap"].as_f64().unwrap() > 0.7, "{ended}");

    let described = client.get("/v1/collections/glosses").await;
    assert_eq!(described["model"]["precision"], "int8");
    assert_eq!(described["previous"]["precision"], "f32");
    assert_eq!(described.get("reembedding"), None);
    // The last write may have been applied though nobody was told of it, once a kill.
    let count = described["document_count"].as_u64().unwrap();
    let known = texts.len() as u64 + written;
    assert!((known..=known + KILLS as u64).contains(&count), "{count} of {known}");
    assert_eq!(described["index"]["vector_count"], count);
    let texts = texts.iter().take(LOOKED_FOR).cloned();
    for text in texts.chain((0..written).map(meanwhile).take(LOOKED_FOR)) {
        let body = value!({"text": text, "limit": LIMIT});
        assert_has(&client.post("/v1/collections/glosses/search", body).await, &text);
    }
    json(&node.akidb(["collection", "drop-previous", "glosses", "--output", "json"]));
    assert!(node.stop().success());
    let verified = akidb(["verify", "--data-dir", data_dir.to_str().unwrap()]).output().unwrap();
    assert!(verified.status.success(), "{verified:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_and_the_client_ask_for_another_model_and_drop_what_was_before() {
    let (_folder, data_dir) = scratch();
    let node = Node::start_with(&data_dir, Backend::Hash, |command| {
        command.env("AKIDB_EMBEDDING__ADDITIONAL_MODELS", "[second]");
    });
    json(&node.akidb(["collection", "create", "notes", "--output", "json"]));
    let notes = "{\"id\":1,\"text\":\"the kitten sleeps\"}\n{\"id\":2,\"text\":\"shares fell\"}\n";
    json(&node.akidb_with_stdin(["import", "notes", "-", "--output", "json"], notes));
    let to_itself = node.akidb(["collection", "reembed", "notes", "--model", "hash"]);
    assert_failed(&to_itself, 64, &["model: is the model that the field has"]);
    let args = ["collection", "reembed", "notes", "--model", "second", "--output", "json"];
    let task = json(&node.akidb(args));
    assert_eq!((&task["kind"], &task["state"]), (&value!("reembed"), &value!("succeeded")));
    assert_eq!((&task["model"], &task["overlap"]), (&value!("second"), &value!(1.0)));
    let shown = json(&node.akidb(["collection", "show", "notes", "--output", "json"]));
    assert_eq!(
        (&shown["model"]["name"], &shown["previous"]["name"]),
        (&value!("second"), &value!("hash"))
    );
    let found = json(&node.akidb(["search", "notes", "shares fell", "--output", "json"]));
    assert_eq!(found["hits"][0]["id"], 2);

    let client = Client::new(&node.url()).unwrap();
    let collection = client.collection("notes");
    let mut task = collection.reembed(None, "hash").await.unwrap();
    while matches!(task.state, TaskState::Pending | TaskState::Running) {
        task = client.task(&task.id).await.unwrap();
    }
    assert_eq!((task.state, task.overlap), (TaskState::Succeeded, Some(1.0)));
    let described = collection.describe().await.unwrap();
    let names = [described.model, described.previous, described.reembedding];
    let names = names.map(|model| model.map(|model| model.name));
    assert_eq!(names, [Some("hash".to_owned()), Some("second".to_owned()), None]);
    collection.drop_previous(None).await.unwrap();
    let none = collection.drop_previous(None).await.unwrap_err();
    assert_eq!(none.code(), Some(ErrorCode::FieldNotFound));
    let refused = node.akidb(["collection", "drop-previous", "notes"]);
    assert_failed(&refused, 1, &["field_not_found", "no other vectors are kept"]);
}
