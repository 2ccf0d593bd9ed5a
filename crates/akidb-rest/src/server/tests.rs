//! The accept loop with real sockets and a router that needs no service.

use std::{net::SocketAddr, time::Instant};

use axum::routing::get;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::oneshot,
    task::JoinHandle,
};

use super::*;

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

async fn start(options: RestOptions) -> Server {
    let slow = || async {
        sleep(Duration::from_millis(400)).await;
        "slow"
    };
    let router = Router::new().route("/", get(|| async { "fast" })).route("/slow", get(slow));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(async move {
        let shutdown = async { drop(stopped.await) };
        let metrics = DoorMetrics::new().unwrap();
        serve_router(listener, router, &options, &metrics, shutdown).await;
    });
    Server { address, stop, task }
}

fn options() -> RestOptions {
    RestOptions {
        header_read_timeout: Duration::from_millis(200),
        drain_timeout: Duration::from_secs(5),
        ..RestOptions::default()
    }
}

/// Sends some bytes and reads until the server closes.
async fn talk(address: SocketAddr, send: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(send).await.unwrap();
    let mut answer = Vec::new();
    drop(timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.unwrap());
    String::from_utf8_lossy(&answer).into_owned()
}

fn request(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn clients_that_never_finish_a_head_are_closed() {
    let server = start(options()).await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for stalled in [&b""[..], b"P", b"GET / HTT", b"GET / HTTP/1.1\r\nx: y\r\n", preface] {
        let started = Instant::now();
        talk(server.address, stalled).await;
        assert!(started.elapsed() < Duration::from_secs(2), "{stalled:?}");
    }
}

#[tokio::test]
async fn a_request_may_take_longer_than_its_head() {
    let server = start(options()).await;
    let answer = talk(server.address, &request("/slow")).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("slow"), "{answer}");
}

#[tokio::test]
async fn a_stop_lets_requests_finish_and_closes_idle_connections() {
    let options = RestOptions { header_read_timeout: Duration::from_secs(60), ..options() };
    let server = start(options).await;
    let address = server.address;
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(&request("/")).await.unwrap();
    assert!(idle.read(&mut [0; 1_024]).await.unwrap() > 0);
    let in_flight = tokio::spawn(async move { talk(address, &request("/slow")).await });
    sleep(Duration::from_millis(100)).await;
    server.stop.send(()).unwrap();
    assert!(in_flight.await.unwrap().ends_with("slow"));
    timeout(Duration::from_secs(2), server.task).await.unwrap().unwrap();
    assert_eq!(idle.read(&mut [0; 16]).await.unwrap(), 0);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let options = RestOptions { drain_timeout: Duration::from_millis(50), ..options() };
    let server = start(options).await;
    let address = server.address;
    let in_flight = tokio::spawn(async move { talk(address, &request("/slow")).await });
    sleep(Duration::from_millis(100)).await;
    server.stop.send(()).unwrap();
    timeout(Duration::from_millis(250), server.task).await.unwrap().unwrap();
    assert_eq!(in_flight.await.unwrap(), "");
}

#[tokio::test]
async fn connections_above_the_cap_wait_for_their_turn() {
    let options = RestOptions { max_connections: 1, ..options() };
    let server = start(options).await;
    let address = server.address;
    let started = Instant::now();
    let first = tokio::spawn(async move { talk(address, &request("/slow")).await });
    sleep(Duration::from_millis(50)).await;
    let second = talk(address, &request("/")).await;
    assert!(first.await.unwrap().ends_with("slow"));
    assert!(second.ends_with("fast"), "{second}");
    assert!(started.elapsed() >= Duration::from_millis(400));
}
