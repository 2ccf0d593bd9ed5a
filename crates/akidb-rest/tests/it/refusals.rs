//! Requests that must not reach an operation, or come back from one with a typed error.

use akidb_core::Limits;
use http::StatusCode;

use crate::{Node, node_with_films};

const DOCUMENTS: &str = "POST /v1/collections/films/documents";
const SEARCH: &str = "POST /v1/collections/films/search";

#[tokio::test]
async fn unknown_routes_and_methods_are_typed() {
    let node = node_with_films().await;
    for line in ["GET /no-such-page", "POST /v1/embedding", "GET /v1/collections/films/export"] {
        node.refused(line, "", (404, "route_not_found", "")).await;
    }
    node.refused("PUT /v1/collections/films/search", "", (405, "method_not_allowed", "")).await;
    let answer = node.send("PUT /v1/collections", "").await;
    assert_eq!(answer.headers["allow"], "POST,GET,HEAD");
}

#[tokio::test]
async fn broken_paths_and_queries_are_typed() {
    let node = node_with_films().await;
    let malformed = |field| (400, "malformed_request", field);
    node.refused("GET /v1/collections/%zz", "", malformed("name")).await;
    node.refused("GET /v1/collections/%ff", "", malformed("name")).await;
    node.refused("GET /v1/collections/films/documents/%C3", "", malformed("id")).await;
    let document = "GET /v1/collections/films/documents/a";
    node.refused(&format!("{document}?include=%2"), "", malformed("include")).await;
    let unknown = (400, "unknown_field", "inclde");
    node.refused(&format!("{document}?inclde=text"), "", unknown).await;
    let unknown = (400, "unknown_field", "limit");
    node.refused(&format!("{SEARCH}?limit=1"), r#"{"vector":[1,2,3]}"#, unknown).await;
    let unknown = (422, "invalid_argument", "include[1]");
    node.refused(&format!("{document}?include=text,score"), "", unknown).await;
    node.refused("GET /v1/collections/a.b", "", (422, "invalid_name", "collection")).await;
}

#[tokio::test]
async fn bodies_that_are_not_json_are_typed() {
    let node = node_with_films().await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let expect = (415, "unsupported_media_type", "content-type");
    node.refused_with(SEARCH, &form, "{}", expect).await;
    let json = [("content-type", "application/json;charset=utf-8")];
    let answer = node.send_with(SEARCH, &json, r#"{"vector":[1,2,3]}"#).await;
    assert_eq!(answer.status, StatusCode::OK);
    node.refused(SEARCH, "", (400, "malformed_request", "body")).await;
    node.refused(SEARCH, r#"{"mode":"both"}"#, (422, "invalid_argument", "mode")).await;
    node.refused(SEARCH, r#"{"colour":null}"#, (400, "unknown_field", "colour")).await;
    let expect = (400, "unknown_field", "hybrid.alpha");
    node.refused(SEARCH, r#"{"mode":"hybrid","hybrid":{"alpha":0.5}}"#, expect).await;
    let expect = (422, "invalid_argument", "hybrid.fusion");
    node.refused(SEARCH, r#"{"mode":"hybrid","hybrid":{"fusion":"best"}}"#, expect).await;
    let expect = (400, "unknown_field", "params.nprobe");
    node.refused(SEARCH, r#"{"params":{"nprobe":8}}"#, expect).await;
}

#[tokio::test]
async fn numbers_beyond_f32_are_refused_at_their_place() {
    let node = node_with_films().await;
    for number in ["1e39", "-1e39", "1e999"] {
        let body = format!(r#"{{"documents":[{{"vector":[1,2,3]}},{{"vector":[1,{number},3]}}]}}"#);
        let answer = node.send(DOCUMENTS, &body).await;
        assert_eq!(answer.json()["error"]["code"], "invalid_vector");
        let field = answer.json()["error"]["violations"][0]["field"].as_str().unwrap().to_owned();
        assert!(field.starts_with("documents[1].vector"), "{field}");
    }
    let count = node.ok("POST /v1/collections/films/documents/count", "{}").await;
    assert_eq!(count["count"], 0);
}

#[tokio::test]
async fn bodies_above_the_limit_are_refused() {
    let node = Node::with_limits(Limits { body_bytes: 100, ..Limits::default() }).await;
    let body = format!(r#"{{"texts":["{}"]}}"#, "x".repeat(100));
    let answer = node.send("POST /embed", &body).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let error = &answer.json()["error"];
    assert_eq!(error["code"], "body_too_large");
    assert!(error["message"].as_str().unwrap().contains("at most 100 bytes"), "{error}");
}

#[tokio::test]
async fn a_request_may_not_take_longer_than_allowed() {
    let node = node_with_films().await;
    let too_long = [("x-request-timeout-ms", "3600000")];
    let expect = (422, "invalid_argument", "x-request-timeout-ms");
    node.refused_with(SEARCH, &too_long, r#"{"vector":[1,2,3]}"#, expect).await;
    let answer = node.send_with("GET /health", &too_long, "").await;
    assert_eq!(answer.status, StatusCode::OK);
}
