//! The high-water marks: where the database was after the last acknowledged write, kept outside of
//! SQLite.
//!
//! One flipped bit in a `-wal` file makes SQLite drop every later commit without a word. The marks
//! are written after each commit and compared when the collection is opened, so that such a loss is
//! noticed. There are two equal ones, in files of their own, each with a checksum: one that is
//! damaged is told of and made up for by the other. Beside the number they name the database and
//! its epoch, so that a database of elsewhere is noticed as well.
//!
//! They are synced when they are made and then overwritten in place without a sync: after a power
//! cut they may lag behind the database, which says nothing, but they are never ahead of it unless
//! writes were lost.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use akidb_core::{
    Seq,
    torture::{PlantedFault, has_fault},
};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use crate::{StoreError, checksum, directory::replace_file, documents::Position};

/// The names of both copies.
pub(crate) const FILE_NAMES: [&str; 2] = ["high-water", "high-water-copy"];

/// Database, epoch, number, checksum.
const RECORD_BYTES: usize = 40;

/// What version 0.1.0 wrote: the number and its checksum.
const RECORD_BYTES_0_1: usize = 16;

/// One copy, as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Absent,
    /// Written by version 0.1.0, which named no database.
    NumberAlone(Seq),
    Sound(Position),
    Damaged {
        reason: String,
    },
}

/// The open marks of one collection.
#[derive(Debug)]
pub(crate) struct HighWater {
    copies: [(File, PathBuf); 2],
}

/// Reads both copies and changes nothing.
///
/// # Errors
/// When a file is there and the system does not let it be opened.
pub(crate) fn read(folder: &Path) -> Result<[Mark; 2], StoreError> {
    let [first, second] = FILE_NAMES.map(|name| read_one(&folder.join(name)));
    Ok([first?, second?])
}

fn read_one(path: &Path) -> Result<Mark, StoreError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Mark::Absent),
        file => file.map_err(StoreError::io("opening", path))?,
    };
    let mut record = Vec::with_capacity(RECORD_BYTES);
    // One byte more than a record has, so that a longer file is told from it.
    match file.take(RECORD_BYTES as u64 + 1).read_to_end(&mut record) {
        Ok(_) => Ok(decode(&record)),
        Err(error) => Ok(Mark::Damaged { reason: error.to_string() }),
    }
}

impl HighWater {
    /// Writes both copies and makes them last, whatever they were. One that is not there, or is no
    /// record, gets its name with its content: a power cut leaves no empty file under it.
    pub(crate) fn establish(folder: &Path, position: Position) -> Result<Self, StoreError> {
        let open = |name: &str| -> Result<(File, PathBuf), StoreError> {
            let path = folder.join(name);
            let record = encode(position);
            if !path.metadata().is_ok_and(|it| it.len() == RECORD_BYTES as u64) {
                replace_file(&path, &record)?;
            }
            let file = OpenOptions::new().write(true).open(&path);
            let file = file.map_err(StoreError::io("opening", &path))?;
            let written = file.write_all_at(&record, 0).and_then(|()| file.sync_all());
            written.map_err(StoreError::io("writing", &path))?;
            Ok((file, path))
        };
        let [first, second] = FILE_NAMES.map(open);
        Ok(Self { copies: [first?, second?] })
    }

    /// Replaces both marks.
    pub(crate) fn write(&self, position: Position) -> Result<(), StoreError> {
        if has_fault(PlantedFault::SkipHighWater) {
            return Ok(());
        }
        let record = encode(position);
        for (file, path) in &self.copies {
            file.write_all_at(&record, 0).map_err(StoreError::io("writing", path))?;
        }
        Ok(())
    }

    /// Makes what was written last.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        for (file, path) in &self.copies {
            file.sync_data().map_err(StoreError::io("syncing", path))?;
        }
        Ok(())
    }
}

fn encode(position: Position) -> [u8; RECORD_BYTES] {
    let mut record = [0; RECORD_BYTES];
    record[..16].copy_from_slice(position.database.as_bytes());
    record[16..24].copy_from_slice(&position.epoch.to_le_bytes());
    record[24..32].copy_from_slice(&position.seq.0.to_le_bytes());
    record[32..].copy_from_slice(&checksum::of_position(&position).to_le_bytes());
    record
}

fn decode(record: &[u8]) -> Mark {
    let number = |at: usize| {
        let bytes = record.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u64::from_le_bytes)
    };
    match record.len() {
        RECORD_BYTES => {
            let database = Uuid::from_slice(&record[..16]).unwrap_or_default();
            let position = Position { database, epoch: number(16), seq: Seq(number(24)) };
            match number(32) == checksum::of_position(&position).cast_unsigned() {
                true => Mark::Sound(position),
                false => Mark::Damaged { reason: "its checksum is wrong".to_owned() },
            }
        }
        RECORD_BYTES_0_1 if number(8) == xxh3_64(&record[..8]) => Mark::NumberAlone(Seq(number(0))),
        RECORD_BYTES_0_1 => Mark::Damaged { reason: "its checksum is wrong".to_owned() },
        bytes => Mark::Damaged { reason: format!("it has {bytes} bytes or more") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(seq: u64) -> Position {
        Position { database: Uuid::from_u128(7), epoch: 3, seq: Seq(seq) }
    }

    #[test]
    fn the_marks_survive_reopening_and_damage_of_one_is_not_an_absent_one() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), [Mark::Absent, Mark::Absent]);
        let marks = HighWater::establish(folder.path(), position(7)).unwrap();
        marks.write(position(300)).unwrap();
        let sound = Mark::Sound(position(300));
        assert_eq!(read(folder.path()).unwrap(), [sound.clone(), sound.clone()]);
        for place in 0..RECORD_BYTES as u64 {
            marks.write(position(300)).unwrap();
            let byte = encode(position(300))[usize::try_from(place).unwrap()] ^ 4;
            marks.copies[1].0.write_all_at(&[byte], place).unwrap();
            let [first, second] = read(folder.path()).unwrap();
            assert_eq!(first, sound);
            assert!(matches!(second, Mark::Damaged { .. }), "{place}: {second:?}");
        }
        for bytes in [0, 1, 16, 39, 41, 4_096] {
            std::fs::write(folder.path().join(FILE_NAMES[0]), vec![0; bytes]).unwrap();
            let [first, _] = read(folder.path()).unwrap();
            assert!(matches!(first, Mark::Damaged { .. }), "{bytes}: {first:?}");
        }
    }

    #[test]
    fn a_mark_that_is_not_whole_is_replaced_and_not_filled_under_its_name() {
        let folder = tempfile::tempdir().unwrap();
        for bytes in [0, RECORD_BYTES_0_1] {
            let [mark, kept] = [FILE_NAMES[0], "kept"].map(|name| folder.path().join(name));
            let _ = std::fs::remove_file(&kept);
            std::fs::write(&mark, vec![0; bytes]).unwrap();
            std::fs::hard_link(&mark, &kept).unwrap();
            HighWater::establish(folder.path(), position(7)).unwrap();
            assert_eq!(read(folder.path()).unwrap(), [7, 7].map(|it| Mark::Sound(position(it))));
            assert_eq!(std::fs::read(&kept).unwrap().len(), bytes, "it was written in place");
        }
    }

    #[test]
    fn the_mark_of_the_first_version_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let mut record = 300_u64.to_le_bytes().to_vec();
        record.extend(xxh3_64(&300_u64.to_le_bytes()).to_le_bytes());
        std::fs::write(folder.path().join(FILE_NAMES[0]), record).unwrap();
        assert_eq!(read(folder.path()).unwrap()[0], Mark::NumberAlone(Seq(300)));
    }
}
