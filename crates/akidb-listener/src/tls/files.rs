//! The two files of a certificate, as bytes.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::TlsError;

/// Far more than any chain of certificates takes.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// The right of everybody to read a file.
const READ_BY_OTHERS: u32 = 0o004;

/// Where the certificate lies and its key, both as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate of the node, and behind it those between it and the root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// What the files hold, or why they can not be read.
pub(super) type Contents = Result<PairBytes, TlsError>;

/// A certificate and a key of which nothing is known yet.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct PairBytes {
    pub(super) files: TlsFiles,
    pub(super) certificate: Vec<u8>,
    pub(super) key: Vec<u8>,
}

impl TlsFiles {
    pub(super) fn read(&self) -> Contents {
        Ok(PairBytes {
            files: self.clone(),
            certificate: read(&self.certificate, |_| Ok(()))?,
            key: read(&self.key, |key| refuse_open_key(&self.key, key))?,
        })
    }
}

fn read(path: &Path, check: impl Fn(&File) -> Result<(), TlsError>) -> Result<Vec<u8>, TlsError> {
    let unreadable = |error: io::Error| TlsError::Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let file = File::open(path).map_err(unreadable)?;
    check(&file)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    match bytes.len() as u64 > FILE_BYTES_MAX {
        true => Err(unreadable(io::Error::other("it is larger than 1 MiB"))),
        false => Ok(bytes),
    }
}

/// Looks at the file that is open: another one may have the name a moment later.
fn refuse_open_key(path: &Path, key: &File) -> Result<(), TlsError> {
    let mode = key.metadata().map_or(0, |about: fs::Metadata| about.permissions().mode());
    match mode & READ_BY_OTHERS {
        0 => Ok(()),
        _ => Err(TlsError::KeyIsOpen { path: path.to_owned(), mode: mode & 0o777 }),
    }
}
