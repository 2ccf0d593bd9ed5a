//! SHA-256 of files.
//!
//! Out of scope: what the hashes are compared with.

use std::{
    fmt::Write,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::error::ModelError;

const BLOCK_BYTES: usize = 1 << 20;

/// SHA-256 of one file, in lower-case hexadecimal.
pub(crate) fn sha256_of_file(file: &Path) -> Result<String, ModelError> {
    sha256_of_files([file])
}

/// SHA-256 of the bytes of `files`, one after the other, in lower-case hexadecimal.
pub(crate) fn sha256_of_files<'a>(
    files: impl IntoIterator<Item = &'a Path>,
) -> Result<String, ModelError> {
    let mut hasher = Sha256::new();
    let mut block = vec![0; BLOCK_BYTES];
    for path in files {
        let cannot_read =
            |source| ModelError::Io { action: "read", path: PathBuf::from(path), source };
        let mut file = File::open(path).map_err(cannot_read)?;
        loop {
            let bytes = file.read(&mut block).map_err(cannot_read)?;
            if bytes == 0 {
                break;
            }
            hasher.update(&block[..bytes]);
        }
    }
    Ok(hexadecimal(&hasher.finalize()))
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
