//! A listener with real sockets, and a door that needs no service.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use akidb_core::ErrorCode;
use http::StatusCode;
use hyper::body::Frame;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::*;

/// Far away: what is waited for comes long before.
const LONG: Duration = Duration::from_secs(60);
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Answers by path: `/health` always, `/begun` when it is told to, `/endless` without end.
#[derive(Clone)]
struct TestDoor {
    /// Told of each `/begun` that has come, with what lets it go on, and of each reply that ends.
    begun: mpsc::UnboundedSender<Option<oneshot::Sender<()>>>,
}

enum Text {
    Once(Option<Bytes>),
    /// Says when it is dropped.
    Endless(mpsc::UnboundedSender<Option<oneshot::Sender<()>>>),
    Panics,
}

impl Body for Text {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(match &mut *self {
            Self::Once(text) => text.take().map(|text| Ok(Frame::data(text))),
            Self::Endless(_) => Some(Ok(Frame::data(Bytes::from(vec![b'x'; 64 << 10])))),
            Self::Panics => panic!("on purpose"),
        })
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        if let Self::Endless(ended) = self {
            let _ = ended.send(None);
        }
    }
}

impl Handler for TestDoor {
    type Body = Text;

    async fn answer(&self, request: Request<RequestBody>, arrival: Arrival) -> Response<Text> {
        let path = request.uri().path();
        if let Some(error) = arrival.refusal(path == "/health") {
            let mut response = Response::new(Text::Once(Some(error.to_string().into())));
            *response.status_mut() = StatusCode::from_u16(error.code.http_status()).unwrap();
            return response;
        }
        match path {
            "/begun" => {
                let (go_on, goes_on) = oneshot::channel();
                self.begun.send(Some(go_on)).unwrap();
                let _ = goes_on.await;
            }
            "/endless" => return Response::new(Text::Endless(self.begun.clone())),
            "/panics" => panic!("on purpose"),
            "/reply-panics" => return Response::new(Text::Panics),
            _ => {}
        }
        Response::new(Text::Once(Some(format!("{path} of {}", arrival.client).into())))
    }

    fn failed(&self, error: Error, id: &RequestId) -> Response<Text> {
        let mut response = Response::new(Text::Once(Some(format!("{error} {id}").into())));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    }
}

struct Server {
    address: SocketAddr,
    begun: mpsc::UnboundedReceiver<Option<oneshot::Sender<()>>>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// Whose timers are far away, unless a test is about one.
fn options() -> ListenerOptions {
    ListenerOptions {
        header_read_timeout: LONG,
        idle_timeout: LONG,
        reply_idle_timeout: LONG,
        drain_timeout: LONG,
        ..ListenerOptions::default()
    }
}

async fn start(options: ListenerOptions) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (begins, begun) = mpsc::unbounded_channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let door = TestDoor { begun: begins };
    let counted = (Door::Rest, DoorMetrics::new().unwrap());
    let shutdown = async { drop(stopped.await) };
    let task = tokio::spawn(serve(listener, door, options, counted, shutdown));
    Server { address, begun, stop, task }
}

/// Sends some bytes.
async fn send(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// Reads until the server closes.
async fn read(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let read = timeout(LONG, stream.read_to_end(&mut answer)).await;
    drop(read.expect("the server keeps the connection open"));
    String::from_utf8_lossy(&answer).into_owned()
}

async fn ask(address: SocketAddr, path: &str, more: &str) -> String {
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{more}\r\n");
    read(send(address, head.as_bytes()).await).await
}

#[tokio::test]
async fn clients_that_never_finish_a_head_are_closed() {
    let header_read_timeout = Duration::from_millis(50);
    let server = start(ListenerOptions { header_read_timeout, ..options() }).await;
    for stalled in [&b""[..], b"P", b"GET / HTT", b"GET / HTTP/1.1\r\nx: y\r\n", &PREFACE[..20]] {
        read(send(server.address, stalled).await).await;
    }
    // A connection that waits for its next request is no different.
    let idle = send(server.address, b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(read(idle).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn http2_connections_without_requests_are_ended() {
    let idle_timeout = Duration::from_millis(50);
    let reply_idle_timeout = Duration::from_millis(50);
    let server = start(ListenerOptions { idle_timeout, reply_idle_timeout, ..options() }).await;
    read(send(server.address, PREFACE).await).await;
    let settings = [PREFACE, &[0, 0, 0, 4, 0, 0, 0, 0, 0]].concat();
    read(send(server.address, &settings).await).await;
}

#[tokio::test]
async fn clients_that_do_not_read_a_reply_are_closed() {
    let reply_idle_timeout = Duration::from_millis(50);
    let mut server = start(ListenerOptions { reply_idle_timeout, ..options() }).await;
    let stalled = send(server.address, b"GET /endless HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(timeout(LONG, server.begun.recv()).await.unwrap().unwrap().is_none());
    drop(stalled);
}

#[tokio::test]
async fn a_reply_may_take_longer_than_every_timer() {
    let short = Duration::from_millis(20);
    let mut server = start(ListenerOptions {
        header_read_timeout: short,
        idle_timeout: short,
        reply_idle_timeout: short,
        ..options()
    })
    .await;
    let asked = tokio::spawn(ask(server.address, "/begun", ""));
    let go_on = server.begun.recv().await.unwrap().unwrap();
    // Others come and go meanwhile, each of whom every timer ends.
    for _ in 0..5 {
        read(send(server.address, b"GET").await).await;
    }
    go_on.send(()).unwrap();
    assert!(asked.await.unwrap().starts_with("HTTP/1.1 200"));
}

/// 1,024 silent sockets made a node unreachable, health included, for as long as they liked.
#[tokio::test]
async fn health_is_answered_however_many_connections_are_held() {
    let limits = [
        ListenerOptions { max_connections: 4, ..options() },
        ListenerOptions { connections_per_ip: 1, ..options() },
    ];
    for (limits, named) in limits.into_iter().zip(["max_connections", "connections_per_ip"]) {
        let server = start(limits).await;
        let mut held = Vec::new();
        for _ in 0..200 {
            held.push(send(server.address, b"GET / HTTP/1.1\r\n").await);
        }
        assert!(ask(server.address, "/health", "").await.contains("/health of 127.0.0.1\r\n"));
        let refused = ask(server.address, "/", "").await;
        assert!(refused.starts_with("HTTP/1.1 503") && refused.contains(named), "{refused}");
        drop(held);
        // When they have gone, everything is answered again.
        while !ask(server.address, "/", "").await.starts_with("HTTP/1.1 200") {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn behind_a_proxy_the_last_untrusted_hop_counts() {
    let mut server = start(ListenerOptions {
        connections_per_ip: 1,
        trusted_proxies: vec!["127.0.0.1".parse().unwrap(), "10.0.0.0/8".parse().unwrap()],
        ..options()
    })
    .await;
    let address = server.address;
    let of = |hops: &str| format!("x-forwarded-for: {hops}\r\n");
    for (hops, client) in [
        ("192.0.2.1", "192.0.2.1"),
        ("198.51.100.9, 192.0.2.1, 10.1.1.1", "192.0.2.1"),
        ("192.0.2.1, nonsense, 10.1.1.1", "10.1.1.1"),
        ("nonsense", "127.0.0.1"),
    ] {
        let answer = ask(address, "/", &of(hops)).await;
        assert!(answer.contains(&format!("/ of {client}\r\n")), "{answer}");
    }
    let hops = of("192.0.2.1");
    let first = tokio::spawn(async move { ask(address, "/begun", &hops).await });
    let go_on = server.begun.recv().await.unwrap().unwrap();
    let refused = ask(address, "/", &of("192.0.2.1")).await;
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("connections_per_ip"));
    assert!(ask(address, "/", &of("192.0.2.2")).await.starts_with("HTTP/1.1 200"));
    assert!(ask(address, "/health", &of("192.0.2.1")).await.starts_with("HTTP/1.1 200"));
    go_on.send(()).unwrap();
    assert!(first.await.unwrap().starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn who_is_no_proxy_is_who_the_connection_says() {
    let server = start(options()).await;
    let answer = ask(server.address, "/", "x-forwarded-for: 192.0.2.1\r\n").await;
    assert!(answer.contains("/ of 127.0.0.1\r\n"), "{answer}");
}

#[tokio::test]
async fn malformed_heads_are_answered_and_end_the_connection() {
    let server = start(options()).await;
    let body = "content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let heads = [
        "GET /health HTTP/1.1\r\n\r\n".to_owned(),
        "GET /health HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n\r\n".to_owned(),
        "GET /health HTTP/1.1\r\nhost: localhost\nx: y\r\n\r\n".to_owned(),
        format!("POST /health HTTP/1.1\r\nhost: localhost\r\n{body}"),
        "POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"
            .to_owned(),
    ];
    for head in heads {
        // A second request behind it is not answered: where it begins is not known.
        let both = format!("{head}GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
        let answer = read(send(server.address, both.as_bytes()).await).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{head:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{head:?}: {answer}");
        assert!(answer.contains(ErrorCode::MalformedRequest.as_str()), "{head:?}: {answer}");
    }
    let two = "GET /a HTTP/1.1\r\nhost: localhost\r\n\r\n\
               GET /b HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let answer = read(send(server.address, two.as_bytes()).await).await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 2, "{answer}");
}

#[tokio::test]
async fn a_panic_is_an_answer_of_its_own_request() {
    let server = start(options()).await;
    let answer = ask(server.address, "/panics", "x-request-id: mine\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    assert!(answer.contains("x-request-id: mine\r\n") && answer.contains("internal"), "{answer}");
    let answer = ask(server.address, "/", "x-request-id: of mine\r\n").await;
    assert!(answer.contains("x-request-id: ") && !answer.contains("of mine"), "{answer}");
    // The head is on its way already: all that can be told is that the reply is not whole.
    let cut = ask(server.address, "/reply-panics", "").await;
    assert!(!cut.contains("\r\n0\r\n"), "{cut}");
    assert!(ask(server.address, "/", "").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_stop_lets_requests_finish_and_closes_idle_connections() {
    let mut server = start(options()).await;
    let address = server.address;
    let mut idle = send(address, b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(idle.read(&mut [0; 1_024]).await.unwrap() > 0);
    let in_flight = tokio::spawn(ask(address, "/begun", ""));
    let go_on = server.begun.recv().await.unwrap().unwrap();
    server.stop.send(()).unwrap();
    read(idle).await;
    assert!(TcpStream::connect(address).await.is_err());
    go_on.send(()).unwrap();
    assert!(in_flight.await.unwrap().starts_with("HTTP/1.1 200"));
    timeout(LONG, server.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let drain_timeout = Duration::from_millis(50);
    let mut server = start(ListenerOptions { drain_timeout, ..options() }).await;
    let in_flight = tokio::spawn(ask(server.address, "/begun", ""));
    let _never = server.begun.recv().await.unwrap().unwrap();
    server.stop.send(()).unwrap();
    timeout(LONG, server.task).await.unwrap().unwrap();
    assert_eq!(in_flight.await.unwrap(), "");
}
