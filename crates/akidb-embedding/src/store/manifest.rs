//! What the files of an imported model were when it was imported.
//!
//! Out of scope: when a manifest is written, and what is done about damage.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Component, Path},
};

use serde::{Deserialize, Serialize};

use super::copy::files_below;
use crate::{
    error::ModelError,
    model::{read_json_if_present, sha256_of_file},
};

pub(crate) const MANIFEST_FILE: &str = "akidb-manifest.json";

/// The content of [`MANIFEST_FILE`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// By the path in the model's directory.
    files: BTreeMap<String, ManifestFile>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ManifestFile {
    bytes: u64,
    sha256: String,
}

/// What the files of a model are, against the hashes written when it was imported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// The files that are as they were.
    pub intact: Vec<String>,
    /// The files whose content is another.
    pub damaged: Vec<String>,
    /// The files that are gone.
    pub missing: Vec<String>,
}

impl VerifyReport {
    /// Whether every file is as it was.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.damaged.is_empty() && self.missing.is_empty()
    }
}

impl Manifest {
    /// Hashes the files in `directory`.
    pub(super) fn of(directory: &Path) -> Result<Self, ModelError> {
        let mut files = BTreeMap::new();
        for file in files_below(directory)? {
            let sha256 = sha256_of_file(&directory.join(&file.relative))?;
            files.insert(file.relative, ManifestFile { bytes: file.bytes, sha256 });
        }
        Ok(Self { files })
    }

    /// Reads the manifest of an imported model.
    pub(super) fn read(directory: &Path) -> Result<Self, ModelError> {
        Self::read_if_present(directory)?
            .ok_or_else(|| ModelError::NoManifest { directory: directory.to_owned() })
    }

    /// Reads the manifest of a model that may not have been imported.
    pub(super) fn read_if_present(directory: &Path) -> Result<Option<Self>, ModelError> {
        let file = directory.join(MANIFEST_FILE);
        let Some(manifest) = read_json_if_present::<Self>(&file)? else {
            return Ok(None);
        };
        let leads_out = |path: &str| {
            !Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
        };
        if let Some(path) = manifest.files.keys().find(|path| leads_out(path)) {
            let reason = format!("the path {path:?} leads out of the model");
            return Err(ModelError::Damaged { file, reason });
        }
        Ok(Some(manifest))
    }

    /// Writes the manifest into `directory`.
    pub(super) fn write(&self, directory: &Path) -> Result<(), ModelError> {
        let file = directory.join(MANIFEST_FILE);
        serde_json::to_vec_pretty(self)
            .map_err(io::Error::from)
            .and_then(|bytes| fs::write(&file, bytes))
            .map_err(|source| ModelError::Io { action: "write", path: file, source })
    }

    /// Compares the files in `directory` with the manifest.
    pub(super) fn verify(&self, directory: &Path) -> Result<VerifyReport, ModelError> {
        let mut report = VerifyReport::default();
        for (name, expected) in &self.files {
            let file = directory.join(name);
            let found_bytes = fs::metadata(&file).map(|metadata| metadata.len());
            let list = match found_bytes {
                Err(error) if error.kind() == io::ErrorKind::NotFound => &mut report.missing,
                Err(source) => {
                    return Err(ModelError::Io { action: "read", path: file, source });
                }
                Ok(bytes)
                    if bytes == expected.bytes && sha256_of_file(&file)? == expected.sha256 =>
                {
                    &mut report.intact
                }
                Ok(_) => &mut report.damaged,
            };
            list.push(name.clone());
        }
        Ok(report)
    }
}
