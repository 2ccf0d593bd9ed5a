//! The import route over the router.

use serde_json::{Value, json};

use crate::{Node, node_with_films};

const IMPORT: &str = "POST /v1/collections/films/import";

/// The lines of an answer.
async fn import(node: &Node, query: &str, headers: &[(&str, &str)], body: &str) -> Vec<Value> {
    let answer = node.send_with(&format!("{IMPORT}{query}"), headers, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.headers["content-type"], NDJSON);
    answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const NDJSON: &str = "application/x-ndjson";

#[tokio::test]
async fn each_line_is_answered_and_the_summary_is_last() {
    let node = Node::start().await;
    node.ok("POST /v1/collections", r#"{"name":"films"}"#).await;
    let body = "\u{feff}{\"id\":1,\"text\":\"a boat\"}\r\n\r\n{\"id\":2,\"text\":\" \"}\n\
                {\"id\":\"1\",\"vector\":[1]}\nno json\n{\"id\":1,\"text\":\"a ship\"}";
    let lines = import(&node, "", &[], body).await;
    assert_eq!(lines.len(), 6);
    assert_eq!(
        lines[0],
        json!({"line": 1, "id": 1, "status": "created", "seq": 1, "tokens": 2, "truncated": false,
            "unknown_tokens": 0})
    );
    let error = json!({
        "code": "invalid_text", "message": "text: is empty or blank, or no token of it remains", "retryable": false,
        "outcome": "not_applied", "violations": [{"field": "text", "description": "is empty or blank, or no token of it remains"}]
    });
    assert_eq!(lines[1], json!({"line": 3, "error": error}));
    assert_eq!(
        (&lines[2]["line"], &lines[2]["error"]["code"]),
        (&json!(4), &json!("dimension_mismatch"))
    );
    assert_eq!(
        (&lines[3]["line"], &lines[3]["error"]["code"]),
        (&json!(5), &json!("malformed_request"))
    );
    assert_eq!((&lines[4]["line"], &lines[4]["status"]), (&json!(6), &json!("updated")));
    let mut summary = lines[5].clone();
    assert!(summary["summary"]["took_ms"].take().is_number());
    let expect = json!({"lines": 5, "created": 1, "updated": 1, "failed": 3, "tokens": 4, "truncated": 0,
        "unknown_tokens": 0, "took_ms": null});
    assert_eq!(summary, json!({"summary": expect}));

    assert_eq!(import(&node, "?status=none", &[], body).await.len(), 1);
    let errors = import(&node, "?status=errors", &[], body).await;
    assert_eq!(errors.len(), 4);
    assert_eq!(import(&node, "", &[], "\n\n").await[0]["summary"]["lines"], 0);
}

#[tokio::test]
async fn a_key_makes_ids_of_the_lines_own() {
    let node = node_with_films().await;
    let body = "{\"vector\":[1,2,3]}\n{\"vector\":[1,2,4]}\n";
    let key = [("idempotency-key", "films.jsonl")];
    let first = import(&node, "", &key, body).await;
    let again = import(&node, "", &key, &format!("\n{}", body.split_once('\n').unwrap().1)).await;
    assert_eq!(first[1]["id"], again[0]["id"]);
    assert_eq!((&again[0]["line"], &again[0]["status"]), (&json!(2), &json!("updated")));
    let new = import(&node, "", &[], body).await;
    assert_eq!(new[2]["summary"]["created"], 2);
}

#[tokio::test]
async fn what_can_not_begin_is_refused_as_any_request() {
    let node = node_with_films().await;
    let body = "{\"id\":1,\"vector\":[1,2,3]}\n";
    node.refused("POST /v1/collections/x/import", body, (404, "collection_not_found", "")).await;
    let line = format!("{IMPORT}?status=some");
    node.refused(&line, body, (422, "invalid_argument", "status")).await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    node.refused_with(IMPORT, &form, body, (415, "unsupported_media_type", "content-type")).await;
    for good in [NDJSON, "application/jsonl; charset=utf-8", "application/json"] {
        import(&node, "", &[("content-type", good)], body).await;
    }
    node.service.start_draining();
    node.refused(IMPORT, body, (503, "shutting_down", "")).await;
}

#[tokio::test]
async fn rows_and_lists_are_documents_too() {
    let node = Node::start().await;
    node.ok("POST /v1/collections", r#"{"name":"films"}"#).await;
    let query = "?text_field=plot&id_field=nr&status=errors";
    let (csv, list) = ([("content-type", "text/csv")], [("content-type", "application/json")]);
    let rows = "nr,plot,year\n1,a boat,1999\n2,\"a train\nto the coast\",\n3,short\n";
    let lines = import(&node, query, &csv, rows).await;
    let failed = (&lines[0]["line"], &lines[0]["error"]["code"]);
    assert_eq!(failed, (&json!(5), &json!("malformed_request")));
    let summary = &lines[1]["summary"];
    assert_eq!((&summary["created"], &summary["failed"]), (&json!(2), &json!(1)));

    let items = "[{\"nr\": 4, \"plot\": \"a\", \"b\": [1, \"]\"]},\n {\"nr\": 5, \"plot\": \"b\"}]";
    assert_eq!(import(&node, query, &list, items).await[0]["summary"]["created"], 2);
    for (headers, body, says) in [
        (&list, "[{\"nr\": 6,", "the list does not end"),
        (&csv, "a,b\n1,2\n", "has no column \"nr\""),
    ] {
        let end = import(&node, query, headers, body).await.pop().unwrap();
        assert!(end["error"]["message"].as_str().unwrap().contains(says), "{end}");
    }
}
