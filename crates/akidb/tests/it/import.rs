//! Imports through the doors of a real node: the command, and clients of other manners.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    process::{Output, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json as value};

use crate::node::{Node, akidb, assert_failed, json, scratch, stderr};

/// A node with the collection `notes`.
fn node() -> (tempfile::TempDir, Node) {
    let (folder, data_dir) = scratch();
    let node = Node::start(&data_dir);
    json(&node.akidb(["collection", "create", "notes", "--output", "json"]));
    (folder, node)
}

fn count(node: &Node) -> u64 {
    let shown = json(&node.akidb(["collection", "show", "notes", "--output", "json"]));
    shown["document_count"].as_u64().unwrap()
}

/// The value of a metric without labels, or of all of its labels together.
fn metric(node: &Node, name: &str) -> f64 {
    let text = get(node, "/metrics");
    let values = text.lines().filter_map(|line| line.strip_prefix(name)?.rsplit_once(' '));
    values.map(|(_, value)| value.parse::<f64>().unwrap()).sum()
}

fn get(node: &Node, path: &str) -> String {
    let mut stream = connect(node);
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn connect(node: &Node) -> TcpStream {
    let stream = TcpStream::connect(node.url().strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(600))).unwrap();
    stream
}

/// A connection that has sent the head of an import of so many bytes. To HTTP/1.0 the answer is
/// lines and nothing else.
fn begin(node: &Node, bytes: usize) -> TcpStream {
    let mut stream = connect(node);
    write!(
        stream,
        "POST /v1/collections/notes/import HTTP/1.0\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\n\
         content-length: {bytes}\r\n\r\n"
    )
    .unwrap();
    stream
}

/// The lines of an answer, until the connection ends.
fn answers(stream: TcpStream) -> impl Iterator<Item = Value> {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    lines.filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(&line).unwrap())
}

fn note(i: usize) -> String {
    format!("{{\"id\":{i},\"text\":\"note {i}\"}}\n")
}

fn run<'a>(node: &Node, args: impl IntoIterator<Item = &'a str>, stdin: &str) -> Output {
    let import = ["import", "notes", "-", "--output", "json"];
    node.akidb_with_stdin(import.into_iter().chain(args), stdin)
}

fn answer(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn ten_thousand_lines_good_and_bad_and_again_without_embedding() {
    let (folder, node) = node();
    let bad = [
        "{\"id\":",
        "[1]",
        "{\"id\":1,\"text\":\" \"}",
        "{\"txt\":\"a\"}",
        "{\"text\":\"\\u0000\"}",
    ];
    let lines: String = (0..10_000)
        .map(|i| match i % 20 {
            7 => format!("{}\n", bad[i / 20 % bad.len()]),
            13 => "\r\n".to_owned(),
            14 => note(i).replace('\n', "\r\n"),
            _ => note(i),
        })
        .collect();
    let lines = format!("\u{feff}{}", lines.trim_end());
    let errors = folder.path().join("errors.jsonl");
    let output = run(&node, ["--errors", errors.to_str().unwrap()], &lines);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("500 of 9500 lines failed"), "{}", stderr(&output));
    let told = answer(&output);
    assert_eq!((&told["created"], &told["failed"]), (&value!(9_000), &value!(500)));
    assert_eq!(told["complete"], true);
    let reasons = std::fs::read_to_string(errors.with_extension("jsonl.reasons")).unwrap();
    let numbers = reasons.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let numbers = numbers.map(|failed| failed["line"].as_u64().unwrap());
    assert!(numbers.eq((0..500).map(|i| i * 20 + 8)));
    // The lines themselves are there as they were.
    let failed = std::fs::read_to_string(errors).unwrap();
    assert!(failed.lines().eq((0..500).map(|i| bad[i % bad.len()])), "{failed}");
    assert_eq!(count(&node), 9_000);

    let tokens = metric(&node, "akidb_embedding_tokens_total");
    let reused = metric(&node, "akidb_upsert_texts_reused_total");
    let output = run(&node, [], &lines);
    assert!(stderr(&output).contains("line 8: malformed_request: "), "{}", stderr(&output));
    assert!(stderr(&output).contains("400 more lines failed"), "{}", stderr(&output));
    assert_eq!(answer(&output)["updated"], 9_000);
    assert_eq!(metric(&node, "akidb_embedding_tokens_total"), tokens);
    assert_eq!(metric(&node, "akidb_upsert_texts_reused_total"), reused + 9_000.0);
}

/// Each would wait for the other, were the answers not kept.
#[test]
fn a_client_may_send_everything_before_it_reads() {
    let (_folder, node) = node();
    // Short lines and long answers, of more bytes than both ends' buffers.
    let lines = "{\"x\":1}\n".repeat(60_000);
    let mut stream = begin(&node, lines.len());
    stream.write_all(lines.as_bytes()).unwrap();
    while metric(&node, "akidb_import_lines_total") < 60_000.0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    let told: Vec<Value> = answers(stream).collect();
    assert_eq!(told.len(), 60_001);
    assert!(told.iter().zip(1..=60_000).all(|(told, number)| told["line"] == number));
    assert_eq!(told[60_000]["summary"]["failed"], 60_000);
}

#[test]
fn slow_clients_get_each_answer_when_it_is_due() {
    let (_folder, node) = node();
    let total: usize = (1..=5).map(|i| note(i).len()).sum();
    let mut stream = begin(&node, total);
    let mut told = answers(stream.try_clone().unwrap());
    for i in 1..=5 {
        let (first, second) = (note(i), note(i));
        stream.write_all(&first.as_bytes()[..7]).unwrap();
        std::thread::sleep(Duration::from_millis(5));
        stream.write_all(&second.as_bytes()[7..]).unwrap();
        assert_eq!(told.next().unwrap()["line"], i);
        assert_eq!(count(&node), i as u64);
    }
    assert_eq!(told.next().unwrap()["summary"]["created"], 5);
}

#[test]
fn a_client_that_goes_away_leaves_whole_documents_and_no_work() {
    let (_folder, node) = node();
    let lines: String = (0..5_000).map(note).collect();
    let mut stream = begin(&node, lines.len() * 2);
    let mut told = answers(stream.try_clone().unwrap());
    stream.write_all(lines.as_bytes()).unwrap();
    let acknowledged = 1 + told.by_ref().take(299).count() as u64;
    stream.shutdown(Shutdown::Both).unwrap();
    drop((stream, told));
    while metric(&node, "akidb_requests_in_flight") > 0.0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let stored = count(&node);
    assert!(stored >= acknowledged - 1, "{stored} of {acknowledged}");
    // The next import finds its place and ends.
    assert_eq!(answer(&run(&node, [], &lines))["complete"], true);
    assert_eq!(count(&node), 5_000);
    assert_eq!(metric(&node, "akidb_embedding_queue_depth"), 0.0);
}

#[test]
fn a_text_of_a_megabyte_is_stored_and_a_longer_one_refused() {
    let (_folder, node) = node();
    let line = |bytes: usize| format!("{{\"text\":\"{}\"}}\n", "word ".repeat(bytes.div_ceil(5)));
    let output = run(&node, [], &format!("{}{}{}", line(1_000_000), line(1_048_580), note(1)));
    let told = answer(&output);
    assert_eq!((&told["created"], &told["failed"]), (&value!(2), &value!(1)));
    assert!(stderr(&output).contains("line 2: invalid_text: text: "), "{}", stderr(&output));
    let output = run(&node, [], &format!("{}{}", line(9 << 20), note(2)));
    assert!(stderr(&output).contains("(import_line_bytes)"), "{}", stderr(&output));
    assert_eq!(answer(&output)["created"], 1);
}

#[test]
fn an_interrupted_import_reports_and_keeps_what_was_acknowledged() {
    let (_folder, node) = node();
    let mut command = akidb(["import", "notes", "-", "--output", "json"]);
    command.env("AKIDB_URL", node.url());
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let lines: String = (0..1_000).map(note).collect();
    stdin.write_all(lines.as_bytes()).unwrap();
    while count(&node) < 1_000 {
        std::thread::sleep(Duration::from_millis(5));
    }
    kill_process(Pid::from_raw(child.id().try_into().unwrap()).unwrap(), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    let told = answer(&output);
    assert_eq!(told["complete"], false);
    assert!((1..=1_000).contains(&told["created"].as_u64().unwrap()), "{told}");
    assert!(stderr(&output).contains("run it again"), "{}", stderr(&output));
}

#[test]
fn what_can_not_be_imported_is_said_at_once() {
    let (folder, node) = node();
    let output = node.akidb(["import", "nothing", "-"]);
    assert_failed(&output, 1, &["collection_not_found", "collection list"]);
    let output = node.akidb(["import", "notes", folder.path().to_str().unwrap()]);
    assert_failed(&output, 64, &["is a folder, expected is a file"]);
    if cfg!(target_os = "linux") {
        // It can be opened, and nothing lies where reading begins.
        let output = node.akidb(["import", "notes", "/proc/self/mem"]);
        assert!(stderr(&output).contains("cannot read /proc/self/mem"), "{}", stderr(&output));
        assert_eq!(output.status.code(), Some(74));
    }
    let output = node.akidb(["import", "notes", "/nowhere/notes.jsonl"]);
    assert_failed(&output, 74, &["cannot open /nowhere/notes.jsonl"]);
}

#[test]
fn a_stop_of_the_node_ends_an_import_with_its_reason() {
    let (_folder, mut node) = node();
    let mut stream = begin(&node, 1_000_000);
    let mut told = answers(stream.try_clone().unwrap());
    stream.write_all(note(1).as_bytes()).unwrap();
    assert_eq!(told.next().unwrap()["status"], "created");
    node.signal(Signal::TERM);
    let last = told.last().unwrap();
    assert_eq!(last["error"]["code"], "shutting_down");
    assert_eq!(last["summary"]["created"], 1);
    drop(stream);
    assert!(node.wait().success());
}

/// Every line whose answer came is there after `kill -9`, at whatever moment that was.
#[test]
fn acknowledged_lines_survive_being_killed() {
    let (_folder, data_dir) = scratch();
    let mut node = Node::start(&data_dir);
    json(&node.akidb(["collection", "create", "notes", "--output", "json"]));
    let lines: String = (0..20_000).map(note).collect();
    for cycle in 0..6 {
        let mut stream = begin(&node, lines.len());
        let told = answers(stream.try_clone().unwrap());
        let sending = lines.clone();
        // Fails when the node is gone.
        let sender = std::thread::spawn(move || drop(stream.write_all(sending.as_bytes())));
        let mut acknowledged = 0;
        for answer in told.take(1 + cycle * 1_500) {
            acknowledged = answer["line"].as_u64().unwrap();
        }
        node.signal(Signal::KILL);
        node.wait();
        sender.join().unwrap();
        node = Node::start(&data_dir);
        assert!(count(&node) >= acknowledged, "cycle {cycle}: {} of {acknowledged}", count(&node));
        let ids: Vec<u64> = (0..acknowledged).collect();
        for ids in ids.chunks(1_000) {
            let found = post(&node, "documents/get", &value!({"ids": ids}));
            let found = found["documents"].as_array().unwrap();
            assert_eq!(found.len(), ids.len(), "cycle {cycle}");
            for document in found {
                let id = &document["id"];
                assert_eq!(document["text"], format!("note {id}"));
            }
        }
    }
    assert_eq!(answer(&run(&node, [], &lines))["complete"], true);
    assert_eq!(count(&node), 20_000);
}

fn post(node: &Node, path: &str, body: &Value) -> Value {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = crate::rest_client::RestClient::new(node);
    runtime.block_on(client.post(&format!("/v1/collections/notes/{path}"), body.clone()))
}
