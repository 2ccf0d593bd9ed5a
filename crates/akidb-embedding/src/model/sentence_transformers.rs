//! What sentence-transformers adds to a model: modules, pooling, prompts, the token limit.
//!
//! Follows sentence-transformers 6.2, which also reads what every earlier version wrote. Out of
//! scope: `config.json`, which is transformers' own.

use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{config_file::unsupported, read_json, read_json_if_present};
use crate::{
    error::ModelError,
    identity::{Pooling, Prompts},
};

const SUPPORTED_MODULES: &str = "Transformer, Pooling and then perhaps Normalize";
const SUPPORTED_POOLINGS: &str = "one of mean, cls, max and lasttoken";

/// The first of these that is there is read; old versions named it after the network.
const TRANSFORMER_FILES: [&str; 4] = [
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_camembert_config.json",
    "sentence_xlm-roberta_config.json",
];

/// The prompts that every model has, empty where its files give none.
const PROMPTS_OF_ALL: [&str; 2] = ["query", "document"];

/// What `modules.json` lists; without it a model is what its network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Modules {
    /// A network whose states are pooled.
    Pooled { pooling: Pooling, normalize: bool },
    /// A network that is whole, as a re-ranker's is.
    NetworkAlone,
}

/// The settings of a model beyond its network.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SentenceTransformersConfig {
    pub(super) pooling: Pooling,
    pub(super) normalize: bool,
    pub(super) prompts: Prompts,
    pub(super) max_tokens: u32,
    pub(super) do_lower_case: bool,
}

#[derive(Deserialize)]
struct Module {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    path: String,
}

#[derive(Default, Deserialize)]
struct TransformerModule {
    max_seq_length: Option<u32>,
    #[serde(default)]
    do_lower_case: bool,
}

#[derive(Default, Deserialize)]
struct TokenizerConfig {
    /// A number beyond any integer where there is no limit.
    model_max_length: Option<f64>,
}

#[derive(Default, Deserialize)]
struct PromptsConfig {
    #[serde(default)]
    prompts: BTreeMap<String, Option<String>>,
    default_prompt_name: Option<String>,
}

impl SentenceTransformersConfig {
    /// Reads the files in `directory`, whose `modules` are read already; all of them may be absent.
    ///
    /// Without `modules.json` a model is pooled by `default_pooling`. Its network reads at most
    /// `network_max_tokens`.
    pub(super) fn read(
        directory: &Path,
        modules: Option<Modules>,
        default_pooling: Pooling,
        network_max_tokens: u32,
    ) -> Result<Self, ModelError> {
        let (pooling, normalize) = match modules {
            Some(Modules::Pooled { pooling, normalize }) => (pooling, normalize),
            None => (default_pooling, false),
            Some(Modules::NetworkAlone) => {
                let file = directory.join("modules.json");
                return Err(unsupported(&file, "type", "Transformer", SUPPORTED_MODULES));
            }
        };
        let transformer = read_transformer_module(directory)?;
        Ok(Self {
            pooling,
            normalize,
            prompts: read_prompts(directory)?,
            max_tokens: read_max_tokens(directory, transformer.max_seq_length, network_max_tokens)?,
            do_lower_case: transformer.do_lower_case,
        })
    }

    /// The same of a re-ranker, whose head reads the first token's state and which has no prompts.
    pub(super) fn read_of_reranker(
        directory: &Path,
        network_max_tokens: u32,
    ) -> Result<Self, ModelError> {
        let transformer = read_transformer_module(directory)?;
        Ok(Self {
            pooling: Pooling::Cls,
            normalize: false,
            prompts: Prompts::default(),
            max_tokens: read_max_tokens(directory, transformer.max_seq_length, network_max_tokens)?,
            do_lower_case: transformer.do_lower_case,
        })
    }
}

fn read_transformer_module(directory: &Path) -> Result<TransformerModule, ModelError> {
    for name in TRANSFORMER_FILES {
        if let Some(module) = read_json_if_present(&directory.join(name))? {
            return Ok(module);
        }
    }
    Ok(TransformerModule::default())
}

/// Reads `modules.json`, where it is there.
pub(super) fn read_modules(directory: &Path) -> Result<Option<Modules>, ModelError> {
    let file = directory.join("modules.json");
    let Some(modules) = read_json_if_present::<Vec<Module>>(&file)? else {
        return Ok(None);
    };
    let kinds: Vec<&str> =
        modules.iter().map(|module| module.kind.rsplit('.').next().unwrap_or_default()).collect();
    let refuse = |found: &str| Err(unsupported(&file, "type", found, SUPPORTED_MODULES));
    let normalize = match kinds.as_slice() {
        ["Transformer", "Pooling"] => false,
        ["Transformer", "Pooling", "Normalize"] => true,
        ["Transformer"] => {
            check_transformer_path(&file, &modules[0])?;
            return Ok(Some(Modules::NetworkAlone));
        }
        _ => return refuse(&kinds.join(", ")),
    };
    check_transformer_path(&file, &modules[0])?;
    let folder = inside(&modules[1].path)
        .ok_or_else(|| unsupported(&file, "path", &modules[1].path, "a folder inside the model"))?;
    let pooling = read_pooling(&directory.join(folder).join("config.json"))?;
    Ok(Some(Modules::Pooled { pooling, normalize }))
}

fn check_transformer_path(file: &Path, module: &Module) -> Result<(), ModelError> {
    match module.path.as_str() {
        "" => Ok(()),
        path => Err(unsupported(file, "path", path, "\"\" for the transformer")),
    }
}

/// The path, if it does not lead out of the directory.
fn inside(path: &str) -> Option<PathBuf> {
    let path = PathBuf::from(path);
    path.components().all(|part| matches!(part, Component::Normal(_))).then_some(path)
}

fn read_pooling(file: &Path) -> Result<Pooling, ModelError> {
    const LEGACY_KEYS: [(&str, &str); 6] = [
        ("pooling_mode_cls_token", "cls"),
        ("pooling_mode_max_tokens", "max"),
        ("pooling_mode_mean_tokens", "mean"),
        ("pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens"),
        ("pooling_mode_weightedmean_tokens", "weightedmean"),
        ("pooling_mode_lasttoken", "lasttoken"),
    ];
    let settings: Map<String, Value> = read_json(file)?;
    if settings.get("include_prompt") == Some(&Value::Bool(false)) {
        return Err(unsupported(file, "include_prompt", "false", "true"));
    }
    let modes: Vec<String> = match settings.get("pooling_mode") {
        Some(Value::String(mode)) => vec![mode.clone()],
        Some(Value::Array(modes)) => modes.iter().map(mode_name).collect(),
        Some(other) => vec![other.to_string()],
        None => LEGACY_KEYS
            .iter()
            .filter(|(key, _)| settings.get(*key) == Some(&Value::Bool(true)))
            .map(|(_, mode)| (*mode).to_owned())
            .collect(),
    };
    match modes.as_slice() {
        [] => Ok(Pooling::Mean),
        [mode] => Pooling::ALL
            .into_iter()
            .find(|pooling| pooling.as_str() == mode)
            .ok_or_else(|| unsupported(file, "pooling_mode", mode, SUPPORTED_POOLINGS)),
        several => {
            Err(unsupported(file, "pooling_mode", &several.join(" and "), SUPPORTED_POOLINGS))
        }
    }
}

fn mode_name(mode: &Value) -> String {
    mode.as_str().map_or_else(|| mode.to_string(), str::to_owned)
}

fn read_prompts(directory: &Path) -> Result<Prompts, ModelError> {
    let file = directory.join("config_sentence_transformers.json");
    let config: PromptsConfig = read_json_if_present(&file)?.unwrap_or_default();
    let by_name: BTreeMap<String, String> =
        config.prompts.into_iter().map(|(name, text)| (name, text.unwrap_or_default())).collect();
    if let Some(name) = &config.default_prompt_name
        && !by_name.contains_key(name)
        && !PROMPTS_OF_ALL.contains(&name.as_str())
    {
        let known = format!("one of the prompts {:?}", by_name.keys().collect::<Vec<_>>());
        return Err(unsupported(&file, "default_prompt_name", name, &known));
    }
    Ok(Prompts { by_name, default_name: config.default_prompt_name })
}

fn read_max_tokens(
    directory: &Path,
    max_seq_length: Option<u32>,
    network_max_tokens: u32,
) -> Result<u32, ModelError> {
    let wanted = match max_seq_length {
        Some(tokens) => tokens,
        None => {
            let tokenizer: TokenizerConfig =
                read_json_if_present(&directory.join("tokenizer_config.json"))?.unwrap_or_default();
            // A cast from float saturates, and "no limit" is beyond every integer.
            tokenizer.model_max_length.map_or(u32::MAX, |tokens| tokens as u32)
        }
    };
    Ok(wanted.min(network_max_tokens))
}
