//! A model's directory, read in sentence-transformers' way.
//!
//! Scope: which files there are, what they say, and whether they fit together. Out of scope: where
//! directories are looked for, and running a model.

mod architecture;
mod bert;
mod config_file;
mod cross_encoder;
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
    cross_encoder::{CrossEncoderConfig, HeadTensor},
    digest::{hexadecimal, sha256_of_file},
    json::{read_json, read_json_if_present},
    links::check_links,
    qwen3::Qwen3Config,
    weights::WeightFiles,
};
use self::{
    architecture::ReadConfig,
    sentence_transformers::{Modules, SentenceTransformersConfig, read_modules},
};
use crate::{
    error::ModelError,
    identity::{ModelIdentity, ModelKind, Pooling, Precision, Prompts},
    tokenize::TextTokenizer,
};

/// A directory whose files describe a model that this program can run.
///
/// Opening reads the settings and the headers of the weights, not the weights themselves.
#[derive(Debug)]
pub struct ModelDirectory {
    path: PathBuf,
    architecture: Architecture,
    /// Of a re-ranker.
    cross_encoder: Option<CrossEncoderConfig>,
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
        let ReadConfig { architecture, file, default_pooling, is_quantized } =
            Architecture::read(&path.join("config.json"))?;
        let modules = read_modules(path)?;
        // What is pooled makes vectors, whatever its network once was.
        let cross_encoder = match modules {
            Some(Modules::Pooled { .. }) => None,
            Some(Modules::NetworkAlone) | None => {
                CrossEncoderConfig::read(path, &file, &architecture)?
            }
        };
        let tokens_max = architecture.max_tokens();
        let settings = match cross_encoder {
            Some(_) => SentenceTransformersConfig::read_of_reranker(path, tokens_max),
            None => SentenceTransformersConfig::read(path, modules, default_pooling, tokens_max),
        }?;
        if !path.join("tokenizer.json").is_file() {
            return Err(ModelError::MissingFile { file: path.join("tokenizer.json") });
        }
        let weights = WeightFiles::open(path, architecture.word_embeddings())?;
        if !is_quantized {
            // MLX packs quantized weights in shapes of its own, and checks them itself.
            architecture.check_tensors(&weights)?;
            if let Some(cross_encoder) = &cross_encoder {
                cross_encoder.check_tensors(&weights, architecture.hidden_size())?;
            }
        }
        let path = path.to_owned();
        Ok(Self { path, architecture, cross_encoder, settings, weights, is_quantized })
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

    /// What the model makes of texts.
    #[must_use]
    pub fn kind(&self) -> ModelKind {
        let reranker = self.cross_encoder.as_ref();
        reranker.map_or(ModelKind::Embedder, |it| ModelKind::Reranker(it.score_function))
    }

    /// The number of values of a vector; of a re-ranker 1, its logit.
    #[must_use]
    pub fn dimension(&self) -> u32 {
        match self.cross_encoder {
            Some(_) => 1,
            None => self.architecture.hidden_size(),
        }
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
        let tokens_max = self.max_tokens() as usize;
        match &self.cross_encoder {
            None => TextTokenizer::from_model(tokenizer, tokens_max),
            Some(it) => TextTokenizer::of_pairs(tokenizer, tokens_max, it.head.types()),
        }
        .map_err(|reason| ModelError::Damaged { file, reason })
    }

    pub(crate) fn cross_encoder(&self) -> Option<&CrossEncoderConfig> {
        self.cross_encoder.as_ref()
    }

    pub(crate) fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    pub(crate) fn weights(&self) -> &WeightFiles {
        &self.weights
    }
}
