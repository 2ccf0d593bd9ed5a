//! A hostile network: more sockets than a node serves, all of which do next to nothing, and requests
//! as a page in a browser would make them. The node stays alive for others.

use std::{
    io::Write,
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use rand::{Rng, rngs::StdRng};

use crate::{
    case::{Context, Tally, count},
    client::{Client, Reply},
    node::Node,
    shared::create_shared,
};

/// Sockets of one case, more than a node serves at once by default.
const SOCKETS: usize = 1_100;
const PROBES: usize = 40;
/// What nobody waits for longer; far above what is measured.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// What the sockets do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stall {
    /// Nothing.
    Idle,
    /// Half a header.
    Header,
    /// A header and half a body.
    Body,
    /// An import that stops after a line.
    Import,
    /// A large answer that nobody reads.
    Answer,
    /// Half a preface of HTTP/2, at the door of gRPC.
    Preface,
    /// Requests of a browser that a page made it send.
    Browser,
}

const STALLS: [Stall; 7] = [
    Stall::Idle,
    Stall::Header,
    Stall::Body,
    Stall::Import,
    Stall::Answer,
    Stall::Preface,
    Stall::Browser,
];

pub(crate) fn run(context: &Context) -> Result<Tally> {
    let mut tally = Tally::new();
    let mut random = context.random("network");
    let node = Node::must_start(&context.launch, &context.folder.join("data"))?;
    create_shared(&mut node.client())?;
    let stall = STALLS[usize::try_from(context.number)? % STALLS.len()];
    if stall == Stall::Browser {
        let refused = browser(&node)?;
        count(&mut tally, "requests of a page, refused", refused);
        node.stop()?;
        return Ok(tally);
    }
    let address = if stall == Stall::Preface { node.grpc } else { node.rest };
    let sockets: Vec<_> = (0..SOCKETS).filter_map(|_| open(stall, address, &mut random)).collect();
    let slowest = probe(node.rest).map_err(|fault| {
        anyhow::anyhow!("{} sockets that stall ({stall:?}): {fault}", sockets.len())
    })?;
    count(&mut tally, "stalled sockets", sockets.len() as u64);
    count(&mut tally, "slowest answers, ms", u64::try_from(slowest.as_millis())?);
    drop(sockets);
    // Who comes afterwards is served as before.
    let list = node.client().read("GET", "/v1/collections", None)?;
    if !list.is_success() {
        bail!("after {stall:?}: {}", list.text);
    }
    node.stop()?;
    Ok(tally)
}

fn open(stall: Stall, address: SocketAddr, random: &mut StdRng) -> Option<TcpStream> {
    let mut socket = TcpStream::connect_timeout(&address, Duration::from_secs(2)).ok()?;
    let import = "POST /v1/collections/s-vectors/import HTTP/1.1\r\nHost: 127.0.0.1\r\n\
                  Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n\
                  2\r\n{}\r\n";
    let body = "POST /v1/collections/s-vectors/documents HTTP/1.1\r\nHost: 127.0.0.1\r\n\
                Content-Type: application/json\r\nContent-Length: 5000000\r\n\r\n{\"documents\":";
    let text = match stall {
        Stall::Idle | Stall::Browser => "",
        Stall::Header => "GET /v1/collections HTTP/1.1\r\nHost: 127",
        Stall::Body => body,
        Stall::Import => import,
        Stall::Answer => "GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        Stall::Preface => "PRI * HTTP/2.0\r\n\r\nSM",
    };
    let cut = match stall {
        Stall::Header | Stall::Preface => random.random_range(1..=text.len()),
        _ => text.len(),
    };
    // One that is closed at once is one less to serve.
    socket.write_all(&text.as_bytes()[..cut]).ok()?;
    Some(socket)
}

/// Health is answered all the while, over connections of its own.
fn probe(address: SocketAddr) -> Result<Duration, String> {
    let mut slowest = Duration::ZERO;
    for _ in 0..PROBES {
        let started = Instant::now();
        let reply = Client::new(address).send("GET", "/livez", None);
        let took = started.elapsed();
        match reply {
            Ok(reply) if reply.is_success() && took < ANSWERED_WITHIN => {}
            Ok(reply) => return Err(format!("livez {} after {took:?}", reply.status)),
            Err(error) => return Err(format!("livez is not answered after {took:?}: {error}")),
        }
        slowest = slowest.max(took);
        thread::sleep(Duration::from_millis(10));
    }
    Ok(slowest)
}

/// What a page of another site can make a browser send, none of which may be done.
fn browser(node: &Node) -> Result<u64> {
    let delete = "/v1/collections/s-vectors/documents/delete";
    let body = r#"{"filter": {"group": 1}}"#;
    let fresh = || Client::new(node.rest);
    let mut refused = 0;
    let mut must_refuse = |what: &str, reply: std::io::Result<Reply>| -> Result<()> {
        match reply {
            Ok(reply) if reply.is_success() => bail!("{what} is done for a page of another site"),
            Ok(reply) if reply.status >= 500 => bail!("{what} is answered {}", reply.text),
            _ => refused += 1,
        }
        Ok(())
    };
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let reply = fresh().send_text("POST", delete, content_type, Some(body));
        must_refuse(&format!("a POST of {content_type}"), reply)?;
    }
    let json =
        |client: &mut Client| client.send_text("POST", delete, "application/json", Some(body));
    let origin = fresh().with_header("Origin", "http://evil.example");
    let site = fresh().with_header("Sec-Fetch-Site", "cross-site");
    let host = fresh().with_header("Host", "evil.example");
    for (what, mut client) in
        [("a foreign Origin", origin), ("a cross-site request", site), ("a second Host", host)]
    {
        must_refuse(what, json(&mut client))?;
    }
    Ok(refused)
}
