//! One connection, from its first byte to its last.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::Router;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::Watcher},
};
use tokio::{net::TcpStream, time::sleep};
use tower::ServiceExt;

use crate::RestOptions;

/// An HTTP/2 connection whose other end is gone is noticed within the sum of these.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// The head of a request, at the most.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// What all connections share.
pub(super) struct Connections {
    router: Router,
    builder: Builder<TokioExecutor>,
    header_read_timeout: Duration,
}

impl Connections {
    pub(super) fn new(router: Router, options: &RestOptions) -> Self {
        let header_read_timeout = options.header_read_timeout;
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(header_read_timeout)
            .max_buf_size(HEAD_BYTES_MAX);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_header_list_size(HEAD_BYTES_MAX as u32)
            .max_concurrent_streams(options.max_streams_per_connection)
            .keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
        Self { router, builder, header_read_timeout }
    }

    /// Serves HTTP/1, or HTTP/2 to a client that starts with it, until either end closes.
    pub(super) fn serve(
        &self,
        stream: TcpStream,
        watcher: Watcher,
    ) -> impl Future<Output = ()> + use<> {
        let (router, builder) = (self.router.clone(), self.builder.clone());
        let header_read_timeout = self.header_read_timeout;
        async move {
            // Small answers must not wait for the acknowledgement of earlier ones.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "could not set TCP_NODELAY");
            }
            let has_request = Arc::new(AtomicBool::new(false));
            let seen = Arc::clone(&has_request);
            let service = service_fn(move |request: http::Request<Incoming>| {
                seen.store(true, Ordering::Relaxed);
                router.clone().oneshot(request)
            });
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            let mut connection = pin!(watcher.watch(connection));
            tokio::select! {
                ended = &mut connection => return log(ended),
                () = sleep(header_read_timeout) => {}
            }
            // The timers of HTTP/1 and HTTP/2 start when it is known which of them it is.
            if has_request.load(Ordering::Relaxed) {
                log(connection.await);
            }
        }
    }
}

/// A client that goes away in the middle is its own affair.
fn log(ended: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(error) = ended {
        tracing::debug!(error, "a connection ended early");
    }
}
