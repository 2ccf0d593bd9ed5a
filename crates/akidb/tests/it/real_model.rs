//! The default model from end to end: texts that share no word are found by what they mean.

use akidb_client::process::plain_http;
use serde_json::{Value, json as value};

use crate::{
    node::{Backend, Node, akidb, json, models_dir, scratch},
    rest_client::RestClient,
};

#[test]
fn texts_are_found_by_meaning() {
    let (_folder, data_dir) = scratch();
    let node = Node::start_with(&data_dir, Backend::Native, |_| {});
    json(&node.akidb(["collection", "create", "notes", "--output", "json"]));
    let notes = "{\"id\":1,\"text\":\"the kitten sleeps on the sofa\"}\n\
                 {\"id\":2,\"text\":\"shares fell sharply after the announcement\"}\n\
                 {\"id\":3,\"text\":\"bake the loaf for forty minutes\"}\n";
    let import = ["import", "notes", "-", "--output", "json"];
    assert_eq!(json(&node.akidb_with_stdin(import, notes))["created"], 3);
    for (query, id) in [("a young cat naps", 1), ("stock market losses", 2), ("making bread", 3)] {
        let found = json(&node.akidb(["search", "notes", query, "--output", "json"]));
        assert_eq!(found["hits"][0]["id"], id, "{query}: {found}");
    }
}

#[test]
fn the_installed_model_is_listed_and_intact() {
    let models_dir = models_dir();
    let run = |command: &str| {
        let mut command = akidb(["model", command, "--output", "json", "--models-dir"]);
        json(&command.arg(&models_dir).output().unwrap())
    };
    let list = run("list");
    let models = list["models"].as_array().unwrap();
    let model = models.iter().find(|model| model["name"] == "all-minilm-l6-v2").unwrap();
    assert_eq!((model["dimension"].as_u64(), model["max_tokens"].as_u64()), (Some(384), Some(256)));
    for model in run("verify")["models"].as_array().unwrap() {
        assert!(model["damaged"].as_array().unwrap().is_empty(), "{model}");
    }
}

/// Texts of which the model's tokenizer leaves nothing: control characters, what has no width, and
/// special tokens, which are those of every text.
const NOTHING: [&str; 4] = ["\u{1}\u{7f}", "\u{200b}\u{feff}", "[CLS]", " [SEP][PAD] [MASK]\n"];

#[tokio::test(flavor = "multi_thread")]
async fn texts_of_which_no_token_remains_are_one_error_whatever_they_are_sent_to() {
    let (_folder, data_dir) = scratch();
    let node = Node::start_with(&data_dir, Backend::Native, |_| {});
    let client = RestClient::new(&node);
    for (name, chunking) in [("whole", Value::Null), ("cut", value!({"tokens": 16, "overlap": 4}))]
    {
        client.post("/v1/collections", value!({"name": name, "chunking": chunking})).await;
    }
    let refusal = async |path: &str, body: String| {
        let request = plain_http().post(format!("{}{path}", node.url()));
        let request = request.header("content-type", "application/json").body(body);
        request.send().await.unwrap().json::<Value>().await.unwrap()["error"].take()
    };
    let says = "is empty or blank, or no token of it remains";
    for text in NOTHING {
        for (path, body) in [
            ("/embed", value!({"texts": ["a boat", text]})),
            ("/v1/embeddings", value!({"model": "all-minilm-l6-v2", "input": text})),
            ("/v1/collections/whole/documents", value!({"documents": [{"text": text}]})),
            ("/v1/collections/cut/documents", value!({"documents": [{"text": text}]})),
            ("/v1/collections/whole/search", value!({"text": text})),
        ] {
            let error = refusal(path, body.to_string()).await;
            assert_eq!(error["code"], "invalid_text", "{path} {text:?}: {error}");
            assert!(error["message"].as_str().unwrap().contains(says), "{path} {text:?}: {error}");
        }
        for name in ["whole", "cut"] {
            let lines = format!("{}\n{}\n", value!({"text": text}), value!({"text": "a boat"}));
            let path = format!("{}/v1/collections/{name}/import?status=all", node.url());
            let import = plain_http().post(path).header("content-type", "application/x-ndjson");
            let answer = import.body(lines).send().await.unwrap().text().await.unwrap();
            let lines: Vec<Value> =
                answer.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!(lines[0]["error"]["code"], "invalid_text", "{answer}");
            assert!(lines[0]["error"]["message"].as_str().unwrap().contains(says), "{answer}");
            assert!(lines[1].get("error").is_none(), "{answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_count_the_tokens_that_the_model_does_not_know() {
    let (_folder, data_dir) = scratch();
    let node = Node::start_with(&data_dir, Backend::Native, |_| {});
    let client = RestClient::new(&node);
    client.post("/v1/collections", value!({"name": "notes"})).await;
    // An emoji and a letter of Glagolitic script, beside words of English.
    let odd = "a \u{1f980} on \u{2c00}\u{2c01}";
    let reply = client.post("/embed", value!({"texts": ["a boat", odd]})).await;
    assert_eq!(reply["usage"]["unknown_tokens"], 2, "{reply}");
    let body = value!({"model": "all-minilm-l6-v2", "input": [odd]});
    let reply = client.post("/v1/embeddings", body).await;
    assert_eq!(reply["usage"]["unknown_tokens"], 2, "{reply}");
    let documents = value!({"documents": [{"id": 1, "text": odd}, {"id": 2, "text": "a boat"}]});
    // The second time the vectors are known, and so is what is said of them.
    for _ in 0..2 {
        let reply = client.post("/v1/collections/notes/documents", documents.clone()).await;
        let unknown = [0, 1].map(|i| reply["results"][i]["unknown_tokens"].as_u64());
        assert_eq!(unknown, [Some(2), Some(0)], "{reply}");
    }
    for (query, unknown) in [(odd, value!(2)), ("a boat", Value::Null)] {
        let reply = client.post("/v1/collections/notes/search", value!({"text": query})).await;
        assert_eq!(reply["unknown_tokens"], unknown, "{reply}");
    }
    let import = ["import", "notes", "-", "--output", "json"];
    let line = format!("{}\n", value!({"id": 3, "text": format!("another {odd}")}));
    let imported = json(&node.akidb_with_stdin(import, &line));
    assert_eq!(imported["unknown_tokens"], 2, "{imported}");
}
