//! Collections, embedding, and the routes about the node itself.

use http::StatusCode;
use serde_json::json;

use crate::{Node, node_with_films};

#[tokio::test]
async fn a_node_says_its_version() {
    let node = node_with_films().await;
    for line in ["GET /", "GET /version"] {
        let answer = node.ok(line, "").await;
        assert_eq!(answer["name"], "akidb");
        assert_eq!(answer["version"], env!("CARGO_PKG_VERSION"));
    }
}

#[tokio::test]
async fn a_collection_lives_from_create_to_delete() {
    let node = Node::start().await;
    let body = r#"{"name":"films","dimension":3,"metric":"DOT","index":{"engine":"exact"},
        "description":"old"}"#;
    let created = node.send("POST /v1/collections", body).await;
    assert_eq!(created.status, StatusCode::CREATED);
    assert_eq!(created.headers["location"], "/v1/collections/films");
    let described = node.ok("GET /v1/collections/films", "").await;
    assert_eq!(described["name"], "films");
    assert_eq!(described["metric"], "dot");
    assert_eq!(described["dimension"], 3);
    assert_eq!(described["index"]["engine"], "exact");
    assert_eq!(described["index"]["vector_count"], 0);
    assert_eq!(described["document_count"], 0);
    assert_eq!(described["last_seq"], 0);
    assert_eq!(described["lost_writes"], json!([]));
    assert!(described["disk_bytes"].as_u64().unwrap() > 0);
    assert_eq!(described.get("model"), None);
    let updated = node.ok("PATCH /v1/collections/films", r#"{"description":"new"}"#).await;
    assert_eq!(updated["description"], "new");
    let unchanged = node.ok("PATCH /v1/collections/films", "{}").await;
    assert_eq!(unchanged["description"], "new");
    let removed = node.ok("PATCH /v1/collections/films", r#"{"description":null}"#).await;
    assert_eq!(removed.get("description"), None);
    let listed = node.ok("GET /v1/collections", "").await;
    assert_eq!(listed["collections"][0]["name"], "films");
    assert_eq!(listed["collections"][0]["index"], json!({"engine": "exact"}));
    let deleted = node.ok("DELETE /v1/collections/films", "").await;
    assert_eq!(deleted, json!({"deleted": true}));
    node.refused("GET /v1/collections/films", "", (404, "collection_not_found", "")).await;
}

#[tokio::test]
async fn a_collection_of_the_default_model_tells_its_identity() {
    let node = Node::start().await;
    let created = node.ok("POST /v1/collections", r#"{"name":"texts"}"#).await;
    assert_eq!(created["model"]["name"], "hash");
    assert_eq!(created["model"]["dimension"], 8);
    assert!(created["model"]["weights_sha256"].is_string());
    assert!(created["model"]["max_tokens"].is_u64());
}

#[tokio::test]
async fn texts_are_embedded() {
    let node = Node::start().await;
    let body = r#"{"texts":["a boat","a lake"],"pooling":"MEAN","input_type":"query"}"#;
    let reply = node.ok("POST /embed", body).await;
    assert_eq!(reply["model"], "hash");
    assert_eq!(reply["dimension"], 8);
    assert_eq!(reply["embeddings"][1]["values"].as_array().unwrap().len(), 8);
    assert!(reply["usage"]["total_tokens"].as_u64().unwrap() > 0);
    assert!(reply["usage"]["duration_ms"].is_f64());
    assert_eq!(reply["truncated"], json!([]));
    let unknown = [("pooling", "sum"), ("input_type", "passage")];
    for (field, value) in unknown {
        let body = format!(r#"{{"texts":["a"],"{field}":"{value}"}}"#);
        node.refused("POST /embed", &body, (422, "invalid_argument", field)).await;
    }
}

#[tokio::test]
async fn probes_and_scrapers_are_answered_whatever_their_query() {
    let node = node_with_films().await;
    for path in ["/health", "/livez?verbose", "/health?x=%zz"] {
        assert_eq!(node.ok(&format!("GET {path}"), "").await, json!({"status": "ok"}));
    }
    let ready = node.send("GET /readyz", "").await;
    assert_eq!(ready.status, StatusCode::OK);
    assert_eq!(ready.json()["ready"], true);
    assert!(ready.json()["components"][0]["detail"].is_string());
    let indexes = json!({"name": "indexes", "ready": true, "detail": "none is being built"});
    assert_eq!(ready.json()["components"][2], indexes);
    assert_eq!(ready.json()["indexes"], json!([]));
    node.service.start_draining();
    let ready = node.send("GET /readyz", "").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready.json()["ready"], false);
    assert_eq!(node.send("GET /livez", "").await.status, StatusCode::OK);
    let refused = node.send("GET /v1/collections", "").await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.json()["error"]["code"], "shutting_down");
    assert_eq!(refused.headers["retry-after"], "1");
}

#[tokio::test]
async fn what_the_door_refuses_is_counted_too() {
    let node = node_with_films().await;
    node.send("POST /v1/collections/films/search", "{").await;
    node.send("GET /nowhere", "").await;
    let metrics = node.send("GET /metrics", "").await;
    assert_eq!(metrics.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let has = |parts: &[&str]| {
        let mut lines = metrics.text().lines();
        assert!(lines.any(|line| parts.iter().all(|part| line.contains(part))), "{parts:?}");
    };
    has(&["\"search\"", "\"malformed_request\"", "\"rest\""]);
    has(&["\"unknown\"", "\"route_not_found\"", "\"rest\""]);
}

#[tokio::test]
async fn the_page_to_try_the_node_needs_nothing_from_elsewhere() {
    let node = Node::start().await;
    let assets = ["/docs/start.js", "/docs/swagger-ui.js", "/docs/swagger-ui.css"];
    for path in ["/docs"].iter().chain(&assets) {
        let answer = node.send(&format!("GET {path}"), "").await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("http"), "{policy}");
    }
    let page = node.send("GET /docs", "").await;
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert!(assets.iter().all(|path| page.text().contains(&path[1..])));
    assert_eq!(node.send("GET /docs/other.js", "").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_description_is_served() {
    let node = Node::start().await;
    let served = node.ok("GET /openapi.json", "").await;
    let made = akidb_rest::openapi().to_json().unwrap();
    assert_eq!(served, serde_json::from_str::<serde_json::Value>(&made).unwrap());
    for (path, item) in served["paths"].as_object().unwrap() {
        let path = path.replace("{name}", "films").replace("{id}", "7");
        let trace = node.send(&format!("TRACE {path}"), "").await;
        assert_eq!(trace.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        let allow = trace.headers["allow"].to_str().unwrap().to_lowercase();
        for verb in item.as_object().unwrap().keys() {
            assert!(allow.split(',').any(|allowed| allowed == verb), "{verb} {path}: {allow}");
        }
    }
}
