//! Where models lie: looking them up, listing, importing and verifying them.
//!
//! Out of scope: what is in a model's files.

mod archive;
mod copy;
mod import;
mod manifest;
mod name;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

pub(crate) use self::manifest::MANIFEST_FILE;
pub use self::manifest::VerifyReport;
use self::{copy::files_below, manifest::Manifest};
use crate::{error::ModelError, identity::ModelKind, model::ModelDirectory};

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
    /// Its network, as `model_type` of `config.json` gives it.
    pub architecture: String,
    /// What it makes of texts.
    pub kind: ModelKind,
    /// The number of values of a vector; of a re-ranker 1, its logit.
    pub dimension: u32,
    /// The most tokens of a text that are read.
    pub max_tokens: u32,
    /// The bytes of its files.
    pub size_bytes: u64,
}

impl ModelStore {
    /// A store that imports into `models_dir` and reads it first, and then `bundled_dir`, usually
    /// [`ModelStore::bundled_dir_of_executable`].
    #[must_use]
    pub fn new(models_dir: PathBuf, bundled_dir: Option<PathBuf>) -> Self {
        Self { models_dir, bundled_dir }
    }

    /// `share/akidb/models` beside the executable, where a release carries its default model.
    ///
    /// For `/usr/local/bin/akidb` that is `/usr/local/share/akidb/models`, and for an executable
    /// in an unpacked folder `share/akidb/models` in it. `None` when neither is a directory.
    #[must_use]
    pub fn bundled_dir_of_executable() -> Option<PathBuf> {
        let executable = std::env::current_exe().ok()?;
        let folders = executable.ancestors().skip(1).take(2);
        folders.map(|folder| folder.join("share/akidb/models")).find(|path| path.is_dir())
    }

    /// The directory of a model: `configured` if given, else the first of the store's places that
    /// has `name`.
    ///
    /// # Errors
    ///
    /// [`ModelError::InvalidName`], or [`ModelError::NotFound`] with every place looked at.
    pub fn locate(&self, name: &str, configured: Option<&Path>) -> Result<PathBuf, ModelError> {
        let looked_at: Vec<PathBuf> = match configured {
            Some(path) => vec![path.to_owned()],
            None => {
                name::check(name)?;
                self.places().map(|place| place.join(name)).collect()
            }
        };
        match looked_at.iter().find(|path| path.is_dir()) {
            Some(path) => Ok(path.clone()),
            None => Err(ModelError::NotFound { name: name.to_owned(), looked_at }),
        }
    }

    /// Every model that can be loaded by its name, sorted by it.
    ///
    /// A directory that holds no supported model is left out, and why is logged.
    ///
    /// # Errors
    ///
    /// When a directory cannot be listed; one that is not there is empty.
    pub fn list(&self) -> Result<Vec<InstalledModel>, ModelError> {
        let mut models = BTreeMap::new();
        for place in self.places() {
            for name in model_names(place)? {
                if models.contains_key(&name) {
                    continue;
                }
                match InstalledModel::describe(&name, place.join(&name)) {
                    Ok(model) => drop(models.insert(name, model)),
                    Err(error) => tracing::warn!(%error, name, "a model directory is left out"),
                }
            }
        }
        Ok(models.into_values().collect())
    }

    /// Copies a model into the store from a folder, a wheel, a zip, or a tar, gzipped or not.
    ///
    /// Only files that a model can be made of are taken. An archive with links, or with entries
    /// that lead out of it, is refused. The model is opened before it gets its name, so that what
    /// is in the store can be loaded. Without `name` it is derived from that of the source. An
    /// identical model that is there already is left as it is.
    ///
    /// # Errors
    ///
    /// When the source holds no supported model or more than one, or when a different model of the
    /// name is there and `mode` does not allow to replace it.
    pub fn import(
        &self,
        source: &Path,
        name: Option<&str>,
        mode: ImportMode,
    ) -> Result<InstalledModel, ModelError> {
        let name = name.map_or_else(|| name::derive(source), str::to_owned);
        name::check(&name)?;
        import::import(&self.models_dir, source, &name, mode)?;
        InstalledModel::describe(&name, self.models_dir.join(&name))
    }

    /// Reads every file of a model and compares it with the hashes written at import.
    ///
    /// # Errors
    ///
    /// When the model is not found, or has no manifest since it was not imported.
    pub fn verify(&self, name: &str) -> Result<VerifyReport, ModelError> {
        let directory = self.locate(name, None)?;
        Manifest::read(&directory)?.verify(&directory)
    }

    fn places(&self) -> impl Iterator<Item = &PathBuf> {
        std::iter::once(&self.models_dir).chain(&self.bundled_dir)
    }
}

impl InstalledModel {
    fn describe(name: &str, path: PathBuf) -> Result<Self, ModelError> {
        let directory = ModelDirectory::open(&path)?;
        let files = files_below(&path)?;
        Ok(Self {
            name: name.to_owned(),
            architecture: directory.architecture_name().to_owned(),
            kind: directory.kind(),
            dimension: directory.dimension(),
            max_tokens: directory.max_tokens(),
            size_bytes: files.iter().map(|file| file.bytes).sum(),
            path,
        })
    }
}

/// The directories in `place` whose names can be model names.
fn model_names(place: &Path) -> Result<BTreeSet<String>, ModelError> {
    let cannot_list = |source| ModelError::Io { action: "list", path: place.to_owned(), source };
    let entries = match fs::read_dir(place) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(cannot_list(error)),
    };
    let mut names = BTreeSet::new();
    for entry in entries {
        let entry = entry.map_err(cannot_list)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name::check(&name).is_ok() && entry.path().is_dir() {
            names.insert(name);
        }
    }
    Ok(names)
}
