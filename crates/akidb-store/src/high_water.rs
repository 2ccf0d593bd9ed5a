//! The high-water mark: the last acknowledged sequence number, kept outside of SQLite.
//!
//! One flipped bit in a `-wal` file makes SQLite drop every later commit without a word. The mark
//! is written after each commit and compared when the collection is opened, so that such a loss is
//! noticed. It is not synced: after a power cut it may lag behind the database, which says nothing,
//! but it is never ahead of it unless writes were lost.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use akidb_core::Seq;
use xxhash_rust::xxh3::xxh3_64;

use crate::StoreError;

const FILE_NAME: &str = "high-water";

/// The open mark of one collection.
#[derive(Debug)]
pub(crate) struct HighWater {
    file: File,
    path: PathBuf,
}

impl HighWater {
    /// Opens the mark and reads it. An absent or torn mark reads as 0, which claims nothing.
    pub(crate) fn open(folder: &Path) -> Result<(Self, Seq), StoreError> {
        let path = folder.join(FILE_NAME);
        let file = OpenOptions::new()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .map_err(StoreError::io("opening", &path))?;
        let mut record = [0; 16];
        let seq = match file.read_exact_at(&mut record, 0) {
            Ok(()) => decode(record),
            Err(_) => Seq(0),
        };
        Ok((Self { file, path }, seq))
    }

    /// Replaces the mark.
    pub(crate) fn write(&self, seq: Seq) -> Result<(), StoreError> {
        let write = self.file.write_all_at(&encode(seq), 0);
        write.map_err(StoreError::io("writing", &self.path))
    }
}

fn encode(seq: Seq) -> [u8; 16] {
    let seq = seq.0.to_le_bytes();
    let mut record = [0; 16];
    record[..8].copy_from_slice(&seq);
    record[8..].copy_from_slice(&xxh3_64(&seq).to_le_bytes());
    record
}

fn decode(record: [u8; 16]) -> Seq {
    let (seq, _) = record.split_at(8);
    let seq = Seq(u64::from_le_bytes(seq.try_into().unwrap_or_default()));
    if encode(seq) == record { seq } else { Seq(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_survives_reopening_and_a_torn_one_claims_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (mark, seq) = HighWater::open(folder.path()).unwrap();
        assert_eq!(seq, Seq(0));
        mark.write(Seq(7)).unwrap();
        mark.write(Seq(300)).unwrap();
        let (mark, seq) = HighWater::open(folder.path()).unwrap();
        assert_eq!(seq, Seq(300));
        mark.file.write_all_at(&[9], 3).unwrap();
        assert_eq!(HighWater::open(folder.path()).unwrap().1, Seq(0));
    }
}
