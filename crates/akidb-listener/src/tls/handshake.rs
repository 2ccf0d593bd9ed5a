//! The handshake of one connection, and why it may fail.

use std::{io, sync::Arc};

use akidb_service::{Door, DoorMetrics, TlsFailure};
use rustls::ServerConfig;
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::socket::Socket;

/// The first byte of a handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;
/// Bytes of a plain request that are read before it is answered: a connection that is closed with more
/// in it may lose the answer.
const PLAIN_BYTES: usize = 16 << 10;
const PLAIN_ANSWER: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\n\
    content-length: 56\r\nconnection: close\r\n\r\n\
    plain HTTP was sent to a port of TLS, ask with https://\n";

/// How the connections of one door begin.
pub(crate) struct Handshakes {
    acceptor: TlsAcceptor,
    door: Door,
    metrics: DoorMetrics,
}

impl Handshakes {
    pub(super) fn new(config: Arc<ServerConfig>, door: Door, metrics: DoorMetrics) -> Self {
        Self { acceptor: config.into(), door, metrics }
    }

    /// Goes through a handshake, however long it takes.
    pub(crate) async fn secure(&self, socket: Socket) -> Result<TlsStream<Socket>, TlsFailure> {
        let mut first = [0];
        match socket.stream().peek(&mut first).await {
            Ok(0) | Err(_) => return Err(TlsFailure::Closed),
            Ok(_) if first[0] == HANDSHAKE => {}
            Ok(_) if first[0].is_ascii_uppercase() => {
                answer_plain(socket.into_stream()).await;
                return Err(TlsFailure::PlainHttp);
            }
            Ok(_) => return Err(TlsFailure::Protocol),
        }
        self.acceptor.accept(socket).await.map_err(|error| {
            tracing::debug!(door = self.door.as_str(), %error, "a handshake failed");
            failure_of(&error)
        })
    }

    /// Counts a handshake that has failed.
    pub(crate) fn failed(&self, failure: TlsFailure) {
        self.metrics.handshake_failed(self.door, failure);
    }
}

/// Tells whoever forgot the `s` of `https`, as far as they listen.
async fn answer_plain(mut stream: TcpStream) {
    let mut request = vec![0; PLAIN_BYTES];
    let answered = async {
        stream.try_read(&mut request)?;
        stream.write_all(PLAIN_ANSWER).await?;
        stream.shutdown().await
    };
    if let Err(error) = answered.await {
        tracing::debug!(%error, "could not answer plain HTTP at a port of TLS");
    }
}

fn failure_of(error: &io::Error) -> TlsFailure {
    let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>())
    else {
        return TlsFailure::Closed;
    };
    match error {
        rustls::Error::AlertReceived(_) => TlsFailure::RefusedByClient,
        rustls::Error::PeerIncompatible(_) | rustls::Error::NoApplicationProtocol => {
            TlsFailure::Incompatible
        }
        _ => TlsFailure::Protocol,
    }
}
