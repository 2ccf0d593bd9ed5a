//! The client against a node whose answers are written down: what it sends again, how long it waits,
//! how much it reads.
#![expect(clippy::unwrap_used, reason = "a test whose world is not as it must be fails")]

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread::{JoinHandle, spawn},
    time::Duration,
};

use akidb_client::{Client, ErrorCode, NewCollection, Request, RequestError, Retries};
use serde_json::Value;

const BUSY: &str = r#"{"error":{"code":"overloaded","message":"busy","retryable":true,"outcome":"not_applied"},"request_id":"r"}"#;
const UNKNOWN: &str = r#"{"error":{"code":"deadline_exceeded","message":"late","retryable":true,"outcome":"unknown"},"request_id":"r"}"#;

/// What a node does with a connection after it has read the request.
#[derive(Clone, Copy)]
enum Step {
    Answer(u16, &'static str),
    Close,
    Silence,
}

/// Answers one request a connection; gives back what it was asked.
fn node(steps: Vec<Step>) -> (Client, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let asked = spawn(move || {
        let asked = steps.into_iter().map(|step| {
            let mut stream = listener.accept().unwrap().0;
            let request = read_request(&mut stream);
            if let Step::Answer(status, body) = step {
                let length = body.len();
                write!(
                    stream,
                    "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                )
                .unwrap();
            }
            if matches!(step, Step::Silence) {
                // Until the client has given it up.
                drop(stream.read(&mut [0]));
            }
            request
        });
        asked.collect()
    });
    let retries = Retries { first_wait: Duration::from_millis(1), ..Retries::default() };
    (Client::new(&url).unwrap().with_retries(retries), asked)
}

/// Head and body, by its length.
fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok()
            });
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).unwrap();
        request.extend_from_slice(&chunk[..read]);
    }
}

#[tokio::test]
async fn a_busy_node_is_asked_again() {
    let (client, asked) = node(vec![Step::Answer(503, BUSY), Step::Answer(200, "{\"count\":7}")]);
    let new = NewCollection::with_default_model("films");
    let sent: Value =
        client.send(Request::post(&["v1", "a/b"]).json(&new).if_seq(3)).await.unwrap();
    assert_eq!(sent["count"], 7);
    let asked = asked.join().unwrap();
    assert_eq!(asked[0], asked[1]);
    assert!(asked[0].starts_with("POST /v1/a%2Fb HTTP/1.1\r\n"), "{}", asked[0]);
    assert!(asked[0].contains("if-match: \"3\"\r\n"), "{}", asked[0]);
    assert!(asked[0].ends_with("\r\n\r\n{\"name\":\"films\"}"), "{}", asked[0]);
}

#[tokio::test]
async fn what_may_have_been_done_is_not_done_twice() {
    for lost in [Step::Answer(504, UNKNOWN), Step::Close] {
        let (client, asked) = node(vec![lost]);
        client.send::<Value>(Request::delete(&["x"])).await.unwrap_err();
        assert_eq!(asked.join().unwrap().len(), 1);
        let (client, asked) = node(vec![lost, Step::Answer(200, "")]);
        client.send::<Value>(Request::get(&["x"])).await.unwrap();
        assert_eq!(asked.join().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn an_error_that_stays_is_told_after_the_last_attempt() {
    let (client, asked) = node(vec![Step::Answer(503, BUSY); 4]);
    let error = client.collections().await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::Overloaded));
    assert!(error.changed_nothing());
    assert_eq!(asked.join().unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_node_is_given_up_and_told_how_long_it_had() {
    let (client, asked) = node(vec![Step::Silence]);
    let within = Duration::from_millis(50);
    let error = client.with_timeout(within).version().await.unwrap_err();
    assert!(matches!(error, RequestError::TimedOut { within: told, .. } if told == within));
    let asked = asked.join().unwrap();
    let told = asked[0].lines().find_map(|line| line.strip_prefix("x-request-timeout-ms: "));
    assert!(told.unwrap().parse::<u64>().unwrap() <= 50, "{told:?}");
}

#[tokio::test]
async fn a_longer_answer_than_the_limit_is_not_read() {
    let (client, _) = node(vec![Step::Answer(200, "{\"name\":\"akidb\",\"version\":\"1\"}")]);
    let error = client.with_answer_limit(10).version().await.unwrap_err();
    assert_eq!(error, RequestError::AnswerTooLarge { limit_bytes: 10 });
}

#[tokio::test]
async fn a_request_that_is_no_http_is_not_sent() {
    let client = Client::new("http://127.0.0.1:9").unwrap();
    let error = client.send::<Value>(Request::get(&[]).header("x", "a\nb")).await.unwrap_err();
    assert!(matches!(&error, RequestError::Invalid { .. }) && error.changed_nothing(), "{error}");
    for url in ["127.0.0.1", "ftp://127.0.0.1", "unix:/x"] {
        assert!(Client::new(url).is_err(), "{url}");
    }
    let none = Client::with_authorities("https://127.0.0.1", b"no certificate").unwrap_err();
    assert!(none.to_string().contains("no certificate in PEM"), "{none}");
}
