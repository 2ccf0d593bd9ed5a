//! A file of no use but its size: removed, it is the room that a deletion needs.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FallocateFlags, fallocate},
    io::Errno,
};
use xxhash_rust::xxh3::xxh3_64;

const PIECE_BYTES: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Ballast {
    path: PathBuf,
}

impl Ballast {
    pub(super) fn new(root: &Path) -> Self {
        Self { path: root.join("ballast") }
    }

    pub(super) fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Takes so much of the disk, or no more than before. The disk must have `spare` bytes more,
    /// which stay free.
    pub(super) fn make(&self, bytes: u64, spare: u64) -> io::Result<()> {
        let had = self.path.metadata().map_or(0, |it| it.len());
        let made = self.open().and_then(|file| {
            fill(&file, bytes + spare)?;
            file.set_len(bytes)
        });
        match &made {
            Ok(()) => {}
            Err(_) if had == bytes && self.open().is_ok_and(|it| it.set_len(bytes).is_ok()) => {}
            Err(_) => self.remove(),
        }
        made
    }

    fn open(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.write(true).create(true).truncate(false).open(&self.path)
    }

    pub(super) fn remove(&self) {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::error!(%error, path = %self.path.display(), "the ballast stays");
            }
            _ => {}
        }
    }
}

/// Allocates, where the file system can; else writes what no compression makes smaller.
fn fill(file: &File, bytes: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::empty(), 0, bytes) {
        Ok(()) => return file.set_len(bytes),
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {}
        Err(error) => return Err(error.into()),
    }
    let (mut file, mut written) = (file, 0_u64);
    while written < bytes {
        let words =
            (0..PIECE_BYTES as u64 / 8).map(|word| xxh3_64(&(written + word).to_le_bytes()));
        let piece: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
        let length = PIECE_BYTES.min(usize::try_from(bytes - written).unwrap_or(PIECE_BYTES));
        file.write_all(&piece[..length])?;
        written += length as u64;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ballast_takes_what_it_says_and_gives_it_back() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().unwrap();
        let ballast = Ballast::new(folder.path());
        ballast.remove();
        for _made_where_it_is in [false, true] {
            ballast.make(3 << 20, 1 << 20).unwrap();
            let metadata = folder.path().join("ballast").metadata().unwrap();
            assert_eq!(metadata.len(), 3 << 20);
            assert!(metadata.blocks() * 512 >= 3 << 20, "{metadata:?}");
        }
        // More than any disk has.
        assert!(ballast.make(3 << 20, 1 << 60).is_err());
        assert_eq!(folder.path().join("ballast").metadata().unwrap().len(), 3 << 20);
        ballast.remove();
        assert!(!ballast.exists());
    }
}
