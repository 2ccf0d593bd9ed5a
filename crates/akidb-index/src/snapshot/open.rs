//! Opening the latest snapshot that is sound.

use std::{collections::HashMap, fs::File, path::Path, sync::Arc};

use memmap2::Mmap;

use super::{
    Appended, MappedBytes, Snapshot, SnapshotError, SnapshotFolder,
    manifest::{self, Manifest, SectionEntry},
};

impl SnapshotFolder {
    /// The latest snapshot, or the one before where that can not be used; `unusable` is told of
    /// each that can not, before the next is tried. `None` where no snapshot is left.
    ///
    /// The next snapshot will append to the sections of the one that is returned.
    ///
    /// # Errors
    /// When the folder can not be read.
    pub fn open_latest(
        &mut self,
        mut unusable: impl FnMut(SnapshotError),
    ) -> Result<Option<Snapshot>, SnapshotError> {
        for number in manifest::numbers(&self.path)?.into_iter().rev() {
            match self.open(number) {
                Ok(snapshot) => return Ok(Some(snapshot)),
                Err(error) => unusable(error),
            }
        }
        Ok(None)
    }

    fn open(&mut self, number: u64) -> Result<Snapshot, SnapshotError> {
        self.appended.clear();
        let path = self.path.join(manifest::file_name(number));
        let manifest = Manifest::read(&path, &self.identity)?;
        let mut sections = HashMap::new();
        let mut appended = HashMap::new();
        for entry in manifest.sections {
            let (mapped, hasher) = map_verified(&self.path.join(&entry.file), &entry)?;
            sections.insert(entry.name.clone(), mapped);
            if entry.appended {
                let SectionEntry { name, file, bytes, .. } = entry;
                appended.insert(name, Appended { file, bytes, hasher });
            }
        }
        self.appended = appended;
        Ok(Snapshot { covered_seq: manifest.covered_seq, header: manifest.header, sections })
    }
}

/// Maps a section and compares its hash. What stands behind its end is another snapshot's.
fn map_verified(
    path: &Path,
    entry: &SectionEntry,
) -> Result<(MappedBytes, blake3::Hasher), SnapshotError> {
    let damaged =
        |reason: String| SnapshotError::Damaged { file: path.display().to_string(), reason };
    let file = File::open(path).map_err(SnapshotError::io("open", path))?;
    let held = file.metadata().map_err(SnapshotError::io("read", path))?.len();
    let too_short = || damaged(format!("it has {held} bytes of {}", entry.bytes));
    let length = usize::try_from(entry.bytes).map_err(|_| too_short())?;
    if held < entry.bytes {
        return Err(too_short());
    }
    let mapping = match length {
        0 => None,
        _ => Some(Arc::new(map(&file, length).map_err(SnapshotError::io("map", path))?)),
    };
    let mapped = MappedBytes { mapping, range: 0..length };
    let mut hasher = blake3::Hasher::new();
    hasher.update(mapped.bytes());
    if hasher.finalize().to_hex().as_str() != entry.blake3 {
        return Err(damaged("its hash is wrong".to_owned()));
    }
    Ok((mapped, hasher))
}

#[expect(unsafe_code, reason = "a mapping is unsafe as the file may change beneath it")]
fn map(file: &File, length: usize) -> std::io::Result<Mmap> {
    // SAFETY: snapshot files belong to this process alone, by the lock on the data directory. It
    // only appends to them, behind `length`, or cuts off what stands there, or unlinks them.
    unsafe { memmap2::MmapOptions::new().len(length).map(file) }
}
