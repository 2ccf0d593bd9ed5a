//! Documents and searches, in the shapes of the API.

use serde_json::{Value, json};

use crate::{Node, node_with_films};

const DOCUMENTS: &str = "/v1/collections/films/documents";

async fn filled() -> Node {
    let node = node_with_films().await;
    let body = r#"{"documents":[
        {"id":"a","text":"A boat","vector":[1,0,0],"metadata":{"year":1999}},
        {"id":5,"vector":[0.1,0,0.5]},
        {"id":"5","vector":[0,0,1],"metadata":{"year":2001}}]}"#;
    let reply = node.ok(&format!("POST {DOCUMENTS}"), body).await;
    let expected = json!([
        {"id": "a", "status": "created", "seq": 1},
        {"id": 5, "status": "created", "seq": 2},
        {"id": "5", "status": "created", "seq": 3}
    ]);
    assert_eq!(reply["results"], expected);
    assert!(reply["took_ms"].is_f64());
    node
}

#[tokio::test]
async fn one_document_is_read_changed_and_deleted() {
    let node = filled().await;
    let get = format!("GET {DOCUMENTS}/a");
    let document = node.ok(&get, "").await;
    let expected = json!({"id": "a", "text": "A boat", "metadata": {"year": 1999}, "seq": 1});
    assert_eq!(document, expected);
    let document = node.ok(&format!("{get}?include=vector"), "").await;
    assert_eq!(document, json!({"id": "a", "vector": [1.0, 0.0, 0.0], "seq": 1}));
    assert_eq!(node.ok(&format!("{get}?include="), "").await, json!({"id": "a", "seq": 1}));
    let patch = r#"{"metadata":{"year":null,"lang":"en"}}"#;
    let document = node.ok(&format!("PATCH {DOCUMENTS}/a"), patch).await;
    let expected = json!({"id": "a", "text": "A boat", "metadata": {"lang": "en"}, "seq": 4});
    assert_eq!(document, expected);
    let deleted = node.ok(&format!("DELETE {DOCUMENTS}/a"), "").await;
    assert_eq!(deleted, json!({"deleted": 1}));
    node.refused(&get, "", (404, "document_not_found", "")).await;
}

#[tokio::test]
async fn integer_and_string_ids_are_both_reachable() {
    let node = filled().await;
    let integer = node.ok(&format!("GET {DOCUMENTS}/5?type=integer"), "").await;
    assert_eq!(integer, json!({"id": 5, "text": null, "metadata": {}, "seq": 2}));
    for string in ["5", "5?type=string"] {
        let document = node.ok(&format!("GET {DOCUMENTS}/{string}"), "").await;
        assert_eq!(document["id"], "5");
    }
    node.ok(&format!("DELETE {DOCUMENTS}/5"), "").await;
    let integer = node.ok(&format!("GET {DOCUMENTS}/5"), "").await;
    assert_eq!(integer["id"], 5, "the integer, where no document has the string");
    let line = format!("GET {DOCUMENTS}/5?type=string");
    node.refused(&line, "", (404, "document_not_found", "")).await;
    let line = format!("GET {DOCUMENTS}/five?type=integer");
    node.refused(&line, "", (422, "invalid_id", "id")).await;
    let line = format!("DELETE {DOCUMENTS}/5?type=number");
    node.refused(&line, "", (422, "invalid_argument", "type")).await;
}

/// Clients take `.` and `..` in a path for steps, and never send them.
#[tokio::test]
async fn ids_that_no_path_can_hold_stand_in_the_query() {
    let node = node_with_films().await;
    let body = r#"{"documents":[{"id":"..","vector":[1,0,0]},{"id":7,"vector":[0,1,0]}]}"#;
    node.ok(&format!("POST {DOCUMENTS}"), body).await;
    let document = "/v1/collections/films/document";
    for (query, id) in [("id=..", json!("..")), ("id=%2E%2e", json!("..")), ("id=7", json!(7))] {
        assert_eq!(node.ok(&format!("GET {document}?{query}"), "").await["id"], id);
        let patch = r#"{"metadata":{"seen":true}}"#;
        let patched = node.ok(&format!("PATCH {document}?{query}"), patch).await;
        assert_eq!(patched["metadata"], json!({"seen": true}));
    }
    node.ok(&format!("DELETE {document}?id=.."), "").await;
    node.refused(&format!("GET {document}?id=.."), "", (404, "document_not_found", "")).await;
    node.refused(&format!("GET {document}"), "", (400, "malformed_request", "id")).await;
}

/// `If-Match` was ignored, and the last of two writers won without either being told.
#[tokio::test]
async fn conditions_are_held_against_the_version() {
    let node = filled().await;
    let line = format!("PATCH {DOCUMENTS}/a");
    let answer = node.send(&format!("GET {DOCUMENTS}/a"), "").await;
    let etag = answer.headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(etag, "\"1\"");
    let patch = r#"{"metadata":{"year":2000}}"#;
    let if_match = [("if-match", etag.as_str())];
    let answer = node.send_with(&line, &if_match, patch).await;
    assert_eq!((answer.status.as_u16(), answer.headers["etag"].to_str().unwrap()), (200, "\"4\""));
    let failed = (412, "condition_failed", "if_seq");
    node.refused_with(&line, &if_match, r#"{"text":"other"}"#, failed).await;
    node.refused(&line, r#"{"text":"other","if_seq":1}"#, failed).await;
    node.refused_with(&format!("DELETE {DOCUMENTS}/a"), &if_match, "", failed).await;
    let post = format!("POST {DOCUMENTS}");
    let one = r#"{"documents":[{"id":"a","vector":[0,0,1]}]}"#;
    let failed = (412, "condition_failed", "documents[0].if_seq");
    node.refused_with(&post, &if_match, one, failed).await;
    let two = r#"{"documents":[{"id":"a","vector":[0,0,1]},{"id":"b","vector":[0,0,1]}]}"#;
    let of_one = (422, "invalid_argument", "if-match");
    node.refused_with(&post, &if_match, two, of_one).await;
    node.refused_with(
        &post,
        &[("if-none-match", "*")],
        one,
        (422, "invalid_argument", "if-none-match"),
    )
    .await;
    let delete_many = format!("POST {DOCUMENTS}/delete");
    node.refused_with(&delete_many, &if_match, r#"{"ids":["a"]}"#, of_one).await;
    let create = r#"{"mode":"create","documents":[{"id":"a","vector":[0,0,1]}]}"#;
    node.refused(&post, create, (409, "document_exists", "documents[0].id")).await;
    let update = r#"{"mode":"update","documents":[{"id":"z","vector":[0,0,1]}]}"#;
    node.refused(&post, update, (404, "document_not_found", "documents[0].id")).await;
    let mode = r#"{"mode":"insert","documents":[{"id":"z","vector":[0,0,1]}]}"#;
    node.refused(&post, mode, (422, "invalid_argument", "mode")).await;
    let current = node.send_with(&line, &[("if-match", "\"4\"")], r#"{"text":"other"}"#).await;
    assert_eq!(current.json()["text"], "other");
    let import = "POST /v1/collections/films/import?mode=create";
    let answer = node
        .send(import, "{\"id\":\"a\",\"vector\":[1,0,0]}\n{\"id\":\"n\",\"vector\":[1,0,0]}")
        .await;
    let lines: Vec<Value> =
        answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["error"]["code"], "document_exists");
    assert_eq!(lines[1]["status"], "created");
}

#[tokio::test]
async fn documents_are_changed_by_a_filter() {
    let node = filled().await;
    let line = format!("PATCH {DOCUMENTS}");
    let body = r#"{"filter":{"year":{"$gte":2000}},"metadata":{"era":"new"}}"#;
    assert_eq!(node.ok(&line, body).await, json!({"updated": 1}));
    let all = r#"{"all":true,"metadata":{"seen":true}}"#;
    assert_eq!(node.ok(&line, all).await, json!({"updated": 3}));
    let empty = r#"{"filter":{},"metadata":{"seen":false}}"#;
    node.refused(&line, empty, (422, "invalid_argument", "filter")).await;
    let count = format!("POST {DOCUMENTS}/count");
    assert_eq!(node.ok(&count, r#"{"filter":{"seen":true}}"#).await, json!({"count": 3}));
}

#[tokio::test]
async fn ids_that_are_names_of_routes_or_need_escaping_are_reachable() {
    let node = node_with_films().await;
    for (id, segment) in [("count", "count"), ("get", "get"), ("a/b c", "a%2Fb%20c"), ("%", "%25")]
    {
        let body = json!({"documents": [{"id": id, "vector": [1, 2, 3]}]}).to_string();
        node.ok(&format!("POST {DOCUMENTS}"), &body).await;
        let document = node.ok(&format!("GET {DOCUMENTS}/{segment}"), "").await;
        assert_eq!(document["id"], id);
        node.ok(&format!("DELETE {DOCUMENTS}/{segment}"), "").await;
    }
}

#[tokio::test]
async fn many_documents_are_read_counted_scrolled_and_deleted() {
    let node = filled().await;
    let ids = |reply: &Value| -> Vec<Value> {
        let documents = reply["documents"].as_array().unwrap();
        documents.iter().map(|document| document["id"].clone()).collect()
    };
    let body = r#"{"ids":[5,"none","a"],"include":["vector"]}"#;
    let reply = node.ok(&format!("POST {DOCUMENTS}/get"), body).await;
    assert_eq!(ids(&reply), [json!(5), json!("a")]);
    assert_eq!(reply["documents"][0].get("text"), None);
    let filter = r#"{"filter":{"year":{"$gte":2000}}}"#;
    assert_eq!(ids(&node.ok(&format!("POST {DOCUMENTS}/get"), filter).await), [json!("5")]);
    let count = format!("POST {DOCUMENTS}/count");
    assert_eq!(node.ok(&count, "{}").await, json!({"count": 3}));
    assert_eq!(node.ok(&count, filter).await, json!({"count": 1}));
    let scroll = format!("POST {DOCUMENTS}/scroll");
    let page = node.ok(&scroll, r#"{"limit":2}"#).await;
    assert_eq!(ids(&page), [json!("a"), json!(5)]);
    let body = json!({"limit": 2, "cursor": page["next_cursor"]}).to_string();
    let page = node.ok(&scroll, &body).await;
    assert_eq!((ids(&page), page.get("next_cursor")), (vec![json!("5")], None));
    let reply = node.ok(&format!("POST {DOCUMENTS}/delete"), r#"{"ids":[5,"a","none"]}"#).await;
    assert_eq!(reply, json!({"deleted": 2}));
}

#[tokio::test]
async fn searches_answer_hits_with_the_parts_asked_for() {
    let node = filled().await;
    let search = "POST /v1/collections/films/search";
    let body = r#"{"vector":[1,0,0],"limit":1,"mode":"semantic","params":{"exact":true}}"#;
    let reply = node.ok(search, body).await;
    let expected = json!([{"id": "a", "score": 1.0, "text": "A boat", "metadata": {"year": 1999}}]);
    assert_eq!(reply["hits"], expected);
    assert!(reply["took_ms"].is_f64());
    let body = r#"{"searches":[
        {"id":"a","limit":1,"include":[]},
        {"vector":[0,0,1],"include":["vector"],"filter":{"year":2001}}]}"#;
    let reply = node.ok("POST /v1/collections/films/search/batch", body).await;
    assert_eq!(reply["results"][0]["hits"][0]["id"], 5);
    assert_eq!(reply["results"][0]["hits"][0].as_object().unwrap().len(), 2);
    let expected = json!([{"id": "5", "score": 1.0, "vector": [0.0, 0.0, 1.0]}]);
    assert_eq!(reply["results"][1]["hits"], expected);
    let body = r#"{"searches":[{"vector":[0,0,1]},{"vector":[0,0]}]}"#;
    let expect = (422, "dimension_mismatch", "searches[1].vector");
    node.refused("POST /v1/collections/films/search/batch", body, expect).await;
}

#[tokio::test]
async fn a_retried_upsert_makes_the_same_ids() {
    let node = node_with_films().await;
    let (line, body) = (format!("POST {DOCUMENTS}"), r#"{"documents":[{"vector":[1,2,3]}]}"#);
    let key = [("idempotency-key", "batch-1")];
    let first = node.send_with(&line, &key, body).await.json();
    let second = node.send_with(&line, &key, body).await.json();
    assert_eq!(first["results"][0]["id"], second["results"][0]["id"]);
    assert_eq!(second["results"][0]["status"], "updated");
    let third = node.ok(&line, body).await;
    assert_ne!(third["results"][0]["id"], first["results"][0]["id"]);
    let expect = (422, "invalid_argument", "idempotency_key");
    node.refused_with(&line, &[("idempotency-key", "")], body, expect).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_batches_are_decoded_and_answered_aside() {
    let node = Node::start().await;
    node.ok("POST /v1/collections", r#"{"name":"films","dimension":384,"metric":"dot"}"#).await;
    let vector: Vec<f32> = (0..384).map(|i| i as f32 / 3.0).collect();
    let documents: Vec<_> = (0..256).map(|id| json!({"id": id, "vector": vector})).collect();
    let body = json!({"documents": documents}).to_string();
    assert!(body.len() > 256 << 10);
    let reply = node.ok(&format!("POST {DOCUMENTS}"), &body).await;
    assert_eq!(reply["results"].as_array().unwrap().len(), 256);
    let scroll = r#"{"limit":256,"include":["vector"]}"#;
    let page = node.ok(&format!("POST {DOCUMENTS}/scroll"), scroll).await;
    let returned = page["documents"][255]["vector"].as_array().unwrap();
    let returned: Vec<f32> = returned.iter().map(|v| v.as_f64().unwrap() as f32).collect();
    assert_eq!(returned, vector);
}
