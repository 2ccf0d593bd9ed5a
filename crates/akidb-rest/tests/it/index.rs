//! The index of a collection over REST: its settings, how a search used it, its memory.

use akidb_core::Limits;
use akidb_local::IndexConfig;
use serde_json::json;

use crate::{Node, node_with_films};

const DOCUMENTS: &str = "POST /v1/collections/films/documents";
const SEARCH: &str = "POST /v1/collections/films/search";

#[tokio::test]
async fn settings_stand_in_every_answer_about_a_collection() {
    let node = node_with_films().await;
    let settings = json!({
        "engine": "hnsw", "m": 16, "ef_construction": 200, "ef": 100, "quantization": "int8"
    });
    let listed = node.ok("GET /v1/collections", "").await;
    assert_eq!(listed["collections"][0]["index"], settings);
    let films = node.ok("GET /v1/collections/films", "").await["index"].clone();
    for (name, value) in settings.as_object().unwrap() {
        assert_eq!(&films[name], value);
    }
    assert_eq!((&films["state"], &films["progress"]), (&json!("ready"), &json!(1.0)));
    for count in ["vector_count", "linked_count", "memory_bytes", "hot_memory_bytes", "disk_bytes"]
    {
        assert!(films[count].is_u64(), "{films}");
    }

    let change = r#"{"index": {"engine": "exact"}}"#;
    let changed = node.ok("PATCH /v1/collections/films", change).await;
    assert_eq!(changed["index"]["engine"], "exact");
    assert_eq!(changed["index"].get("m"), None);
    let wrong = r#"{"description": "lost", "index": {"m": 8}}"#;
    let refusal = (422, "invalid_argument", "index.m");
    node.refused("PATCH /v1/collections/films", wrong, refusal).await;
    let unknown = (400, "unknown_field", "index.mm");
    node.refused("PATCH /v1/collections/films", r#"{"index": {"mm": 8}}"#, unknown).await;
    assert_eq!(node.ok("GET /v1/collections/films", "").await.get("description"), None);
}

#[tokio::test]
async fn a_plan_stands_in_the_answer_where_it_is_asked_for() {
    let node = node_with_films().await;
    let documents = r#"{"documents": [{"id": 1, "vector": [1, 2, 3], "metadata": {"a": 1}}, {"id": 2, "vector": [1, 2, 4]}]}"#;
    node.ok(DOCUMENTS, documents).await;
    let answer = node.ok(SEARCH, r#"{"vector": [1, 2, 3]}"#).await;
    assert_eq!((answer.get("plan"), answer.get("degraded")), (None, None));
    let asked = r#"{"vector": [1, 2, 3], "filter": {"a": 1}, "explain": true, "params": {"ef": 50, "exact": true, "rescore": true}}"#;
    let plan = node.ok(SEARCH, asked).await["plan"].clone();
    assert_eq!((&plan["strategy"], &plan["vectors"]), (&json!("scan"), &json!(2)));
    assert_eq!((&plan["matching"], &plan["compared"]), (&json!(1), &json!(1)));
    for took in ["filter_ms", "index_ms", "fetch_ms"] {
        assert!(plan[took].as_f64().unwrap() >= 0.0, "{plan}");
    }
    let refusal = (422, "invalid_argument", "params.ef");
    node.refused(SEARCH, r#"{"vector": [1, 2, 3], "params": {"ef": 0}}"#, refusal).await;
}

#[tokio::test]
async fn documents_beyond_the_memory_of_the_indexes_are_refused() {
    let index = IndexConfig { memory_limit_bytes: Some(64 << 10), ..IndexConfig::default() };
    let node = Node::with(Limits::default(), index).await;
    node.ok("POST /v1/collections", r#"{"name": "films", "dimension": 1000}"#).await;
    let batch = |ids: std::ops::Range<u32>| {
        let documents = ids.map(|id| json!({"id": id, "vector": vec![1; 1_000]}));
        json!({"documents": documents.collect::<Vec<_>>()}).to_string()
    };
    node.ok(DOCUMENTS, &batch(0..3)).await;
    node.refused(DOCUMENTS, &batch(3..100), (507, "index_memory_full", "")).await;
    let answer = node.send(DOCUMENTS, &batch(3..100)).await;
    assert_eq!(answer.json()["error"]["retryable"], true);
    assert!(answer.headers.contains_key("retry-after"));

    // An import says it of each line, and of its end.
    let lines = (3..100).map(|id| json!({"id": id, "vector": vec![1; 1_000]}).to_string() + "\n");
    let lines: String = lines.collect();
    let headers = [("content-type", "application/x-ndjson")];
    let answer = node.send_with("POST /v1/collections/films/import", &headers, &lines).await;
    let last: serde_json::Value =
        serde_json::from_str(answer.text().lines().last().unwrap()).unwrap();
    assert_eq!(last["error"]["code"], "index_memory_full", "{last}");
    assert_eq!(node.ok("GET /v1/collections/films", "").await["document_count"], 3);
    node.ok("DELETE /v1/collections/films/documents/1?type=integer", "").await;
}
