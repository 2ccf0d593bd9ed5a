//! The accept loop: connections with timers and caps, and a stop that lets requests finish.
//!
//! `axum::serve` sets no header timer, so a client that never finishes its first line would hold
//! a connection for good.

mod connection;
#[cfg(test)]
mod tests;

use std::{io, sync::Arc, time::Duration};

use akidb_service::{Door, DoorMetrics, Service};
use axum::Router;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{sleep, timeout},
};

use self::connection::Connections;
use crate::{RestOptions, routes::router};

/// How long to wait after an error of accepting that would come back at once, such as too many
/// open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves REST until `shutdown` is ready, then lets the requests in flight finish.
///
/// Idle connections are closed at once; after [`RestOptions::drain_timeout`] all others are too.
pub async fn serve(
    listener: TcpListener,
    service: Service,
    options: RestOptions,
    shutdown: impl Future<Output = ()>,
) {
    let metrics = service.door_metrics();
    let router = router(service, options.clone());
    serve_router(listener, router, &options, &metrics, shutdown).await;
}

async fn serve_router(
    listener: TcpListener,
    router: Router,
    options: &RestOptions,
    metrics: &DoorMetrics,
    shutdown: impl Future<Output = ()>,
) {
    let connections = Connections::new(router, options);
    let graceful = GracefulShutdown::new();
    let mut tasks = JoinSet::new();
    {
        let accept = Accept::new(listener, options.max_connections);
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                (stream, permit) = accept.next() => {
                    let connection = connections.serve(stream, graceful.watcher());
                    let open = metrics.connection(Door::Rest);
                    tasks.spawn(async move {
                        connection.await;
                        drop((permit, open));
                    });
                }
                Some(_) = tasks.join_next() => {}
            }
        }
    }
    let drain_timeout = options.drain_timeout;
    if timeout(drain_timeout, graceful.shutdown()).await.is_err() {
        let left = tasks.len();
        let drain_timeout_ms = drain_timeout.as_millis();
        tracing::warn!(left, drain_timeout_ms, "requests did not finish in time, closing them");
    }
    tasks.shutdown().await;
}

/// The listener, which accepts only while a connection may be opened.
struct Accept {
    listener: TcpListener,
    permits: Arc<Semaphore>,
}

impl Accept {
    fn new(listener: TcpListener, max_connections: usize) -> Self {
        let permits = max_connections.clamp(1, Semaphore::MAX_PERMITS);
        Self { listener, permits: Arc::new(Semaphore::new(permits)) }
    }

    /// The next connection; more than the cap wait in the listener's backlog.
    async fn next(&self) -> (TcpStream, Option<OwnedSemaphorePermit>) {
        // The semaphore is never closed.
        let permit = self.permits.clone().acquire_owned().await.ok();
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => return (stream, permit),
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection, waiting");
                    sleep(ACCEPT_PAUSE).await;
                }
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
