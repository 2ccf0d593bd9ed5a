//! Reading a model's small files with errors that name them.
//!
//! Out of scope: what the files mean.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;

use crate::error::ModelError;

/// The largest settings or tokenizer file that is read, in bytes; the largest known
/// `tokenizer.json` has 33 MB.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// Reads a file that must be there.
pub(crate) fn read_bytes(file: &Path) -> Result<Vec<u8>, ModelError> {
    read_bytes_if_present(file)?.ok_or_else(|| ModelError::MissingFile { file: file.to_owned() })
}

/// Reads a JSON file that must be there.
pub(crate) fn read_json<T: DeserializeOwned>(file: &Path) -> Result<T, ModelError> {
    parse(file, &read_bytes(file)?)
}

/// Reads a JSON file that may be absent.
pub(crate) fn read_json_if_present<T: DeserializeOwned>(
    file: &Path,
) -> Result<Option<T>, ModelError> {
    read_bytes_if_present(file)?.map(|bytes| parse(file, &bytes)).transpose()
}

fn parse<T: DeserializeOwned>(file: &Path, bytes: &[u8]) -> Result<T, ModelError> {
    serde_json::from_slice(bytes)
        .map_err(|error| ModelError::Damaged { file: file.to_owned(), reason: error.to_string() })
}

fn read_bytes_if_present(file: &Path) -> Result<Option<Vec<u8>>, ModelError> {
    let cannot_read = |source| ModelError::Io { action: "read", path: PathBuf::from(file), source };
    let bytes = match fs::metadata(file) {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        Ok(_) => {
            let reason = "it is no regular file".to_owned();
            return Err(ModelError::Damaged { file: file.to_owned(), reason });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(cannot_read(error)),
    };
    if bytes > MAX_FILE_BYTES {
        let reason = format!("it has {bytes} bytes, the limit is {MAX_FILE_BYTES}");
        return Err(ModelError::Damaged { file: file.to_owned(), reason });
    }
    fs::read(file).map(Some).map_err(cannot_read)
}
