//! Snapshots of an index as files: written whole or not at all, verified before they are used.
//!
//! What an index holds is derived, so a snapshot may be missing, old or damaged without any loss;
//! all that is asked of it is to say so. A snapshot is a number of named *sections*, arrays of
//! bytes whose meaning is their owner's, and a *manifest* that names them:
//!
//! ```text
//! manifest-000000000007    JSON, and the BLAKE3 of it in a last line
//! 000000000004.vectors     an appended section, begun by snapshot 4
//! 000000000007.links       a rewritten section of snapshot 7
//! ```
//!
//! The manifest has the format's version, the identity of what was indexed, down to the database and
//! its epoch, the last sequence number that is contained, the length and the BLAKE3 of each section, and a header of the
//! owner's. It is written last, under a temporary name, synced and renamed, so that a crash leaves
//! the snapshots from before. The two latest are kept. Sections that only grow are shared between
//! snapshots: a later one appends, and an earlier one does not look behind its own length.
//!
//! Opening hashes every section before anybody parses it, at the speed of memory (7.6 GB/s on one
//! core of a Zen 4). Sections are then mapped, read-only.
//!
//! `manifest` is the manifest's file, `write` the order of writing, `open` the checks of reading.

mod error;
mod manifest;
mod open;
#[cfg(test)]
mod tests;
mod write;

use std::{collections::HashMap, path::PathBuf};

pub use error::SnapshotError;

use crate::MappedSection;

/// The version of the format that this program writes, and the only one that it reads.
pub const FORMAT_VERSION: u32 = 3;

/// How many snapshots are kept.
const KEPT: usize = 2;

/// The snapshots of one index, in a folder of their own that nobody else writes to.
pub struct SnapshotFolder {
    path: PathBuf,
    /// What the index is of; snapshots of anything else are refused.
    identity: String,
    /// The number of the next snapshot; not known before the first is written.
    next: Option<u64>,
    /// Sections that the next snapshot can append to, by name.
    appended: HashMap<String, Appended>,
}

/// The state of an appended section on disk.
struct Appended {
    file: String,
    bytes: u64,
    /// Of these bytes.
    hasher: blake3::Hasher,
}

/// A verified snapshot.
pub struct Snapshot {
    /// The last sequence number that it contains.
    pub covered_seq: u64,
    /// What its owner wrote beside the sections.
    pub header: serde_json::Value,
    sections: HashMap<String, MappedSection>,
}

impl SnapshotFolder {
    /// The snapshots in `path`, which is made with the first one. `identity` names what is indexed
    /// and how, in words that change when a snapshot of the one would be wrong for the other.
    #[must_use]
    pub fn new(path: PathBuf, identity: String) -> Self {
        Self { path, identity, next: None, appended: HashMap::new() }
    }

    /// Removes all snapshots, of which none fits any more, so that none can be taken for one that
    /// does later on.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn discard(&mut self) -> Result<(), SnapshotError> {
        self.begin_anew();
        match std::fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(SnapshotError::io("remove", &self.path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Begins appended sections anew with the next snapshot: what they hold was renumbered.
    pub fn begin_anew(&mut self) {
        self.appended.clear();
    }
}

impl Snapshot {
    /// A section, if the snapshot has it.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<MappedSection> {
        self.sections.get(name).cloned()
    }
}
