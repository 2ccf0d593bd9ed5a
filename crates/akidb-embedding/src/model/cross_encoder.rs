//! Which models are re-rankers, and what each has beyond its encoder.
//!
//! Follows `CrossEncoder` of sentence-transformers 6.2, which also reads what every earlier version
//! wrote. Out of scope: running one.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    Architecture,
    bert::{BertConfig, check_pair},
    config_file::{ConfigFile, unsupported},
    read_json_if_present,
    weights::WeightFiles,
};
use crate::{error::ModelError, identity::ScoreFunction, tokenize::PairTypes};

/// How the networks of re-rankers end in `architectures` of `config.json`.
const CLASSIFIER: &str = "ForSequenceClassification";
const SUPPORTED_NETWORKS: &str =
    "{Bert, Roberta, XLMRoberta or Camembert}ForSequenceClassification of its model_type";
const SUPPORTED_ACTIVATIONS: &str =
    "torch.nn.modules.activation.Sigmoid or torch.nn.modules.linear.Identity";

/// What a re-ranker has beyond its encoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CrossEncoderConfig {
    /// How the state of the first token becomes a logit.
    pub(crate) head: Head,
    /// How a logit becomes a score.
    pub(crate) score_function: ScoreFunction,
}

/// Two matrices with `tanh` between them, by the names that their tensors have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// The pooler of the encoder, then `classifier`.
    Bert,
    /// `classifier.dense`, then `classifier.out_proj`.
    Roberta,
}

/// The name of a tensor, and whether it is among those of the encoder, with what stands before
/// each of their names.
pub(crate) struct HeadTensor {
    pub(crate) name: &'static str,
    pub(crate) is_of_encoder: bool,
}

impl Head {
    /// Of which types the tokens of a pair are.
    pub(crate) const fn types(self) -> PairTypes {
        match self {
            Self::Bert => PairTypes::Two,
            Self::Roberta => PairTypes::One,
        }
    }

    /// The matrix of `[hidden, hidden]` and that of `[1, hidden]`, each with a bias.
    pub(crate) const fn tensors(self) -> [HeadTensor; 2] {
        let [dense, last] = match self {
            Self::Bert => ["pooler.dense", "classifier"],
            Self::Roberta => ["classifier.dense", "classifier.out_proj"],
        };
        let is_of_encoder = matches!(self, Self::Bert);
        [HeadTensor { name: dense, is_of_encoder }, HeadTensor { name: last, is_of_encoder: false }]
    }
}

/// The settings that sentence-transformers adds, in `config_sentence_transformers.json`.
#[derive(Default, Deserialize)]
struct SentenceTransformersSettings {
    activation_fn: Option<String>,
    #[serde(default)]
    prompts: Map<String, Value>,
    default_prompt_name: Option<String>,
}

impl CrossEncoderConfig {
    /// Reads the settings of a re-ranker; `None` where the network is not one's.
    pub(super) fn read(
        directory: &Path,
        config: &ConfigFile,
        architecture: &Architecture,
    ) -> Result<Option<Self>, ModelError> {
        let first = config.get("architectures").and_then(|names| names.get(0));
        let Some(network) = first.and_then(Value::as_str).filter(|it| it.ends_with(CLASSIFIER))
        else {
            return Ok(None);
        };
        let head = head(config, architecture, network)?;
        check_labels(config)?;
        let file = directory.join("config_sentence_transformers.json");
        let settings: SentenceTransformersSettings =
            read_json_if_present(&file)?.unwrap_or_default();
        let score_function = match &settings.activation_fn {
            Some(name) => score_function(name)
                .ok_or_else(|| unsupported(&file, "activation_fn", name, SUPPORTED_ACTIVATIONS))?,
            None => score_function_of_config(config)?,
        };
        refuse_prompt(&file, &settings)?;
        Ok(Some(Self { head, score_function }))
    }

    /// Checks that every tensor of the head is there, in its shape and in a type that can be read.
    pub(super) fn check_tensors(
        &self,
        weights: &WeightFiles,
        hidden_size: u32,
    ) -> Result<(), ModelError> {
        let hidden = hidden_size as usize;
        let outside = weights.outside_of_network();
        for (HeadTensor { name, is_of_encoder }, outputs) in
            self.head.tensors().into_iter().zip([hidden, 1])
        {
            let weights = if is_of_encoder { weights } else { &outside };
            check_pair(weights, name, &[outputs, hidden], outputs)?;
        }
        Ok(())
    }
}

fn head(
    config: &ConfigFile,
    architecture: &Architecture,
    network: &str,
) -> Result<Head, ModelError> {
    let Architecture::Bert(BertConfig { model_type, token_types, .. }) = architecture else {
        return Err(config.unsupported("architectures", network, SUPPORTED_NETWORKS));
    };
    let (family, head) = match model_type.as_str() {
        "bert" => ("Bert", Head::Bert),
        "xlm-roberta" => ("XLMRoberta", Head::Roberta),
        "camembert" => ("Camembert", Head::Roberta),
        _ => ("Roberta", Head::Roberta),
    };
    if network.strip_suffix(CLASSIFIER) != Some(family) {
        return Err(config.unsupported("architectures", network, SUPPORTED_NETWORKS));
    }
    if head == Head::Bert && *token_types < 2 {
        let reason =
            format!("type_vocab_size is {token_types}, the texts of a pair are of 2 types");
        return Err(config.damaged(reason));
    }
    Ok(head)
}

/// A score needs one label. As in transformers, which counts `id2label` and takes 2 without it.
fn check_labels(config: &ConfigFile) -> Result<(), ModelError> {
    let labels = match config.get("id2label").and_then(Value::as_object) {
        Some(labels) => labels.len().to_string(),
        None if config.get("num_labels").is_some() => config.text("num_labels"),
        None => "2".to_owned(),
    };
    if labels == "1" {
        return Ok(());
    }
    Err(config.unsupported("num_labels (id2label)", &labels, "1, a score of the pair"))
}

/// What `config.json` says, by the key of today or that of before version 4; a single label has
/// its sigmoid where neither is there.
fn score_function_of_config(config: &ConfigFile) -> Result<ScoreFunction, ModelError> {
    const LEGACY_KEY: &str = "sbert_ce_default_activation_function";
    let added = config.get("sentence_transformers").and_then(|added| added.get("activation_fn"));
    let (key, name) = match (added, config.get(LEGACY_KEY)) {
        (Some(name), _) => ("sentence_transformers.activation_fn", name),
        (None, Some(name)) => (LEGACY_KEY, name),
        (None, None) => return Ok(ScoreFunction::Sigmoid),
    };
    let name = name.as_str().unwrap_or_default();
    score_function(name).ok_or_else(|| config.unsupported(key, name, SUPPORTED_ACTIVATIONS))
}

fn score_function(name: &str) -> Option<ScoreFunction> {
    match name.strip_prefix("torch.nn.")?.rsplit('.').next()? {
        "Sigmoid" => Some(ScoreFunction::Sigmoid),
        "Identity" => Some(ScoreFunction::Identity),
        _ => None,
    }
}

/// Refuses a re-ranker that puts a prompt before every pair.
fn refuse_prompt(file: &Path, settings: &SentenceTransformersSettings) -> Result<(), ModelError> {
    let Some(name) = &settings.default_prompt_name else { return Ok(()) };
    match settings.prompts.get(name).and_then(Value::as_str) {
        None | Some("") => Ok(()),
        Some(prompt) => {
            let key = format!("prompts.{name} (default_prompt_name)");
            Err(unsupported(file, &key, prompt, "no prompt for a re-ranker"))
        }
    }
}
