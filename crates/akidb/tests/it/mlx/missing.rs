//! What a worker needs and is not there: the node starts, says what is missing and what mends it,
//! and takes texts once it is there.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::json;

use super::setup::{MlxNode, python};

/// Asserts that texts are refused with this, be it after the next try to start a worker, that
/// readiness says so, and that vectors are taken.
async fn assert_refused(node: &MlxNode, says: &[&str]) {
    let refused = node.refused_with(says[0]).await;
    assert_eq!((refused.status, refused.code()), (503, "model_not_ready"), "{refused:?}");
    refused.assert_typed();
    let ready = node.get("/readyz").await;
    assert_eq!(ready.status, 503);
    let detail = ready.body["components"]
        .as_array()
        .unwrap()
        .iter()
        .find(|component| component["name"] == "embedding")
        .and_then(|component| component["detail"].as_str())
        .unwrap();
    for words in says.iter().chain(&["hint: "]) {
        assert!(refused.message().contains(words), "{words:?} is not in {refused:?}");
        assert!(detail.contains(words), "{words:?} is not in {detail}");
    }
    let created = node.post("/v1/collections", json!({"name": "own", "dimension": 2})).await;
    assert!([200, 201, 409].contains(&created.status), "{created:?}");
    let documents = json!({"documents": [{"id": 1, "vector": [1.0, 0.0]}]});
    assert_eq!(node.post("/v1/collections/own/documents", documents).await.status, 200);
    let search = json!({"vector": [1.0, 0.0]});
    let found = node.post("/v1/collections/own/search", search).await;
    assert_eq!(found.body["hits"][0]["id"], 1, "{found:?}");
    // A collection for texts can be made meanwhile: which model it is, is known.
    let created = node.post("/v1/collections", json!({"name": "texts"})).await;
    assert!([200, 201, 409].contains(&created.status), "{created:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_that_is_not_installed_is_named_and_taken_once_it_is() {
    for (fault, says) in [
        ("no_mlx", &["MLX is not installed", "-m pip install"][..]),
        ("old_module", &["akidb_mlx is of version 7.0.0", "0.1"]),
        ("other_model", &["a model of 5 values, the node has one of 384"]),
        ("raise_at_open", &["the weights are not to be found", "akidb doctor"]),
    ] {
        let Some(node) = MlxNode::start(fault, |_| {}) else { return };
        if fault == "other_model" {
            node.refused_with(says[0]).await;
        } else {
            assert_refused(&node, says).await;
        }
        node.module.set_fault("");
        node.recovered().await;
        assert_eq!(node.get("/readyz").await.status, 200);
    }
}

fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_python_is_named_and_taken_once_it_is_there() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("python3");
    let place = missing.to_str().unwrap();
    let node = MlxNode::start("", |command| {
        command.env("AKIDB_EMBEDDING__MLX__PYTHON", &missing);
    });
    let Some(node) = node else { return };
    assert_refused(&node, &["no Python was found, looked at", place, "-m venv"]).await;
    script(&missing, "echo /usr/bin/other; echo 3.1.4");
    assert_refused(&node, &["/usr/bin/other is Python 3.1.4, the worker hosts Python"]).await;
    script(&missing, &format!("exec {} \"$@\"", python.display()));
    node.recovered().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_worker_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let worker = folder.path().join("worker");
    let place = worker.to_str().unwrap().to_owned();
    let start = || {
        MlxNode::start("", |command| {
            command.env("AKIDB_EMBEDDING__MLX__WORKER", &worker);
        })
    };
    let Some(node) = start() else { return };
    let missing = "akidb-mlx-worker was not found, looked at";
    assert_refused(&node, &[missing, &place, "cargo build"]).await;
    for (text, says) in [
        (
            "echo hello, I am another program altogether, as long as a frame",
            "is not the start of a",
        ),
        ("exit 7", "exit status: 7"),
        ("cat", "is not a worker of this version"),
    ] {
        script(&worker, text);
        let Some(node) = start() else { return };
        assert_refused(&node, &["is not a worker of this version", &place, says]).await;
    }
}
