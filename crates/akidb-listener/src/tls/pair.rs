//! A certificate and a key that fit, and until when.

use std::{path::PathBuf, sync::Arc};

use rustls::{
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use x509_parser::{prelude::FromDer, time::ASN1Time};

use super::{files::PairBytes, provider};

/// Why a certificate and its key can not be shown to clients.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file can not be read.
    #[error("{path} can not be read: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Everybody on the machine may read the key.
    #[error("{path} has the mode {mode:o}, so that every user of this machine may read the key")]
    KeyIsOpen {
        /// The file of the key.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A file is not what it should be.
    #[error("{path} has no {wanted} in PEM: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// `certificate` or `private key`.
        wanted: &'static str,
        /// Why.
        reason: String,
    },
    /// The key is that of another certificate, or of a kind that is not known.
    #[error("the key in {key} does not fit the certificate in {certificate}: {reason}")]
    DoesNotFit {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// Why.
        reason: String,
    },
    /// TLS itself can not be set up.
    #[error("TLS can not be set up: {reason}")]
    Unsupported {
        /// Why.
        reason: String,
    },
    /// No client would take it any more.
    #[error("the certificate in {path} has expired, it was valid until {until}")]
    Expired {
        /// The file.
        path: PathBuf,
        /// Its last moment.
        until: String,
    },
    /// No client would take it yet.
    #[error("the certificate in {path} is not valid yet, it will be from {from}")]
    NotYetValid {
        /// The file.
        path: PathBuf,
        /// Its first moment.
        from: String,
    },
}

/// What is shown to clients.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) certified: Arc<CertifiedKey>,
    pub(super) expires_unix_s: i64,
}

impl Pair {
    /// A pair that clients who trust its root take now.
    pub(super) fn of(bytes: &PairBytes) -> Result<Self, TlsError> {
        let chain = chain(bytes)?;
        let expires_unix_s = valid_until(bytes, &chain)?;
        let certified =
            CertifiedKey::from_der(chain, key(bytes)?, &provider()).map_err(|error| {
                TlsError::DoesNotFit {
                    certificate: bytes.files.certificate.clone(),
                    key: bytes.files.key.clone(),
                    reason: error.to_string(),
                }
            })?;
        Ok(Self { certified: Arc::new(certified), expires_unix_s })
    }
}

fn chain(bytes: &PairBytes) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes.certificate).collect();
    match read {
        Ok(chain) if chain.is_empty() => Err(no_certificate(bytes, "there is none")),
        Ok(chain) => Ok(chain),
        Err(error) => Err(no_certificate(bytes, error)),
    }
}

fn key(bytes: &PairBytes) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&bytes.key).map_err(|error| TlsError::Malformed {
        path: bytes.files.key.clone(),
        wanted: "private key",
        reason: error.to_string(),
    })
}

/// The last moment of the first certificate, which is the node's, in seconds of Unix time.
fn valid_until(bytes: &PairBytes, chain: &[CertificateDer<'_>]) -> Result<i64, TlsError> {
    let der = chain.first().map(|first| &**first).unwrap_or_default();
    let (_, own) = x509_parser::certificate::X509Certificate::from_der(der)
        .map_err(|error| no_certificate(bytes, error))?;
    let (validity, now) = (own.validity(), ASN1Time::now().timestamp());
    let (path, shown) = (bytes.files.certificate.clone(), |time: ASN1Time| time.to_string());
    if now > validity.not_after.timestamp() {
        return Err(TlsError::Expired { path, until: shown(validity.not_after) });
    }
    if now < validity.not_before.timestamp() {
        return Err(TlsError::NotYetValid { path, from: shown(validity.not_before) });
    }
    Ok(validity.not_after.timestamp())
}

fn no_certificate(bytes: &PairBytes, reason: impl ToString) -> TlsError {
    TlsError::Malformed {
        path: bytes.files.certificate.clone(),
        wanted: "certificate",
        reason: reason.to_string(),
    }
}
