//! Which network a model is.
//!
//! Out of scope: the networks' shapes, each in its own module, and pooling and prompts, which are
//! sentence-transformers' own.

use std::path::Path;

use serde_json::Value;

use super::{bert::BertConfig, config_file::ConfigFile, qwen3::Qwen3Config, weights::WeightFiles};
use crate::{error::ModelError, identity::Pooling};

/// Where MLX says how it has quantized the weights.
pub(super) const QUANTIZATION: &str = "quantization";

const SUPPORTED_MODEL_TYPES: &str = "bert, roberta, xlm-roberta, camembert or qwen3";

/// The shape of a network, as `config.json` gives it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Architecture {
    /// An encoder in which every token sees all others.
    Bert(BertConfig),
    /// A decoder in which a token sees those before it.
    Qwen3(Qwen3Config),
}

/// What `config.json` says.
pub(super) struct ReadConfig {
    pub(super) file: ConfigFile,
    pub(super) architecture: Architecture,
    /// How token states are pooled where nothing else says so.
    pub(super) default_pooling: Pooling,
    /// Whether the weights are quantized as MLX does it.
    pub(super) is_quantized: bool,
}

impl Architecture {
    /// Reads `config.json`.
    pub(super) fn read(file: &Path) -> Result<ReadConfig, ModelError> {
        let config = ConfigFile::read(file)?;
        if config.get(QUANTIZATION).is_none() {
            // Of other programs than MLX, which writes both.
            config.forbid("quantization_config")?;
        }
        let architecture = match config.text("model_type").as_str() {
            "bert" | "roberta" | "xlm-roberta" | "camembert" => {
                Self::Bert(BertConfig::read(&config)?)
            }
            "qwen3" => Self::Qwen3(Qwen3Config::read(&config)?),
            other => return Err(config.unsupported("model_type", other, SUPPORTED_MODEL_TYPES)),
        };
        Ok(ReadConfig {
            architecture,
            default_pooling: default_pooling(&config),
            is_quantized: config.get(QUANTIZATION).is_some(),
            file: config,
        })
    }

    /// The `model_type` of `config.json`.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Bert(config) => &config.model_type,
            Self::Qwen3(_) => "qwen3",
        }
    }

    /// The values of a token's state.
    pub(crate) fn hidden_size(&self) -> u32 {
        match self {
            Self::Bert(config) => config.hidden_size,
            Self::Qwen3(config) => config.hidden_size,
        }
    }

    /// The most tokens of a text.
    pub(crate) fn max_tokens(&self) -> u32 {
        match self {
            Self::Bert(config) => config.max_tokens(),
            Self::Qwen3(config) => config.max_positions,
        }
    }

    /// The tokens that the model knows.
    pub(crate) fn vocabulary(&self) -> u32 {
        match self {
            Self::Bert(config) => config.vocabulary,
            Self::Qwen3(config) => config.vocabulary,
        }
    }

    /// The end of the name of the tensor that holds the words; what stands before it stands
    /// before every tensor's name.
    pub(super) fn word_embeddings(&self) -> &'static str {
        match self {
            Self::Bert(_) => BertConfig::WORD_EMBEDDINGS,
            Self::Qwen3(_) => Qwen3Config::WORD_EMBEDDINGS,
        }
    }

    /// Checks that every tensor is there, in its shape and in a type that can be read.
    pub(super) fn check_tensors(&self, weights: &WeightFiles) -> Result<(), ModelError> {
        match self {
            Self::Bert(config) => config.check_tensors(weights),
            Self::Qwen3(config) => config.check_tensors(weights),
        }
    }
}

/// As sentence-transformers 6 pools a model without `modules.json`: a language model by its last
/// token, any other by the mean.
fn default_pooling(config: &ConfigFile) -> Pooling {
    let first = config.get("architectures").and_then(|names| names.get(0)).and_then(Value::as_str);
    match first {
        Some(name) if name.ends_with("ForCausalLM") => Pooling::LastToken,
        _ => Pooling::Mean,
    }
}
