//! A model's directory, read in sentence-transformers' way.
//!
//! Scope: which files there are, what they say, and whether they fit together. Out of scope: where
//! directories are looked for, and running a model.

mod architecture;
mod bert;
mod config_file;
mod digest;
mod json;
mod links;
mod qwen3;
mod sentence_transformers;
mod tokenizer_file;
mod weights;

use std::path::{Path, PathBuf};

pub(crate) use self::{
    architecture::Architecture,
    bert::{Activation, BertConfig},
    digest::{hexadecimal, sha256_of_file},
    json::{read_json, read_json_if_present},
    links::check_links,
    qwen3::Qwen3Config,
    weights::WeightFiles,
};
use self::{architecture::ReadConfig, sentence_transformers::SentenceTransformersConfig};
use crate::{
    error::ModelError,
    identity::{ModelIdentity, Pooling, Precision, Prompts},
    tokenize::TextTokenizer,
};

/// A directory whose files describe a model that this program can run.
///
/// Opening reads the settings and the headers of the weights, not the weights themselves.
#[derive(Debug)]
pub struct ModelDirectory {
    path: PathBuf,
    architecture: Architecture,
    settings: SentenceTransformersConfig,
    weights: WeightFiles,
    is_quantized: bool,
}

impl ModelDirectory {
    /// Reads the directory at `path` and checks that every tensor is there in its right shape.
    ///
    /// # Errors
    ///
    /// See [`ModelError`]; the error names the file and what was found in it.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        if path.is_dir() {
            check_links(path)?;
        }
        let ReadConfig { architecture, default_pooling, is_quantized } =
            Architecture::read(&path.join("config.json"))?;
        let settings =
            SentenceTransformersConfig::read(path, default_pooling, architecture.max_tokens())?;
        if !path.join("tokenizer.json").is_file() {
            return Err(ModelError::MissingFile { file: path.join("tokenizer.json") });
        }
        let weights = WeightFiles::open(path, architecture.word_embeddings())?;
        if !is_quantized {
            // MLX packs quantized weights in shapes of its own, and checks them itself.
            architecture.check_tensors(&weights)?;
        }
        Ok(Self { path: path.to_owned(), architecture, settings, weights, is_quantized })
    }

    /// Where the directory is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The network's name, as `model_type` of `config.json` gives it.
    #[must_use]
    pub fn architecture_name(&self) -> &str {
        self.architecture.name()
    }

    /// Whether the weights are quantized as MLX does it, so that only that backend runs them.
    #[must_use]
    pub const fn is_quantized(&self) -> bool {
        self.is_quantized
    }

    /// The number of values of a vector.
    #[must_use]
    pub fn dimension(&self) -> u32 {
        self.architecture.hidden_size()
    }

    /// The most tokens of a text that are read, special tokens included.
    #[must_use]
    pub fn max_tokens(&self) -> u32 {
        self.settings.max_tokens
    }

    /// How token states become one vector.
    #[must_use]
    pub fn pooling(&self) -> Pooling {
        self.settings.pooling
    }

    /// Whether vectors are scaled to length 1.
    #[must_use]
    pub fn normalize(&self) -> bool {
        self.settings.normalize
    }

    /// The texts put before an input.
    #[must_use]
    pub fn prompts(&self) -> &Prompts {
        &self.settings.prompts
    }

    /// The identity under `name` of what runs in `precision`; reads all weights to hash them.
    ///
    /// # Errors
    ///
    /// When a weights file cannot be read.
    pub fn identity(&self, name: &str, precision: Precision) -> Result<ModelIdentity, ModelError> {
        Ok(ModelIdentity {
            name: name.to_owned(),
            weights_sha256: self.weights.sha256()?,
            precision,
            pooling: self.pooling(),
            normalize: self.normalize(),
            prompts: self.prompts().clone(),
            max_tokens: self.max_tokens(),
            dimension: self.dimension(),
        })
    }

    /// The tokenizer, set to cut at [`ModelDirectory::max_tokens`].
    ///
    /// # Errors
    ///
    /// When `tokenizer.json` is not one, or numbers tokens that the network has no embedding of.
    pub fn tokenizer(&self) -> Result<TextTokenizer, ModelError> {
        let file = self.path.join("tokenizer.json");
        let tokenizer = tokenizer_file::read(&file, &self.architecture, &self.settings)?;
        TextTokenizer::from_model(tokenizer, self.max_tokens() as usize)
            .map_err(|reason| ModelError::Damaged { file, reason })
    }

    pub(crate) fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    pub(crate) fn weights(&self) -> &WeightFiles {
        &self.weights
    }
}
