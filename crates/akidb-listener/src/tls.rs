//! TLS before HTTP, in one place for both doors: what is shown to clients, and the handshake.
//!
//! Out of scope: when the files are looked at, and what is said of them, which are the node's.

mod files;
mod handshake;
mod pair;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use akidb_service::{Door, DoorMetrics};
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::{
    ServerConfig,
    crypto::CryptoProvider,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

pub(crate) use self::handshake::Handshakes;
use self::{files::Contents, pair::Pair};
pub use self::{files::TlsFiles, pair::TlsError};

/// The certificate of a node, which may be exchanged while connections are open. Clones share it.
#[derive(Clone)]
pub struct Tls {
    shown: Arc<Shown>,
    rest: Arc<ServerConfig>,
    grpc: Arc<ServerConfig>,
}

struct Shown {
    files: TlsFiles,
    pair: ArcSwap<Pair>,
    seen: Mutex<Seen>,
}

/// What the files held.
struct Seen {
    /// What was judged last, be it shown or refused.
    judged: Contents,
    /// What the last look saw, where it was something else.
    changing: Option<Contents>,
}

/// What a look at the files found.
#[derive(Debug)]
pub enum Look {
    /// What was judged before, or files that may still be written.
    Same,
    /// Another pair, which new connections are shown from now on.
    Replaced,
    /// Something that can not be shown. The pair of before stays.
    Refused(TlsError),
}

impl Tls {
    /// Reads the pair that is shown from the start.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn open(files: TlsFiles) -> Result<Self, TlsError> {
        let judged = files.read();
        let pair = judged.clone().and_then(|bytes| Pair::of(&bytes))?;
        let seen = Mutex::new(Seen { judged, changing: None });
        let shown = Arc::new(Shown { files, pair: ArcSwap::from_pointee(pair), seen });
        let config = |protocols: &[&str]| {
            let config = config(shown.clone(), protocols);
            config.map_err(|error| TlsError::Unsupported { reason: error.to_string() })
        };
        Ok(Self { rest: config(&["h2", "http/1.1"])?, grpc: config(&["h2"])?, shown })
    }

    /// Reads the files again, which takes the time of a disk. A change counts once two looks in a row
    /// have seen the same: of two files that are written, one comes first.
    #[must_use]
    pub fn look(&self) -> Look {
        let found = self.shown.files.read();
        let mut seen = self.shown.seen.lock();
        if found == seen.judged {
            seen.changing = None;
            return Look::Same;
        }
        if seen.changing.as_ref() != Some(&found) {
            seen.changing = Some(found);
            return Look::Same;
        }
        seen.changing = None;
        seen.judged = found.clone();
        match found.and_then(|bytes| Pair::of(&bytes)) {
            Ok(pair) => {
                self.shown.pair.store(Arc::new(pair));
                Look::Replaced
            }
            Err(error) => Look::Refused(error),
        }
    }

    /// Until when the certificate that is shown is valid, in seconds of Unix time.
    #[must_use]
    pub fn expires_unix_s(&self) -> i64 {
        self.shown.pair.load().expires_unix_s
    }

    /// How the connections of a door begin.
    pub(crate) fn handshakes(&self, door: Door, metrics: DoorMetrics) -> Handshakes {
        let config = match door {
            Door::Rest => self.rest.clone(),
            Door::Grpc => self.grpc.clone(),
        };
        Handshakes::new(config, door, metrics)
    }
}

/// TLS 1.2 and 1.3, before one of these protocols.
fn config(shown: Arc<Shown>, protocols: &[&str]) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(shown);
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(Arc::new(config))
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.shown.files).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.pair.load().certified.clone())
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown").field("files", &self.files).finish_non_exhaustive()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
