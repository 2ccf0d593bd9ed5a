//! How the words of a collection's documents are found.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorCode, Result};

/// The name of the documents' own text among what words stand in.
const TEXT: &str = "text";

/// What may be named beside the text.
const WEIGHTS_MAX: usize = 64;

/// Bytes of a path into metadata.
const PATH_BYTES_MAX: usize = 512;

/// What a word counts at the most.
const WEIGHT_MAX: u64 = 100;

/// How the words of a collection's documents are found. It is said when the collection is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeywordSettings {
    /// The language of the words: `auto`, `none` or the code of one.
    language: String,
    /// What a word counts in the text, 0 where it does not.
    text: u8,
    /// What it counts in metadata, by path.
    metadata: BTreeMap<String, u8>,
}

/// Words count in the text alone, in a language that is guessed.
impl Default for KeywordSettings {
    fn default() -> Self {
        Self { language: Self::AUTO.to_owned(), text: 1, metadata: BTreeMap::new() }
    }
}

impl KeywordSettings {
    /// The language of each document is guessed.
    pub const AUTO: &str = "auto";
    /// Words are taken as they are.
    pub const NONE: &str = "none";

    /// The languages whose words are known in all of their forms, by their codes in ISO 639-1.
    pub const LANGUAGES: [&str; 29] = [
        "ar", "ca", "cs", "da", "de", "el", "en", "es", "et", "eu", "fi", "fr", "hi", "hu", "hy",
        "id", "it", "lt", "nl", "no", "pl", "pt", "ro", "ru", "sr", "sv", "ta", "tr", "uk",
    ];

    /// Checks what is asked for. `weights` are what a word counts by where it stands: `text`, 1 where it is not
    /// among them, and paths into metadata.
    ///
    /// # Errors
    /// When the language is unknown, or a weight or a path is not allowed.
    pub fn new(language: Option<&str>, weights: &[(String, u64)]) -> Result<Self> {
        let language = match language {
            None => Self::AUTO.to_owned(),
            Some(given) => {
                let known = [Self::AUTO, Self::NONE].into_iter().chain(Self::LANGUAGES);
                let mut known = known.filter(|known| known.eq_ignore_ascii_case(given));
                known.next().ok_or_else(|| unknown_language(given))?.to_owned()
            }
        };
        if weights.len() > WEIGHTS_MAX {
            let fault = format!("has {} entries, allowed are at most {WEIGHTS_MAX}", weights.len());
            return Err(Error::at(ErrorCode::LimitExceeded, "keyword.weights", fault));
        }
        let mut settings = Self { language, ..Self::default() };
        let mut given = BTreeSet::new();
        for (name, weight) in weights {
            let weight = *weight;
            if !given.insert(name) {
                let place = format!("keyword.weights.{}", shown(name));
                return Err(Error::at(ErrorCode::InvalidArgument, place, "is there twice"));
            }
            let least = u64::from(name != TEXT);
            let checked =
                u8::try_from(weight).ok().filter(|_| (least..=WEIGHT_MAX).contains(&weight));
            let fault = || format!("is {weight}, allowed are {least} to {WEIGHT_MAX}");
            let place = || format!("keyword.weights.{}", shown(name));
            let weight =
                checked.ok_or_else(|| Error::at(ErrorCode::InvalidArgument, place(), fault()))?;
            if name == TEXT {
                settings.text = weight;
                continue;
            }
            if name.is_empty() || name.len() > PATH_BYTES_MAX || name.starts_with('$') {
                let fault = format!(
                    "is no path into metadata: 1 to {PATH_BYTES_MAX} bytes that begin with no $"
                );
                return Err(Error::at(ErrorCode::InvalidArgument, place(), fault));
            }
            settings.metadata.insert(name.clone(), weight);
        }
        if settings.text == 0 && settings.metadata.is_empty() {
            let fault = "leaves nothing that has words";
            return Err(Error::at(ErrorCode::InvalidArgument, "keyword.weights", fault));
        }
        Ok(settings)
    }

    /// `auto`, `none` or the code of a language.
    #[must_use]
    pub fn language(&self) -> &str {
        &self.language
    }

    /// What a word counts in the text, 0 where it does not.
    #[must_use]
    pub const fn text_weight(&self) -> u8 {
        self.text
    }

    /// What a word counts in metadata, by path.
    #[must_use]
    pub const fn metadata_weights(&self) -> &BTreeMap<String, u8> {
        &self.metadata
    }

    /// What a word counts, by where it stands.
    #[must_use]
    pub fn weights(&self) -> BTreeMap<String, u8> {
        let text = std::iter::once((TEXT.to_owned(), self.text));
        text.chain(self.metadata.clone()).collect()
    }
}

fn unknown_language(given: &str) -> Error {
    let fault = format!(
        "{:?} is no language that is known, allowed are auto, none, {}",
        shown(given),
        KeywordSettings::LANGUAGES.join(", ")
    );
    Error::at(ErrorCode::InvalidArgument, "language", fault)
}

fn shown(given: &str) -> String {
    given.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(weights: &[(&str, u64)]) -> Vec<(String, u64)> {
        weights.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect()
    }

    #[test]
    fn the_text_counts_once_unless_it_is_said_otherwise() {
        let plain = KeywordSettings::new(None, &given(&[])).unwrap();
        assert_eq!(plain, KeywordSettings::default());
        let titled = KeywordSettings::new(Some("DE"), &given(&[("title", 3)])).unwrap();
        assert_eq!((titled.language(), titled.text_weight()), ("de", 1));
        assert_eq!(titled.metadata_weights()["title"], 3);
        let title_alone = KeywordSettings::new(None, &given(&[("text", 0), ("title", 1)]));
        assert_eq!(title_alone.unwrap().text_weight(), 0);
    }

    #[test]
    fn what_is_not_allowed_is_named() {
        let long = "x".repeat(513);
        for (language, weights, message) in [
            (Some("klingon"), given(&[]), "language: \"klingon\" is no language that is known"),
            (None, given(&[("title", 0)]), "keyword.weights.title: is 0, allowed are 1 to 100"),
            (None, given(&[("text", 101)]), "keyword.weights.text: is 101, allowed are 0 to 100"),
            (None, given(&[("text", 0)]), "keyword.weights: leaves nothing that has words"),
            (None, given(&[("", 1)]), "keyword.weights.: is no path into metadata"),
            (None, given(&[("a", 1), ("a", 2)]), "keyword.weights.a: is there twice"),
            (None, given(&[("$id", 1)]), "keyword.weights.$id: is no path into metadata"),
            (None, given(&[(&long, 1)]), "keyword.weights.xxx"),
        ] {
            let refused = KeywordSettings::new(language, &weights).unwrap_err();
            assert!(refused.message.starts_with(message), "{}", refused.message);
        }
        let many: Vec<_> = (0..65).map(|i| (format!("field-{i}"), 1)).collect();
        let refused = KeywordSettings::new(None, &many).unwrap_err();
        assert_eq!(refused.code, ErrorCode::LimitExceeded);
    }
}
