//! The mark that a data directory has had keys.
//!
//! A catalogue that is lost is made anew from the folders of the collections, which know no keys. Without
//! the mark, the node would then answer everybody. It is written with the first key, at the latest by the
//! next start, and stays.

use std::path::Path;

use crate::directory::replace_file;

const FILE_NAME: &str = "keys-required";

const CONTENT: &[u8] = b"Keys were made in this data directory: requests need one.\n";

/// Whether it has had keys. What can not be looked at is taken for a yes.
pub(super) fn is_set(root: &Path) -> bool {
    root.join(FILE_NAME).try_exists().unwrap_or(true)
}

/// Writes the mark durably, where it is not there. Without it the keys themselves say the same, for as
/// long as the catalogue has them.
pub(super) fn set(root: &Path) {
    let path = root.join(FILE_NAME);
    if path.is_file() {
        return;
    }
    if let Err(error) = replace_file(&path, CONTENT) {
        tracing::error!(%error, "the mark that there are keys could not be written");
    }
}
