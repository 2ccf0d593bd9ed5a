//! Sockets: accepting, bounding and draining HTTP/2 connections.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use hyper::{server::conn::http2, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{sleep, timeout},
};

use akidb_service::{Door, OpenConnection};

use crate::{GrpcOptions, front::Front, scrape};

/// What every HTTP/2 client sends first (RFC 9113, section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADER_BYTES_MAX: u32 = 16 << 10;
const PAUSE_AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(100);

/// The open connections of one listener.
pub(crate) struct Connections {
    front: Arc<Front>,
    http2: http2::Builder<TokioExecutor>,
    slots: Arc<Semaphore>,
    tasks: JoinSet<()>,
    graceful: GracefulShutdown,
}

impl Connections {
    pub(crate) fn new(front: Front) -> Self {
        Self {
            http2: http2_builder(&front.options),
            slots: Arc::new(Semaphore::new(front.options.max_connections)),
            front: Arc::new(front),
            tasks: JoinSet::new(),
            graceful: GracefulShutdown::new(),
        }
    }

    /// Accepts connections until `shutdown` is there, and no more than there are slots.
    pub(crate) async fn accept(
        &mut self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) {
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => return,
                Some(_) = self.tasks.join_next() => {}
                accepted = accept_one(&listener, self.slots.clone()) => match accepted {
                    Ok((stream, slot)) => self.open(stream, slot),
                    Err(error) => pause_after(&error).await,
                },
            }
        }
    }

    /// Lets calls in flight finish for a while, then closes what is left.
    pub(crate) async fn drain(mut self) {
        let drain_timeout = self.front.options.drain_timeout;
        if timeout(drain_timeout, self.graceful.shutdown()).await.is_err() {
            let connections = self.tasks.len();
            tracing::warn!(connections, "calls still run after the drain timeout, closing them");
        }
        self.tasks.shutdown().await;
    }

    fn open(&mut self, stream: TcpStream, slot: OwnedSemaphorePermit) {
        let (front, http2) = (self.front.clone(), self.http2.clone());
        let counted = front.metrics.connection(Door::Grpc);
        self.tasks.spawn(serve(stream, front, http2, self.graceful.watcher(), (slot, counted)));
    }
}

async fn accept_one(
    listener: &TcpListener,
    slots: Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let slot = slots.acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, slot))
}

fn http2_builder(options: &GrpcOptions) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(options.max_streams_per_connection)
        .max_header_list_size(HEADER_BYTES_MAX)
        .keep_alive_interval(options.keepalive_interval)
        .keep_alive_timeout(options.keepalive_timeout);
    builder
}

async fn serve(
    stream: TcpStream,
    front: Arc<Front>,
    http2: http2::Builder<TokioExecutor>,
    watcher: Watcher,
    _counted: (OwnedSemaphorePermit, OpenConnection),
) {
    let io = match timeout(front.options.handshake_timeout, greeted(stream)).await {
        Ok(Ok((Greeting::Grpc, io))) => io,
        Ok(Ok((Greeting::Scrape, io))) => return scrape::serve(io, front, watcher).await,
        Ok(Err(error)) => return tracing::debug!(%error, "connection closed before http/2"),
        Err(_) => return tracing::debug!("connection closed, the handshake timeout is over"),
    };
    let service = service_fn(move |request| {
        let front = front.clone();
        async move { Ok::<_, Infallible>(front.answer(request).await) }
    });
    let connection = http2.serve_connection(TokioIo::new(io), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "connection failed");
    }
}

/// What a connection begins with.
enum Greeting {
    /// The preface of HTTP/2.
    Grpc,
    /// A request over HTTP/1.
    Scrape,
}

/// Waits for the preface, which no timer of the HTTP/2 stack covers, and puts it back in front.
async fn greeted(stream: TcpStream) -> io::Result<(Greeting, impl AsyncRead + AsyncWrite + Unpin)> {
    stream.set_nodelay(true)?;
    let (mut reader, writer) = stream.into_split();
    let mut given = [0; PREFACE.len()];
    reader.read_exact(&mut given).await?;
    let greeting = match &given {
        PREFACE => Greeting::Grpc,
        other if other.starts_with(scrape::BEGINNING) => Greeting::Scrape,
        _ => {
            let error = "this listener speaks http/2 only";
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
    };
    Ok((greeting, tokio::io::join(io::Cursor::new(given).chain(reader), writer)))
}

/// A broken connection is nothing; out of file descriptors is, and goes on until some are closed.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::warn!(%error, "accepting a connection failed");
        sleep(PAUSE_AFTER_FAILED_ACCEPT).await;
    }
}
