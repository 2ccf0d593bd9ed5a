//! Requests through the REST door.

use std::{fmt::Display, time::Duration};

use akidb_client::process::plain_http_builder;
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

use super::{
    answer::{Answer, Fault, Violation, code_named},
    request::{NAN, Operation, Request},
};
use crate::node::Node;

/// A client of one node.
pub(crate) struct RestDoor {
    client: Client,
    url: String,
}

impl RestDoor {
    pub(crate) fn new(node: &Node) -> Self {
        let client = plain_http_builder().timeout(Duration::from_secs(600)).build().unwrap();
        Self { client, url: node.url() }
    }

    /// Sends a request and reads the answer.
    pub(crate) async fn ask(&self, request: &Request) -> Answer {
        let mut request = request.clone();
        // A deletion has no body that could say it.
        let if_seq = match request.operation {
            Operation::DeleteDocument => {
                request.body.as_object_mut().and_then(|body| body.shift_remove("if_seq"))
            }
            _ => None,
        };
        let request = &request;
        let (method, path, idempotency_key, body) = spelled(request);
        let mut sent = self.client.request(method, format!("{}{path}", self.url));
        if let Some(if_seq) = if_seq {
            sent = sent.header("if-match", format!("\"{if_seq}\""));
        }
        if let Some(key) = idempotency_key {
            sent = sent.header("idempotency-key", key);
        }
        if let Some(body) = body {
            // The nearest to NaN that JSON has: a number beyond every f32.
            let body = body.to_string().replace(&format!("{NAN:?}"), "1e39");
            sent = sent.header("content-type", "application/json").body(body);
        }
        let response = sent.send().await.unwrap();
        if matches!(request.operation, Operation::PutCollection | Operation::PutField) {
            let created = response.status() == 201;
            let mut answer = read(response, if created { 201 } else { 200 }, request).await?;
            answer["created"] = created.into();
            return Ok(answer);
        }
        let created = request.operation == Operation::CreateCollection;
        read(response, if created { 201 } else { 200 }, request).await
    }
}

/// Method, path with query, idempotency key and body.
fn spelled(request: &Request) -> (Method, String, Option<String>, Option<Value>) {
    let mut body = request.body.clone();
    let mut take = |key: &str| body.as_object_mut().and_then(|body| body.shift_remove(key));
    let key = take("idempotency_key").map(|key| key.as_str().unwrap().to_owned());
    let at = |rest: &str| format!("/v1/collections/{}{rest}", encoded(&request.collection));
    let (method, path) = match request.operation {
        Operation::Embed => (Method::POST, "/embed".to_owned()),
        Operation::Rerank => (Method::POST, "/v1/rerank".to_owned()),
        Operation::CreateCollection => (Method::POST, "/v1/collections".to_owned()),
        Operation::ListCollections => (Method::GET, "/v1/collections".to_owned()),
        Operation::PutCollection => (Method::PUT, at("")),
        Operation::DescribeCollection => (Method::GET, at("")),
        Operation::UpdateCollection => (Method::PATCH, at("")),
        Operation::ListAliases if request.collection.is_empty() => {
            (Method::GET, "/v1/aliases".to_owned())
        }
        Operation::ListAliases => (Method::GET, at("/aliases")),
        Operation::ChangeAliases => (Method::POST, "/v1/aliases".to_owned()),
        Operation::CopyCollection => (Method::POST, at("/copy")),
        Operation::Reembed => (Method::POST, at("/reembed")),
        Operation::DropPrevious => (Method::POST, at("/drop-previous")),
        Operation::ListTasks => (Method::GET, "/v1/tasks".to_owned()),
        Operation::GetTask => (Method::GET, format!("/v1/tasks/{}", task_id(&take("id").unwrap()))),
        Operation::CancelTask => {
            (Method::POST, format!("/v1/tasks/{}/cancel", task_id(&take("id").unwrap())))
        }
        Operation::CreateBackup => (Method::POST, "/v1/admin/backups".to_owned()),
        Operation::ListBackups => (Method::GET, "/v1/admin/backups".to_owned()),
        Operation::GetBackup => (Method::GET, backup_path(&take("id").unwrap())),
        Operation::DeleteBackup => (Method::DELETE, backup_path(&take("id").unwrap())),
        Operation::PutField => (Method::PUT, at(&field_path(&take("field").unwrap()))),
        Operation::DropField => (Method::DELETE, at(&field_path(&take("field").unwrap()))),
        Operation::DeleteCollection => (Method::DELETE, at("")),
        Operation::Upsert => (Method::POST, at("/documents")),
        Operation::GetDocuments => (Method::POST, at("/documents/get")),
        Operation::DeleteDocuments => (Method::POST, at("/documents/delete")),
        Operation::Count => (Method::POST, at("/documents/count")),
        Operation::Facets => (Method::POST, at("/documents/facets")),
        Operation::Scroll => (Method::POST, at("/documents/scroll")),
        Operation::Search => (Method::POST, at("/search")),
        Operation::SearchBatch => (Method::POST, at("/search/batch")),
        Operation::GetDocument => {
            let include = take("include").map(|parts| format!("&include={}", joined(&parts)));
            let path = document_path(&take("id").unwrap());
            (Method::GET, at(&(path + &include.unwrap_or_default())))
        }
        Operation::PatchMetadata => (Method::PATCH, at(&document_path(&take("id").unwrap()))),
        Operation::DeleteDocument => (Method::DELETE, at(&document_path(&take("id").unwrap()))),
        Operation::UpdateDocuments => (Method::PATCH, at("/documents")),
    };
    let has_body = [Method::POST, Method::PUT, Method::PATCH].contains(&method);
    (method, path, key, has_body.then_some(body))
}

fn backup_path(id: &Value) -> String {
    format!("/v1/admin/backups/{}", task_id(id))
}

fn task_id(id: &Value) -> String {
    encoded(id.as_str().unwrap())
}

fn field_path(field: &Value) -> String {
    format!("/fields/{}", encoded(field.as_str().unwrap()))
}

fn document_path(id: &Value) -> String {
    if let Some(either) = id.get("either") {
        return format!("/document?id={}", encoded(either.as_str().unwrap()));
    }
    match id.as_str() {
        Some(id) => format!("/documents/{}?type=string", encoded(id)),
        None => format!("/documents/{id}?type=integer"),
    }
}

fn joined(parts: &Value) -> String {
    let parts: Vec<&str> = parts.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    parts.join(",")
}

/// Percent-encodes everything that could mean something in a URL.
pub(crate) fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

async fn read(response: Response, success: u16, asked: &Request) -> Answer {
    let status = response.status().as_u16();
    let request_id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(response.headers()["content-type"], "application/json");
    let body = response.bytes().await.unwrap();
    let answer = serde_json::from_slice(&body).unwrap();
    if status == success {
        return Ok(answer);
    }
    Err(fault(status, &request_id, &answer, asked))
}

/// The fault that an error answer of this status and this request id says, after a check that
/// answer, status and table agree.
pub(crate) fn fault(status: u16, request_id: &str, answer: &Value, asked: &dyn Display) -> Fault {
    let is_the_clients = (400..500).contains(&status);
    assert!(is_the_clients, "{asked}: a client's fault is not the node's: {status} {answer}");
    assert_eq!(answer["request_id"], request_id, "{asked}: {answer}");
    let error = &answer["error"];
    let code = code_named(error["code"].as_str().unwrap());
    assert_eq!(status, code.http_status(), "{asked}: {answer}");
    assert_eq!(error["retryable"], code.retryable(), "{asked}: {answer}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let none = json!([]);
    let violations = error.get("violations").unwrap_or(&none).as_array().unwrap().iter();
    let violations = violations.map(|violation| Violation {
        field: text(&violation["field"]),
        description: text(&violation["description"]),
    });
    Fault {
        code,
        message: text(&error["message"]),
        retryable: error["retryable"].as_bool().unwrap(),
        outcome: text(&error["outcome"]),
        violations: violations.collect(),
    }
}
