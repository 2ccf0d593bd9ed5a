//! The page at `/docs`: what it offers to execute works.

use std::collections::BTreeSet;

use akidb_client::process::plain_http;
use serde_json::Value;

use super::chromium::Chromium;
use crate::node::{Backend, Node, scratch};

/// Presses "Execute" from the top of the page to its end.
const EXECUTE_ALL: &str = include_str!("docs_page.js");

/// Every operation of the description, by its name.
async fn operations(node: &Node) -> BTreeSet<String> {
    let description =
        plain_http().get(format!("{}/openapi.json", node.url())).send().await.unwrap();
    let description: Value = description.json().await.unwrap();
    let paths = description["paths"].as_object().unwrap().values();
    paths
        .flat_map(|path| path.as_object().unwrap().values())
        .map(|operation| operation["operationId"].as_str().unwrap().to_owned())
        .collect()
}

/// Whether the node has done what was asked. An import answers 200 whatever becomes of its lines; no
/// example knows the id that a node gives a task or a backup; a node of one model has no other to embed texts or re-rank with,
/// and so no previous vectors; the copy that one made still uses the model; and the first key can not be one that
/// only reads.
fn has_succeeded(result: &Value) -> bool {
    let body = result["body"].as_str().unwrap();
    match result["name"].as_str().unwrap() {
        "describe_task" | "cancel_task" => return body.contains("task_not_found"),
        "reembed_collection" | "rerank" => return body.contains("model_not_found"),
        "describe_backup" | "delete_backup" => return body.contains("backup_not_found"),
        "drop_previous" => return body.contains("no other vectors are kept"),
        "create_key" => return body.contains("the first key must be"),
        "rotate_key" | "revoke_key" => return body.contains("key_not_found"),
        "unload_model" => return body.contains("is used by the collections films-copy"),
        _ => {}
    }
    result["status"].as_str().unwrap().starts_with('2')
        && (result["name"] != "import" || body.contains(r#""failed":0"#))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_the_page_succeeds_from_its_top_to_its_end() {
    let Some(mut browser) = Chromium::start() else { return };
    let (_folder, data_dir) = scratch();
    let node = Node::start_with(&data_dir, Backend::Native, |_| {});
    browser.go_to(&format!("{}/docs", node.url()));
    let results = browser.run(EXECUTE_ALL);
    let results = results.as_array().unwrap();
    let executed: BTreeSet<_> =
        results.iter().map(|result| result["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(executed, operations(&node).await);
    let failed: Vec<_> = results
        .iter()
        .filter(|result| !has_succeeded(result))
        .map(|result| {
            let body = result["body"].as_str().unwrap();
            format!("{} as {}: {}\n{body}\n", result["name"], result["media"], result["status"])
        })
        .collect();
    assert!(failed.is_empty(), "{}", failed.concat());
}
