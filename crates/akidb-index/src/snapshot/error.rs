//! Why a snapshot can not be used or written.

use std::{io, path::Path};

/// A snapshot can not be used or written. The data is safe in the store in any case.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The system refuses.
    #[error("{action} {file}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        file: String,
        /// What the system says.
        source: io::Error,
    },
    /// The bytes are not those that were written.
    #[error("{file} is damaged: {reason}")]
    Damaged {
        /// The file or section.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// Another version of the program wrote it.
    #[error("{file} has format version {found}, this program reads {read}")]
    OtherVersion {
        /// The manifest.
        file: String,
        /// Its version.
        found: u32,
        /// The version of this program.
        read: u32,
    },
    /// It is of another collection, or of an index with other settings.
    #[error("{file} is a snapshot of something else: {found}, wanted is {wanted}")]
    Foreign {
        /// The manifest.
        file: String,
        /// What it is of.
        found: String,
        /// What was asked for.
        wanted: String,
    },
}

impl SnapshotError {
    pub(super) fn io(action: &'static str, file: &Path) -> impl FnOnce(io::Error) -> Self {
        let file = file.display().to_string();
        move |source| Self::Io { action, file, source }
    }

    /// Whether bytes were found other than they were written.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }
}
