//! Unpacking wheels, zips and tars that nobody vouches for.
//!
//! Only regular files that a model can be made of are written, below one directory, within limits.
//! Everything that archives of models never hold makes the whole archive refused. Out of scope:
//! finding the model in what was unpacked.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read, Seek},
    path::{Component, Path},
};

use flate2::read::GzDecoder;
use zip::ZipArchive;

use super::copy::{MAX_FILES, can_be_of_a_model, create_parent};
use crate::error::ModelError;

/// The most bytes that are unpacked from one archive.
const MAX_UNPACKED_BYTES: u64 = 32 << 30;

const ZIP_MAGIC: &[u8] = b"PK\x03\x04";
const GZIP_MAGIC: &[u8] = b"\x1f\x8b";
const TAR_MAGIC: &[u8] = b"ustar";
const TAR_MAGIC_OFFSET: usize = 257;

/// Unpacks `archive` into the directory `target`, which is created.
pub(super) fn unpack(archive: &Path, target: &Path) -> Result<(), ModelError> {
    let unpacker = Unpacker { archive, target, entries: 0, bytes: 0 };
    fs::create_dir_all(target).map_err(|source| unpacker.cannot("create", target, source))?;
    let mut file =
        File::open(archive).map_err(|source| unpacker.cannot("open", archive, source))?;
    let start =
        first_bytes(&mut file).map_err(|source| unpacker.cannot("read", archive, source))?;
    let file = BufReader::new(file);
    if start.starts_with(ZIP_MAGIC) {
        unpacker.unpack_zip(file)
    } else if start.starts_with(GZIP_MAGIC) {
        unpacker.unpack_tar(GzDecoder::new(file))
    } else if start.get(TAR_MAGIC_OFFSET..).is_some_and(|rest| rest.starts_with(TAR_MAGIC)) {
        unpacker.unpack_tar(file)
    } else {
        Err(unpacker.refuse("it is neither a zip (or wheel) nor a tar, gzipped or not".to_owned()))
    }
}

fn first_bytes(file: &mut File) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    file.by_ref().take(512).read_to_end(&mut start)?;
    file.rewind()?;
    Ok(start)
}

struct Unpacker<'a> {
    archive: &'a Path,
    target: &'a Path,
    entries: usize,
    bytes: u64,
}

impl Unpacker<'_> {
    fn unpack_zip(mut self, file: impl Read + Seek) -> Result<(), ModelError> {
        let mut zip = ZipArchive::new(file).map_err(|error| self.refuse(error.to_string()))?;
        for index in 0..zip.len() {
            let entry = zip.by_index(index).map_err(|error| self.refuse(error.to_string()))?;
            let name = entry.name().map_err(|error| self.refuse(error.to_string()))?.into_owned();
            if entry.is_symlink() {
                return Err(self.refuse(format!("the entry {name:?} is a link")));
            }
            let is_file = !entry.is_dir();
            self.unpack_entry(&name, is_file, entry)?;
        }
        Ok(())
    }

    fn unpack_tar(mut self, stream: impl Read) -> Result<(), ModelError> {
        let mut tar = tar::Archive::new(stream);
        let entries = tar.entries().map_err(|error| self.refuse(error.to_string()))?;
        for entry in entries {
            let entry = entry.map_err(|error| self.refuse(error.to_string()))?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let kind = entry.header().entry_type();
            if kind.is_pax_global_extensions() {
                continue;
            }
            if !kind.is_file() && !kind.is_dir() {
                return Err(self.refuse(format!("the entry {name:?} is a link or a device")));
            }
            self.unpack_entry(&name, kind.is_file(), entry)?;
        }
        Ok(())
    }

    fn unpack_entry(
        &mut self,
        name: &str,
        is_file: bool,
        content: impl Read,
    ) -> Result<(), ModelError> {
        self.entries += 1;
        if self.entries > MAX_FILES {
            return Err(self.refuse(format!("it has more than {MAX_FILES} entries")));
        }
        let is_inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        if name.contains(['\\', '\0']) || !Path::new(name).components().all(is_inside) {
            return Err(self.refuse(format!("the entry {name:?} leads out of it")));
        }
        if !is_file || !can_be_of_a_model(name) {
            return Ok(());
        }
        self.write(name, content)
    }

    fn write(&mut self, name: &str, content: impl Read) -> Result<(), ModelError> {
        let path = self.target.join(name);
        create_parent(&path)?;
        let mut file = File::create_new(&path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => self.refuse(format!("the entry {name:?} comes twice")),
            _ => self.cannot("create", &path, error),
        })?;
        let room = MAX_UNPACKED_BYTES - self.bytes;
        let written = io::copy(&mut content.take(room + 1), &mut file)
            .map_err(|source| self.cannot("unpack", &path, source))?;
        if written > room {
            return Err(self.refuse(format!("it unpacks to more than {MAX_UNPACKED_BYTES} bytes")));
        }
        self.bytes += written;
        Ok(())
    }

    fn refuse(&self, reason: String) -> ModelError {
        ModelError::ArchiveRefused { archive: self.archive.to_owned(), reason }
    }

    fn cannot(&self, action: &'static str, path: &Path, source: io::Error) -> ModelError {
        ModelError::Io { action, path: path.to_owned(), source }
    }
}
