//! The catalogue's high-water mark: the number of its last change, kept outside of SQLite.
//!
//! One flipped bit in a `-wal` file, or an older copy of `akidb.db`, takes changes of the catalogue
//! away without a word. The mark is synced after each change, in two copies with checksums, and
//! compared at the next start: a catalogue that is behind it has lost changes.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::Path,
};

use xxhash_rust::xxh3::xxh3_64;

use crate::{StoreError, directory::replace_file};

pub(crate) const FILE_NAMES: [&str; 2] = ["catalogue-mark.1", "catalogue-mark.2"];

/// What the copies say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// There is none, as in a directory of the first version.
    Absent,
    /// None can be read.
    Damaged,
    /// The highest number of those that can be read.
    Change(u64),
}

pub(crate) fn read(root: &Path) -> Mark {
    let copies = FILE_NAMES.map(|name| match fs::read(root.join(name)) {
        Ok(bytes) => decode(&bytes).map_or(Mark::Damaged, Mark::Change),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Mark::Absent,
        Err(_) => Mark::Damaged,
    });
    let highest = copies.iter().filter_map(|copy| match copy {
        Mark::Change(change) => Some(*change),
        Mark::Absent | Mark::Damaged => None,
    });
    match highest.max() {
        Some(change) => Mark::Change(change),
        None if copies.contains(&Mark::Damaged) => Mark::Damaged,
        None => Mark::Absent,
    }
}

/// Whether both copies say this and nothing else.
pub(crate) fn is_whole(root: &Path, change: u64) -> bool {
    let sound = encode(change);
    FILE_NAMES.iter().all(|name| fs::read(root.join(name)).is_ok_and(|bytes| bytes == sound))
}

/// Writes both copies durably, one after the other, so that one is whole at every moment. One that
/// is not there yet gets its name with its content: a power cut leaves no empty file under it.
pub(crate) fn write(root: &Path, change: u64) -> Result<(), StoreError> {
    for name in FILE_NAMES {
        let path = root.join(name);
        let record = encode(change);
        if !path.metadata().is_ok_and(|it| it.len() == record.len() as u64) {
            replace_file(&path, &record)?;
            continue;
        }
        let file = OpenOptions::new().write(true).open(&path);
        let written = file.and_then(|mut file| {
            file.write_all(&record)?;
            file.sync_all()
        });
        written.map_err(StoreError::io("writing", &path))?;
    }
    Ok(())
}

fn encode(change: u64) -> [u8; 16] {
    let change = change.to_le_bytes();
    let mut record = [0; 16];
    record[..8].copy_from_slice(&change);
    record[8..].copy_from_slice(&xxh3_64(&change).to_le_bytes());
    record
}

fn decode(record: &[u8]) -> Option<u64> {
    let change = u64::from_le_bytes(record.get(..8)?.try_into().ok()?);
    (encode(change) == record).then_some(change)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_copy_is_replaced_and_not_filled_under_its_name() {
        let root = tempfile::tempdir().unwrap();
        let [mark, kept] = [FILE_NAMES[0], "kept"].map(|name| root.path().join(name));
        fs::write(&mark, []).unwrap();
        fs::hard_link(&mark, &kept).unwrap();
        write(root.path(), 7).unwrap();
        assert_eq!(read(root.path()), Mark::Change(7));
        assert!(fs::read(&kept).unwrap().is_empty(), "it was written in place");
    }

    #[test]
    fn one_copy_is_enough_and_a_damaged_one_is_not_zero() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(read(root.path()), Mark::Absent);
        write(root.path(), 7).unwrap();
        write(root.path(), 300).unwrap();
        let [first, second] = FILE_NAMES.map(|name| root.path().join(name));
        fs::write(&first, encode(299)).unwrap();
        assert_eq!(read(root.path()), Mark::Change(300));
        fs::write(&first, [9; 16]).unwrap();
        assert_eq!(read(root.path()), Mark::Change(300));
        assert!(!is_whole(root.path(), 300));
        write(root.path(), 300).unwrap();
        assert!(is_whole(root.path(), 300));
        fs::write(&first, [9; 16]).unwrap();
        fs::write(&second, []).unwrap();
        assert_eq!(read(root.path()), Mark::Damaged);
        fs::remove_file(&first).unwrap();
        assert_eq!(read(root.path()), Mark::Damaged);
    }
}
