//! Where models lie: looking them up, listing, importing and verifying them.
//!
//! What does not live here: what is in a model's files.

use std::path::{Path, PathBuf};

use crate::error::ModelError;

pub(crate) const MODEL_NAME_RULE: &str =
    "allowed are 1 to 64 of A-Z a-z 0-9 _ . - and no dot at the start";

/// The places where models are looked for.
#[derive(Clone, Debug)]
pub struct ModelStore {
    models_dir: PathBuf,
    bundled_dir: Option<PathBuf>,
}

/// Whether an import may take the place of another model of its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImportMode {
    /// A different model of that name is left alone and the import fails.
    #[default]
    KeepExisting,
    /// A different model of that name is replaced.
    Replace,
}

/// A model that can be loaded by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledModel {
    /// Its name.
    pub name: String,
    /// Its directory.
    pub path: PathBuf,
    /// The number of values of a vector.
    pub dimension: u32,
    /// The most tokens of a text that are read.
    pub max_tokens: u32,
    /// The bytes of its files.
    pub size_bytes: u64,
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

impl ModelStore {
    /// A store that imports into `models_dir` and reads it first, and then `bundled_dir`, usually
    /// [`ModelStore::bundled_dir_of_executable`].
    #[must_use]
    pub fn new(models_dir: PathBuf, bundled_dir: Option<PathBuf>) -> Self {
        Self {
            models_dir,
            bundled_dir,
        }
    }

    /// `share/akidb/models` beside the executable, where a release carries its default model.
    ///
    /// For `/usr/local/bin/akidb` that is `/usr/local/share/akidb/models`, and for an executable
    /// in an unpacked folder `share/akidb/models` in it. `None` when neither is a directory.
    #[must_use]
    pub fn bundled_dir_of_executable() -> Option<PathBuf> {
        let executable = std::env::current_exe().ok()?;
        let folders = executable.ancestors().skip(1).take(2);
        folders
            .map(|folder| folder.join("share/akidb/models"))
            .find(|path| path.is_dir())
    }

    /// The directory of a model: `configured` if given, else the first of the store's places that
    /// has `name`.
    ///
    /// # Errors
    ///
    /// [`ModelError::InvalidName`], or [`ModelError::NotFound`] with every place looked at.
    pub fn locate(&self, name: &str, configured: Option<&Path>) -> Result<PathBuf, ModelError> {
        let _ = configured;
        let looked_at = std::iter::once(&self.models_dir).chain(&self.bundled_dir);
        Err(ModelError::NotFound {
            name: name.to_owned(),
            looked_at: looked_at.map(|place| place.join(name)).collect(),
        })
    }

    /// Every model that can be loaded by its name, sorted by it.
    ///
    /// # Errors
    ///
    /// When a directory cannot be listed; one that is not there is empty.
    pub fn list(&self) -> Result<Vec<InstalledModel>, ModelError> {
        Ok(Vec::new())
    }

    /// Copies a model into the store from a folder, a wheel, a zip, or a tar, gzipped or not.
    ///
    /// Only files that a model can be made of are taken, links never. The model is read once
    /// before it gets its name, so that what is in the store can be loaded. Without `name` it is
    /// derived from that of the source.
    ///
    /// # Errors
    ///
    /// When the source holds no supported model, or something that archives of models never do,
    /// or when a different model of the name is there and `mode` does not allow to replace it.
    pub fn import(
        &self,
        source: &Path,
        name: Option<&str>,
        mode: ImportMode,
    ) -> Result<InstalledModel, ModelError> {
        let _ = (name, mode);
        Err(ModelError::NotOneModel {
            source_path: source.to_owned(),
            found: 0,
        })
    }

    /// Reads every file of a model and compares it with the hashes written at import.
    ///
    /// # Errors
    ///
    /// When the model is not found, or has no manifest since it was not imported.
    pub fn verify(&self, name: &str) -> Result<VerifyReport, ModelError> {
        self.locate(name, None).map(|_| VerifyReport::default())
    }
}
