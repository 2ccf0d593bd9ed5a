//! OpenAI's routes: its official client works unchanged, and what that client would never send is
//! refused in its shape too.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use akidb_client::{NewKey, Role, process::plain_http};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::node::{Backend, Node, scratch};

const MODEL: &str = "all-minilm-l6-v2";

/// The Python that has OpenAI's client. `cargo xtask test` installs it and says where.
fn python() -> Option<PathBuf> {
    if let Some(python) = std::env::var_os("AKIDB_TEST_PYTHON") {
        return Some(PathBuf::from(python));
    }
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/clients/bin/python");
    clients.is_file().then_some(clients)
}

#[test]
fn the_official_python_client_works_unchanged() {
    let Some(python) = python() else {
        eprintln!("SKIPPED: no Python with OpenAI's client; `cargo xtask test` installs it");
        return;
    };
    let (_folder, data_dir) = scratch();
    let node = start(&data_dir);
    run_client(&python, &node, &[]);
}

#[tokio::test]
async fn the_official_python_client_shows_its_key() {
    let Some(python) = python() else {
        eprintln!("SKIPPED: no Python with OpenAI's client; `cargo xtask test` installs it");
        return;
    };
    let (_folder, data_dir) = scratch();
    let node = start(&data_dir);
    let open = akidb_client::Client::new(&node.url()).unwrap();
    let admin = open.create_key(&NewKey::new("first", Role::Admin)).await.unwrap();
    let closed = open.with_key(&admin.secret).unwrap();
    let reader = closed.create_key(&NewKey::new("reader", Role::Read)).await.unwrap();
    run_client(&python, &node, &[&reader.secret]);
}

fn start(data_dir: &Path) -> Node {
    Node::start_with(data_dir, Backend::Native, |command| {
        // It also sends ids of the model's own vocabulary.
        command.env("AKIDB_EMBEDDING__ACCEPT_TOKEN_IDS", "true");
    })
}

/// Runs the script with OpenAI's client, which fails where anything is not as it must be.
fn run_client(python: &Path, node: &Node, keys: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/openai_client.py");
    let url = format!("{}/v1", node.url());
    let output = Command::new(python).arg(script).args([url.as_str(), MODEL]).args(keys).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}", python.display()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Sends a request as no client of OpenAI would; answers its status and its error.
async fn refused(node: &Node, method: Method, path: &str, body: &str) -> (u16, Value) {
    let request = plain_http().request(method, format!("{}{path}", node.url()));
    let request = request.header("content-type", "application/json").body(body.to_owned());
    let response: Response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    assert!(response.headers().contains_key("x-request-id"));
    let status = response.status().as_u16();
    let mut answer: Value = response.json().await.unwrap();
    let error = answer["error"].take();
    for field in ["message", "type", "param", "code"] {
        assert!(error.get(field).is_some(), "{path} {body}: {error} has no {field}");
    }
    (status, error)
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_in_openais_shape() {
    let (_folder, data_dir) = scratch();
    let node = Node::start_with(&data_dir, Backend::Hash, |command| {
        command.env("AKIDB_LIMITS__BODY_BYTES", "1000");
    });
    let post = |body: &'static str| refused(&node, Method::POST, "/v1/embeddings", body);
    for (body, status, code, param) in [
        ("{", 400, "malformed_request", Value::Null),
        ("", 400, "malformed_request", Value::Null),
        (r#"{"input":"a"}"#, 400, "malformed_request", Value::Null),
        (r#"{"model":"hash"}"#, 400, "malformed_request", Value::Null),
        (r#"{"model":"hash","input":null}"#, 400, "malformed_request", json!("input")),
        (r#"{"model":"hash","input":[[1],["a"]]}"#, 400, "malformed_request", json!("input[1][0]")),
        (r#"{"model":"hash","input":[-1]}"#, 400, "malformed_request", json!("input[0]")),
        (r#"{"model":"hash","input":"a","user":5}"#, 400, "malformed_request", json!("user")),
        (r#"{"model":"hash","input":"\u0000"}"#, 400, "invalid_text", json!("input[0]")),
        (r#"{"model":"hash","input":"a","extra":1}"#, 400, "unknown_field", json!("extra")),
    ] {
        let (found, error) = post(body).await;
        assert_eq!((found, &error["code"], &error["param"]), (status, &json!(code), &param));
        assert_eq!(error["type"], "invalid_request_error", "{body}");
    }
    let long = format!(r#"{{"model":"hash","input":"{}"}}"#, "a".repeat(1000));
    let (status, error) = refused(&node, Method::POST, "/v1/embeddings", &long).await;
    assert_eq!((status, &error["code"]), (413, &json!("body_too_large")));
    // LangChain's OpenAIEmbeddings sends this by default: ids of OpenAI's vocabulary, "Hello world".
    let ids = r#"{"input":[[9906,1917],[100]],"model":"hash","encoding_format":"base64"}"#;
    let (status, error) = post(ids).await;
    assert_eq!((status, &error["code"]), (400, &json!("invalid_argument")));
    assert_eq!(error["param"], "input");
    for mends in ["check_embedding_ctx_length=False", "embedding.accept_token_ids = true"] {
        assert!(error["message"].as_str().unwrap().contains(mends), "{error}");
    }
    let (status, error) = post(r#"{"input":[9906,1917],"model":"hash"}"#).await;
    assert_eq!((status, &error["code"]), (400, &json!("invalid_argument")));
    let (status, error) = refused(&node, Method::PUT, "/v1/embeddings", "{}").await;
    assert_eq!((status, &error["code"]), (405, &json!("method_not_allowed")));
    let (status, error) = refused(&node, Method::GET, "/v1/models/a%2Fb", "").await;
    assert_eq!((status, &error["code"]), (404, &json!("model_not_found")));
}
