//! The file that says what a snapshot consists of.

use std::{fs, io, path::Path};

use serde::{Deserialize, Serialize};

use super::{FORMAT_VERSION, SnapshotError};

const PREFIX: &str = "manifest-";

/// Digits of a number in names of files, so that names sort as numbers do.
const DIGITS: usize = 12;

/// Bytes of the last line: a hash in hexadecimal and the end of the line.
const SEAL_BYTES: usize = 2 * blake3::OUT_LEN + 1;

/// Above what any index needs, so that a foreign file is not read whole.
const BYTES_MAX: u64 = 1 << 20;

/// What a snapshot consists of.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) format: u32,
    pub(super) identity: String,
    pub(super) covered_seq: u64,
    pub(super) header: serde_json::Value,
    pub(super) sections: Vec<SectionEntry>,
}

/// One section.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SectionEntry {
    pub(super) name: String,
    pub(super) file: String,
    pub(super) bytes: u64,
    /// Whether later snapshots may append to the file.
    pub(super) appended: bool,
    /// In hexadecimal.
    pub(super) blake3: String,
}

/// All that other versions are sure to have.
#[derive(Deserialize)]
struct Version {
    format: u32,
}

pub(super) fn file_name(number: u64) -> String {
    format!("{PREFIX}{}", digits(number))
}

pub(super) fn section_file(number: u64, name: &str) -> String {
    format!("{}.{name}", digits(number))
}

fn digits(number: u64) -> String {
    format!("{number:0DIGITS$}")
}

/// The numbers of the manifests in a folder, ascending; none where there is no folder.
pub(super) fn numbers(folder: &Path) -> Result<Vec<u64>, SnapshotError> {
    let files = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        files => files.map_err(SnapshotError::io("read", folder))?,
    };
    let mut numbers = Vec::new();
    for file in files {
        let name = file.map_err(SnapshotError::io("read", folder))?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        numbers.extend(digits.and_then(|digits| digits.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

impl Manifest {
    /// The content of the file.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        // A manifest has no map with keys that are no strings, which alone would fail.
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        let seal = blake3::hash(&bytes).to_hex();
        bytes.push(b'\n');
        bytes.extend_from_slice(seal.as_bytes());
        bytes.push(b'\n');
        bytes
    }

    /// Reads a manifest of this format, made for `identity`.
    pub(super) fn read(path: &Path, identity: &str) -> Result<Self, SnapshotError> {
        let file = || path.display().to_string();
        let damaged = |reason: String| SnapshotError::Damaged { file: file(), reason };
        let length = fs::metadata(path).map_err(SnapshotError::io("read", path))?.len();
        if length > BYTES_MAX {
            return Err(damaged(format!("it has {length} bytes")));
        }
        let bytes = fs::read(path).map_err(SnapshotError::io("read", path))?;
        let json = unsealed(&bytes).ok_or_else(|| damaged("its hash is wrong".to_owned()))?;
        let version: Version =
            serde_json::from_slice(json).map_err(|error| damaged(error.to_string()))?;
        if version.format != FORMAT_VERSION {
            let (found, read) = (version.format, FORMAT_VERSION);
            return Err(SnapshotError::OtherVersion { file: file(), found, read });
        }
        let manifest: Self =
            serde_json::from_slice(json).map_err(|error| damaged(error.to_string()))?;
        if manifest.identity != identity {
            let (found, wanted) = (manifest.identity, identity.to_owned());
            return Err(SnapshotError::Foreign { file: file(), found, wanted });
        }
        // Names are those of files beside the manifest, whoever wrote it.
        match manifest.sections.iter().find(|section| section.file.contains(['/', '\\'])) {
            Some(section) => Err(damaged(format!("it names the file {:?}", section.file))),
            None => Ok(manifest),
        }
    }
}

/// What stands above the last line, where that is its hash.
fn unsealed(bytes: &[u8]) -> Option<&[u8]> {
    let (json, seal) = bytes.split_at_checked(bytes.len().checked_sub(SEAL_BYTES)?)?;
    let json = json.strip_suffix(b"\n")?;
    let hash = seal.strip_suffix(b"\n")?;
    (blake3::Hash::from_hex(hash).ok()? == blake3::hash(json)).then_some(json)
}
