//! One connection, from its first byte to its last.

use std::{
    convert::Infallible,
    net::IpAddr,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use akidb_core::{Error, ErrorCode, Outcome};
use akidb_service::TlsFailure;
use http::{HeaderMap, HeaderValue, Request, Response, Version, header::CONNECTION};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use parking_lot::Mutex;
use tokio::{
    net::TcpStream,
    sync::{Notify, watch},
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{
    Arrival, ListenerOptions, REQUEST_ID, ReplyPatience, RequestBody, RequestId,
    activity::{Activity, Verdict},
    body::{InFlight, ReplyBody},
    guard::Guard,
    heads::Heads,
    panics::caught,
    server::Handler,
    slots::{Reserved, Slots},
    socket::Socket,
    tls::Handshakes,
    wire::{Duplex, Wire},
};

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The time for the head of a request of a connection beyond the caps.
const RESERVED_HEADER_TIMEOUT: Duration = Duration::from_secs(2);

/// How often the timers of a connection are looked at while the shortest of them runs.
const LOOKS: u32 = 4;

/// What all connections of a listener share.
pub(crate) struct Shared<H> {
    handler: H,
    options: ListenerOptions,
    /// Absent where HTTP is spoken without TLS.
    handshakes: Option<Handshakes>,
    guard: Guard,
    slots: Slots,
    draining: watch::Receiver<bool>,
}

impl<H> Shared<H> {
    pub(crate) fn new(
        handler: H,
        options: ListenerOptions,
        handshakes: Option<Handshakes>,
        draining: watch::Receiver<bool>,
    ) -> Self {
        Self {
            handler,
            handshakes,
            guard: Guard::new(options.hosts.clone(), options.cors_origins.clone()),
            slots: Slots::new(&options),
            options,
            draining,
        }
    }
}

/// What the requests of one connection share.
struct Connection<H> {
    shared: Arc<Shared<H>>,
    peer: IpAddr,
    activity: Arc<Activity>,
    heads: Arc<Mutex<Heads>>,
    /// Why only health routes are answered.
    refused: Option<Error>,
    /// Wakes when the connection should take no more requests.
    last_request: Notify,
}

/// Serves HTTP/1, or HTTP/2 to a client that starts with it, until either end closes.
///
/// The place of the connection is taken before this returns.
pub(crate) fn serve<H: Handler>(
    shared: Arc<Shared<H>>,
    stream: TcpStream,
    peer: IpAddr,
) -> impl Future<Output = ()> + Send + use<H> {
    let (slot, reserved) = shared.slots.connection(peer);
    async move {
        run(shared, stream, peer, reserved).await;
        drop(slot);
    }
}

async fn run<H: Handler>(
    shared: Arc<Shared<H>>,
    stream: TcpStream,
    peer: IpAddr,
    reserved: Option<Reserved>,
) {
    // Small answers must not wait for the acknowledgement of earlier ones.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "could not set TCP_NODELAY");
    }
    let mut options = shared.options.clone();
    if reserved.is_some() {
        options.header_read_timeout = options.header_read_timeout.min(RESERVED_HEADER_TIMEOUT);
    }
    let mut draining = shared.draining.clone();
    let evicted = reserved.as_ref().map(|reserved| reserved.evicted.clone());
    let activity = Arc::new(Activity::starting_now(&options));
    let socket = Socket::new(stream, activity.clone());
    let stream = tokio::select! {
        secured = secured(&shared, socket, &options) => secured,
        () = until_evicted(evicted.as_deref()) => None,
        _ = draining.wait_for(|draining| *draining) => None,
    };
    let Some(stream) = stream else {
        return tracing::debug!(%peer, "a connection ended before its first request");
    };
    let heads = Arc::new(Mutex::new(Heads::default()));
    let own = Arc::new(Connection {
        shared,
        peer,
        activity: activity.clone(),
        heads: heads.clone(),
        refused: reserved.map(|reserved| reserved.refused),
        last_request: Notify::new(),
    });
    let service = {
        let own = own.clone();
        service_fn(move |request| {
            let own = own.clone();
            async move { Ok::<_, Infallible>(own.answer(request).await) }
        })
    };
    let builder = builder(&options);
    let wire = TokioIo::new(Wire::new(stream, activity.clone(), heads));
    let mut http = pin!(builder.serve_connection(wire, service));
    let mut ticks = interval(tick(&options));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut finishing = None;
    loop {
        tokio::select! {
            ended = &mut http => {
                // A client that goes away in the middle is its own affair.
                if let Err(error) = ended {
                    tracing::debug!(error, "a connection ended early");
                }
                return;
            }
            () = until_evicted(evicted.as_deref()) => {
                return tracing::debug!(%peer, "closing a connection beyond the caps for another");
            }
            _ = draining.wait_for(|draining| *draining), if finishing.is_none() => {
                http.as_mut().graceful_shutdown();
                finishing = Some(Instant::now());
            }
            () = own.last_request.notified(), if finishing.is_none() => {
                http.as_mut().graceful_shutdown();
                finishing = Some(Instant::now());
            }
            _ = ticks.tick() => match activity.verdict(&options, finishing) {
                Verdict::Stay => {}
                Verdict::Finish => {
                    http.as_mut().graceful_shutdown();
                    finishing = Some(Instant::now());
                }
                Verdict::Close(reason) => return tracing::debug!(%peer, reason, "closing a connection"),
            },
        }
    }
}

/// The connection once HTTP may begin; none where the handshake has failed.
async fn secured<H>(
    shared: &Shared<H>,
    socket: Socket,
    options: &ListenerOptions,
) -> Option<Box<dyn Duplex>> {
    let Some(handshakes) = &shared.handshakes else {
        return Some(Box::new(socket));
    };
    match timeout(options.header_read_timeout, handshakes.secure(socket)).await {
        Ok(Ok(stream)) => Some(Box::new(stream)),
        Ok(Err(failure)) => {
            handshakes.failed(failure);
            None
        }
        Err(_) => {
            handshakes.failed(TlsFailure::TimedOut);
            None
        }
    }
}

async fn until_evicted(evicted: Option<&Notify>) {
    match evicted {
        Some(evicted) => evicted.notified().await,
        None => std::future::pending().await,
    }
}

fn tick(options: &ListenerOptions) -> Duration {
    let timers = [options.header_read_timeout, options.reply_idle_timeout, options.idle_timeout];
    let shortest = timers.into_iter().min().unwrap_or_default();
    (shortest / LOOKS).max(Duration::from_millis(1))
}

fn builder(options: &ListenerOptions) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(options.header_read_timeout)
        .max_buf_size(options.head_bytes_max.max(8 << 10));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(options.head_bytes_max).unwrap_or(u32::MAX))
        .max_concurrent_streams(options.max_streams_per_connection)
        .keep_alive_interval(options.keepalive_interval)
        .keep_alive_timeout(options.keepalive_timeout);
    builder
}

impl<H: Handler> Connection<H> {
    async fn answer(&self, request: Request<Incoming>) -> Response<ReplyBody<H::Body>> {
        let (at, id) = (Instant::now(), RequestId::of(request.headers()));
        let (parts, body) = request.into_parts();
        let is_http1 = parts.version <= Version::HTTP_11;
        let mut findings = self.shared.guard.look_at(&parts);
        if is_http1 && let Some(fault) = self.heads.lock().next_fault() {
            findings.malformed = Some(Error::new(ErrorCode::MalformedRequest, fault));
        }
        let client = self.client(&parts.headers);
        let mut refused = self.refused.clone();
        // A request of a client behind a proxy takes the place that a connection of its own would.
        let slot = match client == self.peer || !self.shared.slots.is_proxy(self.peer) {
            true => None,
            false => self.shared.slots.request(client).map_err(|error| refused = Some(error)).ok(),
        };
        let ends_connection = findings.malformed.is_some() || self.refused.is_some();
        let arrival = Arrival {
            id: id.clone(),
            at,
            client,
            malformed: findings.malformed,
            refused: refused.or(findings.refused),
            allowed_origin: findings.allowed_origin,
        };
        let in_flight = InFlight::starting_now(self.activity.clone(), slot);
        let body = RequestBody::new(body, self.activity.clone());
        let request = Request::from_parts(parts, body);
        let handler = &self.shared.handler;
        // A panic says nothing about how far the request came.
        let answer = caught(Outcome::Unknown, handler.answer(request, arrival)).await;
        let mut response = answer.unwrap_or_else(|error| {
            tracing::error!(request_id = %id, "a door panicked");
            handler.failed(error, &id)
        });
        response.headers_mut().insert(REQUEST_ID, id.to_header());
        if let Some(ReplyPatience(patience)) = response.extensions_mut().remove() {
            self.activity.has_patience(patience);
        }
        if ends_connection {
            if is_http1 {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            self.last_request.notify_one();
        }
        response.map(|body| ReplyBody::new(body, in_flight))
    }

    /// Who sent a request: the last of those whom it passed that is no trusted proxy.
    fn client(&self, headers: &HeaderMap) -> IpAddr {
        let slots = &self.shared.slots;
        if !slots.is_proxy(self.peer) {
            return self.peer;
        }
        let mut client = self.peer;
        let lists = headers.get_all(FORWARDED_FOR).iter().rev();
        for hop in lists.flat_map(|list| list.as_bytes().rsplit(|&byte| byte == b',')) {
            // What stands before something unreadable is not worth more.
            let Some(address) = address_of(hop) else { break };
            client = address;
            if !slots.is_proxy(address) {
                break;
            }
        }
        client
    }
}

/// An address in `x-forwarded-for`, where some proxies write a port too.
fn address_of(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    bare.parse().ok().or_else(with_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_and_without_ports() {
        for text in ["192.0.2.1", " 192.0.2.1 ", "192.0.2.1:99"] {
            assert_eq!(address_of(text.as_bytes()), Some(IpAddr::from([192, 0, 2, 1])), "{text}");
        }
        for text in ["2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:99"] {
            assert_eq!(address_of(text.as_bytes()), "2001:db8::1".parse().ok(), "{text}");
        }
        for text in ["", "unknown", "_hidden", "192.0.2", "\u{e9}"] {
            assert_eq!(address_of(text.as_bytes()), None, "{text}");
        }
    }
}
