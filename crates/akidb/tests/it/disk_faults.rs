//! What becomes of a node and its collections when files are lost or commits fail.

use std::{
    fs,
    io::Write,
    net::TcpStream,
    path::{Path, PathBuf},
    time::Duration,
};

use akidb_client::process::plain_http;
use rustix::process::Signal;
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};

use crate::{
    node::{Node, akidb, json, scratch},
    rest_client::RestClient,
};

/// A foreign key that is compared at the commit makes SQLite fail there and nowhere before.
async fn fail_commits(database: &Path, table: &str) {
    let mut connection = connect(database).await;
    let sql = format!(
        "CREATE TABLE parents (id INTEGER PRIMARY KEY);
         CREATE TABLE children (id REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED);
         CREATE TRIGGER fail AFTER INSERT ON {table} BEGIN INSERT INTO children VALUES (1); END;"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn connect(database: &Path) -> SqliteConnection {
    let url = format!("sqlite://{}", database.display());
    SqliteConnection::connect(&url).await.unwrap()
}

/// Waits until so many requests run in a node.
async fn in_flight(node: &Node, count: u32) {
    let line = format!("akidb_requests_in_flight {count}");
    loop {
        let url = format!("{}/metrics", node.url());
        let metrics = plain_http().get(url).send().await.unwrap().text().await.unwrap();
        if metrics.lines().any(|it| it == line) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A stopped node's directory with the collection `films`.
async fn with_films(data_dir: &Path) {
    let node = Node::start(data_dir);
    let client = RestClient::new(&node);
    client.post("/v1/collections", json!({"name": "films", "dimension": 2})).await;
    let body = json!({"documents": [{"id": 1, "vector": [1, 0]}]});
    client.post("/v1/collections/films/documents", body).await;
    assert!(node.stop().success());
}

fn only_folder(data_dir: &Path) -> PathBuf {
    let mut folders = fs::read_dir(data_dir.join("collections")).unwrap();
    folders.next().unwrap().unwrap().path()
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Client {
    Waits,
    Leaves,
}

/// Sends a request whose commit to `database` fails; the node must end with 74.
async fn assert_ends_with_74(
    mut node: Node,
    client: Client,
    database: &Path,
    (path, body): (&str, Value),
) {
    match client {
        Client::Waits => {
            let url = format!("{}{path}", node.url());
            let answer = plain_http().post(url).json(&body).send().await.unwrap();
            let status = answer.status();
            let answer: Value = answer.json().await.unwrap();
            let error = (&answer["error"]["code"], &answer["error"]["outcome"]);
            assert_eq!(status, 500, "{answer}");
            assert_eq!(error, (&json!("storage_failed"), &json!("unknown")), "{answer}");
        }
        Client::Leaves => {
            // Holds the write back until the request is gone.
            let mut other = connect(database).await;
            sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
            let body = body.to_string();
            let mut connection = TcpStream::connect(node.rest).unwrap();
            let request = format!(
                "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
                 content-length: {}\r\n\r\n{body}",
                body.len()
            );
            connection.write_all(request.as_bytes()).unwrap();
            in_flight(&node, 1).await;
            drop(connection);
            in_flight(&node, 0).await;
            sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
        }
    }
    assert_eq!(node.wait().code(), Some(74), "{client:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_commit_of_the_catalogue_ends_the_node_whoever_waits() {
    for client in [Client::Waits, Client::Leaves] {
        let (_folder, data_dir) = scratch();
        with_films(&data_dir).await;
        let database = data_dir.join("akidb.db");
        fail_commits(&database, "collections").await;
        let request = ("/v1/collections", json!({"name": "books", "dimension": 2}));
        assert_ends_with_74(Node::start(&data_dir), client, &database, request).await;
        let node = Node::start(&data_dir);
        let list = RestClient::new(&node).get("/v1/collections").await;
        assert_eq!(list["collections"].as_array().unwrap().len(), 1, "{list}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_commit_of_documents_ends_the_node_whoever_waits() {
    for client in [Client::Waits, Client::Leaves] {
        let (_folder, data_dir) = scratch();
        with_films(&data_dir).await;
        let database = only_folder(&data_dir).join("documents.db");
        fail_commits(&database, "documents").await;
        let body = json!({"documents": [{"id": 2, "vector": [0, 1]}]});
        let path = "/v1/collections/films/documents";
        let count = format!("{path}/count");
        let node = Node::start(&data_dir);
        // It is open then, and can be while another connection has it locked.
        RestClient::new(&node).post(&count, json!({})).await;
        assert_ends_with_74(node, client, &database, (path, body)).await;
        let node = Node::start(&data_dir);
        assert_eq!(RestClient::new(&node).post(&count, json!({})).await["count"], 1);
    }
}

/// The next start used to remove the folder of every collection that the catalogue did not name.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_catalogue_loses_nothing_and_is_told_to_everybody() {
    let (_folder, data_dir) = scratch();
    with_films(&data_dir).await;
    fs::remove_file(data_dir.join("akidb.db")).unwrap();
    fs::create_dir(data_dir.join("collections/what is this")).unwrap();
    let doctor = || {
        let mut command = akidb(["doctor", "--output", "json", "--rest-addr", "127.0.0.1:0"]);
        command.args(["--grpc-addr", "127.0.0.1:0", "--data-dir"]).arg(&data_dir);
        let output = command.env("AKIDB_EMBEDDING__BACKEND", "hash").output().unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        let findings = answer["findings"].as_array().unwrap().iter();
        let bad = findings.filter(|it| it["subject"] == "catalogue" && it["state"] == "bad");
        bad.map(|it| it["message"].to_string()).collect::<Vec<_>>()
    };
    let told = doctor();
    assert!(told.len() == 3 && told[0].contains("is missing"), "{told:?}");

    let node = Node::start(&data_dir);
    let client = RestClient::new(&node);
    let count = client.post("/v1/collections/films/documents/count", json!({})).await;
    assert_eq!(count["count"], 1);
    let ready = client.get("/readyz").await;
    let findings = ready["findings"].as_array().unwrap().iter();
    let kinds: Vec<_> = findings.map(|finding| finding["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["rebuilt", "set_aside", "adopted"], "{ready}");
    let said = json(&node.akidb(["ready", "--output", "json"]));
    assert_eq!(said["findings"], ready["findings"]);
    assert!(node.stop().success());
    let log = fs::read_to_string(data_dir.with_extension("log")).unwrap();
    assert!(log.lines().any(|line| line.contains("ERROR") && line.contains("adopted")), "{log}");
    let told = doctor();
    assert!(told.len() == 1 && told[0].contains("lost+found"), "{told:?}");
}

/// As after `kill -9`, when the system still takes the process down.
#[test]
fn a_start_waits_for_a_node_that_is_ending() {
    let (_folder, data_dir) = scratch();
    let mut node = Node::start(&data_dir);
    node.signal(Signal::KILL);
    node.wait();
    let [directory, file] = [data_dir.clone(), data_dir.join("LOCK")].map(|path| {
        let file = fs::File::open(path).unwrap();
        file.lock().unwrap();
        file
    });
    let ends = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(700));
        drop((directory, file));
    });
    assert!(Node::start(&data_dir).stop().success());
    ends.join().unwrap();
}
