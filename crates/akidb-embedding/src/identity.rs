//! What a vector was made by: everything about a model that changes its vectors.
//!
//! Out of scope: where the model lies and which backend runs it.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The identity of a model, stored with every collection that it embeds for.
///
/// Two models with equal identities make interchangeable vectors; vectors of different identities
/// must never be mixed. The backend is deliberately not part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelIdentity {
    /// The name under which the model is configured or imported.
    pub name: String,
    /// SHA-256 of the weights in lower-case hexadecimal; of several files, of their bytes one
    /// after the other in the order of their names.
    pub weights_sha256: String,
    /// The arithmetic that the vectors are made with.
    pub precision: Precision,
    /// How token states become one vector, unless a request says otherwise.
    pub pooling: Pooling,
    /// Whether vectors are scaled to length 1, unless a request says otherwise.
    pub normalize: bool,
    /// The texts put before an input, by its type.
    pub prompts: Prompts,
    /// The most tokens of a text that are read, special tokens included.
    pub max_tokens: u32,
    /// The number of values of a vector.
    pub dimension: u32,
}

/// The arithmetic of an encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floating point.
    F32,
    /// Weights of matrices and words held in bfloat16, half of the memory, and everything worked
    /// out in `f32`. Nothing is lost where the files hold bfloat16 too.
    Bf16,
    /// Weights and activations of the layers' matrices in 8 bits, words in bfloat16, everything
    /// else in `f32`.
    Int8,
}

impl Precision {
    /// The one of the native backend where none is asked for: as good as `f32` on every retrieval set
    /// that was measured, and several times as fast.
    pub const NATIVE_DEFAULT: Self = Self::Int8;
    /// The same for MLX, which has no products of bytes.
    pub const MLX_DEFAULT: Self = Self::F32;

    /// Each of them.
    pub const ALL: [Self; 3] = [Self::F32, Self::Bf16, Self::Int8];

    /// The canonical name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a model makes of texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ModelKind {
    /// A vector of each.
    #[default]
    Embedder,
    /// A score of a query and a document, read together. Its vectors have one value, the logit,
    /// which may be 0.
    Reranker(ScoreFunction),
}

impl ModelKind {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Embedder => "embedder",
            Self::Reranker(_) => "reranker",
        }
    }

    /// What it does and what it does not, for people.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Embedder => "makes vectors of texts and re-ranks nothing",
            Self::Reranker(_) => "re-ranks documents and makes no vectors",
        }
    }
}

/// How the logit of a re-ranker becomes a score, as its own files say. Neither changes an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScoreFunction {
    /// `1 / (1 + exp(-x))`, between 0 and 1.
    Sigmoid,
    /// The logit itself.
    Identity,
}

impl ScoreFunction {
    /// The score of a logit.
    #[must_use]
    pub fn score(self, logit: f32) -> f32 {
        match self {
            Self::Sigmoid => 1.0 / (1.0 + (-logit).exp()),
            Self::Identity => logit,
        }
    }
}

/// How the states of a text's tokens become one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// The mean over all tokens, special tokens included.
    Mean,
    /// The state of the first token.
    Cls,
    /// The maximum over all tokens, value by value.
    Max,
    /// The state of the last token, for models whose tokens see only what stands before them.
    LastToken,
}

/// The name given for a [`Pooling`] is not one of the known ones.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown pooling {given:?}, allowed are mean, cls, max and lasttoken")]
pub struct UnknownPooling {
    given: String,
}

impl Pooling {
    /// Every pooling, in the order in which documentation lists them.
    pub const ALL: [Self; 4] = [Self::Mean, Self::Cls, Self::Max, Self::LastToken];

    /// The canonical name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Cls => "cls",
            Self::Max => "max",
            Self::LastToken => "lasttoken",
        }
    }
}

impl fmt::Display for Pooling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Pooling {
    type Err = UnknownPooling;

    /// Accepts the canonical names without regard to case.
    fn from_str(given: &str) -> Result<Self, UnknownPooling> {
        let wanted = given.to_ascii_lowercase();
        Self::ALL
            .into_iter()
            .find(|pooling| pooling.as_str() == wanted)
            .ok_or_else(|| UnknownPooling { given: given.chars().take(64).collect() })
    }
}

/// What a text is for; models with prompts treat the two differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InputType {
    /// A question that documents are searched with.
    Query,
    /// A text that is stored and found.
    Document,
}

/// The prompts of a model, as `config_sentence_transformers.json` lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompts {
    /// The texts to put before an input, by the prompt's name.
    pub by_name: BTreeMap<String, String>,
    /// The prompt for inputs of no type.
    pub default_name: Option<String>,
}

impl Prompts {
    /// The text to put before an input, empty where the model has none for it.
    ///
    /// Follows `encode_query` and `encode_document` of sentence-transformers 6: a query takes the
    /// prompt named `query`, a document the first of `document`, `passage` and `corpus`, and an
    /// input of no type the default prompt. A type without a prompt does not fall back to the
    /// default one.
    #[must_use]
    pub fn text_for(&self, input_type: Option<InputType>) -> &str {
        let names: &[&str] = match (input_type, self.default_name.as_deref()) {
            (Some(InputType::Query), _) => &["query"],
            (Some(InputType::Document), _) => &["document", "passage", "corpus"],
            (None, Some(default)) => &[default],
            (None, None) => &[],
        };
        names.iter().find_map(|name| self.by_name.get(*name)).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pooling_names_are_read_without_regard_to_case() {
        for pooling in Pooling::ALL {
            assert_eq!(pooling.as_str().to_uppercase().parse(), Ok(pooling));
        }
        assert!("weightedmean".parse::<Pooling>().is_err());
    }

    #[test]
    fn prompts_are_chosen_by_input_type_or_by_default() {
        let by_name = [("query", "query: "), ("passage", "passage: "), ("sts", "similar: ")]
            .map(|(name, text)| (name.to_owned(), text.to_owned()));
        let mut prompts = Prompts { by_name: by_name.into(), default_name: None };
        assert_eq!(prompts.text_for(Some(InputType::Query)), "query: ");
        assert_eq!(prompts.text_for(Some(InputType::Document)), "passage: ");
        assert_eq!(prompts.text_for(None), "");
        prompts.default_name = Some("sts".to_owned());
        assert_eq!(prompts.text_for(None), "similar: ");
        prompts.by_name.remove("passage");
        assert_eq!(prompts.text_for(Some(InputType::Document)), "");
    }
}
