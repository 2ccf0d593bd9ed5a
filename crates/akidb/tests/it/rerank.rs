//! Re-ranking from end to end, with tiny models of the real architectures: what `transformers` says of
//! 200 pairs, see `crates/akidb-embedding/tests/data/make_tiny_rerankers.py`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use akidb_client::{Client, ModelKind, Rerank, Search};
use serde_json::{Value, json as value};

use crate::{
    node::{Backend, Node, assert_failed, json, scratch},
    rest_client::RestClient,
};

const MODEL: &str = "bert-reranker";

fn tiny_models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../akidb-embedding/tests/data/tiny")
}

/// Starts a node with tiny models, in `f32`.
fn start(data_dir: &Path, models_dir: &Path) -> Node {
    Node::start_with(data_dir, Backend::Native, |command| {
        command
            .env("AKIDB_MODELS_DIR", models_dir)
            .env("AKIDB_EMBEDDING__BACKEND", "native")
            .env("AKIDB_EMBEDDING__MODEL", "xlm-roberta")
            .env("AKIDB_EMBEDDING__PRECISION", "f32")
            .env("AKIDB_EMBEDDING__ADDITIONAL_MODELS", format!("[{MODEL}]"));
    })
}

/// A query, a document and their logit, many times.
fn judged() -> Vec<(String, String, f32)> {
    let read = |name: &str| fs::read(tiny_models().join(name)).unwrap();
    let texts: Vec<String> = serde_json::from_slice(&read("texts.json")).unwrap();
    let pairs: Vec<[usize; 2]> = serde_json::from_slice(&read("pairs.json")).unwrap();
    let logits = read(&format!("{MODEL}/logits.f32"));
    let logits = logits.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four));
    let texts = |[query, document]: [usize; 2]| (texts[query].clone(), texts[document].clone());
    let pairs = pairs.into_iter().map(texts).zip(logits);
    pairs.map(|((query, document), logit)| (query, document, logit)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_door_gives_the_logits_of_transformers() {
    let (_folder, data_dir) = scratch();
    let node = start(&data_dir, &tiny_models());
    let rest = RestClient::new(&node);
    let client = Client::new(&node.url()).unwrap();
    let models = client.models().await.unwrap();
    let kinds: Vec<_> = models.iter().map(|model| (model.name.as_str(), model.kind)).collect();
    let expected = [(MODEL, Some(ModelKind::Reranker)), ("xlm-roberta", Some(ModelKind::Embedder))];
    assert_eq!(kinds, expected);
    for (query, document, logit) in judged().into_iter().step_by(9) {
        let asked = Rerank::new(MODEL, query.as_str(), [document]);
        let found = client.rerank(&asked).await.unwrap();
        let result = &found.results[0];
        assert!((result.logit - logit).abs() < 2e-4, "{query:?}: {} is not {logit}", result.logit);
        assert_eq!(result.relevance_score, result.logit, "its files say Identity");
    }
    let body = value!({"model": MODEL, "query": "the old harbour", "documents":
        ["a lamp", {"text": "boats in the harbour"}, "silence", "harbour"], "return_documents": true});
    let found = rest.post("/v1/rerank", body).await;
    let results = found["results"].as_array().unwrap();
    let logits: Vec<f64> = results.iter().map(|it| it["logit"].as_f64().unwrap()).collect();
    assert!(logits.len() == 4 && logits.is_sorted_by(|one, other| one >= other), "{logits:?}");
    let arguments = ["rerank", "--model", MODEL, "--output", "json", "the old harbour"];
    let told =
        arguments.into_iter().chain(["a lamp", "boats in the harbour", "silence", "harbour"]);
    assert_eq!(json(&node.akidb(told))["results"], found["results"]);
    let lines = "a lamp\nboats in the harbour\n\nsilence\nharbour\n";
    let piped = arguments.into_iter().chain(["--top-n", "2"]);
    let piped = json(&node.akidb_with_stdin(piped, lines));
    assert_eq!(piped["results"].as_array().unwrap(), &results[..2]);
    let table = node.akidb(["rerank", "--model", MODEL, "the old harbour", "a lamp", "silence"]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("relevance_score") && table.contains("a lamp"), "{table}");
    let wrong = node.akidb(["rerank", "--model", "xlm-roberta", "the old harbour", "a lamp"]);
    assert_failed(&wrong, 64, &["invalid_argument", "xlm-roberta makes vectors of texts"]);
    let wrong = node.akidb(["embed", "--model", MODEL, "a lamp"]);
    assert_failed(&wrong, 64, &["invalid_argument", "re-ranks documents and makes no vectors"]);
    assert!(node.stop().success());
}

/// The others go on, and the node says which is at fault.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_reranker_is_named_and_leaves_the_others_alone() {
    let (folder, data_dir) = scratch();
    let models = folder.path().join("models");
    for name in [MODEL, "xlm-roberta"] {
        copy(&tiny_models().join(name), &models.join(name));
    }
    let weights = models.join(MODEL).join("model.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    let end = bytes.len();
    bytes[end - 2..].copy_from_slice(&[0xc0, 0x7f]);
    fs::write(&weights, bytes).unwrap();
    let node = Node::start_with(&data_dir, Backend::Native, |command| {
        command
            .env("AKIDB_MODELS_DIR", &models)
            .env("AKIDB_EMBEDDING__BACKEND", "native")
            .env("AKIDB_EMBEDDING__MODEL", "xlm-roberta")
            .env("AKIDB_EMBEDDING__LOADABLE_MODELS", format!("[{MODEL}]"));
    });
    let client = Client::new(&node.url()).unwrap();
    let asked = Rerank::new(MODEL, "the old harbour", ["a lamp"]);
    let refused = client.rerank(&asked).await.unwrap_err().to_string();
    assert!(refused.contains("is unloaded"), "{refused}");
    let loaded = node.akidb(["model", "load", MODEL]);
    assert_failed(&loaded, 1, &["model.safetensors", "not finite"]);
    let rest = RestClient::new(&node);
    let embedded = rest.post("/embed", value!({"texts": ["a lamp"]})).await;
    assert_eq!(embedded["model"], "xlm-roberta");
    let shown: Value = client.send(akidb_client::Request::get(&["readyz"])).await.unwrap();
    assert!(shown.to_string().contains("not finite"), "{shown}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hits_of_a_search_come_in_the_order_of_the_reranker() {
    let (_folder, data_dir) = scratch();
    let node = start(&data_dir, &tiny_models());
    let rest = RestClient::new(&node);
    let texts = ["a lamp", "boats in the harbour", "silence", "the harbour", "an old boat", "snow"];
    let documents: Vec<_> =
        texts.iter().enumerate().map(|(id, text)| value!({"id": id, "text": text})).collect();
    rest.post("/v1/collections", value!({"name": "notes"})).await;
    rest.post("/v1/collections/notes/documents", value!({"documents": documents})).await;
    let query = "the old harbour";
    let asked = Rerank::new(MODEL, query, texts);
    let client = Client::new(&node.url()).unwrap();
    let ranking = client.rerank(&asked).await.unwrap().results;
    let expected: Vec<_> = ranking.iter().map(|it| (it.index, it.relevance_score)).collect();

    let search = Search::text(query).reranked_by(MODEL);
    let found = client.collection("notes").search(&search).await.unwrap();
    let ids = found.hits.iter().map(|hit| hit.id.to_string().parse().unwrap());
    let scores = found.hits.iter().map(|hit| hit.parts.unwrap().rerank.unwrap());
    // What a pair shares its batch with has no part in its score but for the last digits.
    let found: Vec<(usize, f32)> = ids.zip(scores).collect();
    assert!(found.iter().zip(&expected).all(|(one, other)| (one.1 - other.1).abs() < 1e-4));
    assert_eq!(order(&found), order(&expected));

    let best = order(&expected)[0].to_string();
    let arguments =
        ["search", "notes", query, "--rerank", MODEL, "--rerank-top", "6", "--limit", "1"];
    let told = json(&node.akidb(arguments.into_iter().chain(["--explain", "--output", "json"])));
    assert_eq!(told["hits"][0]["id"].to_string(), best);
    assert_eq!(told["plan"]["reranked"], 6);
    let table = String::from_utf8(node.akidb(arguments).stdout).unwrap();
    assert!(table.contains(" rerank "), "{table}");
    let alone = node.akidb(["search", "notes", query, "--rerank-top", "6"]);
    assert_failed(&alone, 64, &["--rerank"]);
    assert!(node.stop().success());
}

fn order(scored: &[(usize, f32)]) -> Vec<usize> {
    scored.iter().map(|(id, _)| *id).collect()
}
