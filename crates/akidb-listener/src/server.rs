//! The accept loop, and a stop that lets requests finish.

#[cfg(test)]
mod tests;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use akidb_core::Error;
use akidb_service::{Door, DoorMetrics};
use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Body;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    Arrival, ListenerOptions, RequestBody, RequestId,
    connection::{self, Shared},
};

/// How long to wait after an error of accepting that would come back at once, such as too many
/// open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers requests: a door.
pub trait Handler: Clone + Send + Sync + 'static {
    /// The body of its replies.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static;

    /// Answers one request. What its arrival says against it, the door must answer.
    fn answer(
        &self,
        request: Request<RequestBody>,
        arrival: Arrival,
    ) -> impl Future<Output = Response<Self::Body>> + Send;

    /// The answer to a request that panicked.
    fn failed(&self, error: Error, id: &RequestId) -> Response<Self::Body>;
}

/// Serves until `shutdown` is ready, then lets the requests in flight finish.
///
/// Idle connections are closed at once, all others after [`ListenerOptions::drain_timeout`].
pub async fn serve(
    listener: TcpListener,
    handler: impl Handler,
    options: ListenerOptions,
    (door, metrics): (Door, DoorMetrics),
    shutdown: impl Future<Output = ()>,
) {
    let drain_timeout = options.drain_timeout;
    let (drain, draining) = watch::channel(false);
    let handshakes = options.tls.as_ref().map(|tls| tls.handshakes(door, metrics.clone()));
    let shared = Arc::new(Shared::new(handler, options, handshakes, draining));
    let mut connections = JoinSet::new();
    {
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                (stream, address) = accept(&listener) => {
                    let served = connection::serve(shared.clone(), stream, address.ip());
                    let open = metrics.connection(door);
                    connections.spawn(async move {
                        served.await;
                        drop(open);
                    });
                }
                Some(_) = connections.join_next() => {}
            }
        }
    }
    drop(listener);
    drain.send_replace(true);
    let ended = async { while connections.join_next().await.is_some() {} };
    if timeout(drain_timeout, ended).await.is_err() {
        let (left, door) = (connections.len(), door.as_str());
        let drain_timeout_ms = drain_timeout.as_millis();
        tracing::warn!(door, left, drain_timeout_ms, "requests did not finish, closing them");
    }
    connections.shutdown().await;
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection, waiting");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether a connection failed before it was accepted, which says nothing about the next one.
fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}
