//! The words of documents: where they come from, and the index of them.

use std::{borrow::Cow, num::NonZeroU8, ops::Range, sync::Arc};

use akidb_core::KeywordSettings;
use akidb_store::AddedDocument;
use akidb_text::{AnalyzedDocument, LanguageSetting, TextField, TextIndex, TextSettings};
use serde_json::Value;

/// Where the words of a collection's documents come from, and in which language they are.
#[derive(Debug)]
pub(crate) struct WordSources {
    pub(crate) settings: TextSettings,
    /// Whether the first field is the documents' own text.
    pub(crate) has_text: bool,
    /// Of the others, where they are in the metadata.
    paths: Vec<String>,
}

impl WordSources {
    pub(crate) fn of(settings: &KeywordSettings) -> Self {
        let language = match settings.language() {
            KeywordSettings::AUTO => LanguageSetting::Auto,
            KeywordSettings::NONE => LanguageSetting::None,
            code => code.parse().map_or(LanguageSetting::Auto, LanguageSetting::Named),
        };
        let text = settings.text_weight();
        let has_text = text > 0;
        let paths: Vec<String> = settings.metadata_weights().keys().cloned().collect();
        let of_text = has_text.then_some(("text", text));
        let of_metadata =
            settings.metadata_weights().iter().map(|(path, weight)| (&**path, *weight));
        let fields = of_text.into_iter().chain(of_metadata).map(|(name, weight)| TextField {
            name: name.to_owned(),
            weight: NonZeroU8::new(weight).unwrap_or(NonZeroU8::MIN),
        });
        let settings = TextSettings { language, fields: fields.collect() };
        Self { settings, has_text, paths }
    }

    fn analyzed(&self, index: &TextIndex, document: &AddedDocument) -> AnalyzedDocument {
        let mut texts: Vec<(usize, Cow<'_, str>)> = Vec::new();
        if let Some(text) = document.text.as_deref().filter(|_| self.has_text) {
            texts.push((0, text.into()));
        }
        for (field, path) in (usize::from(self.has_text)..).zip(&self.paths) {
            for value in document.metadata.values_at(path) {
                add_texts(field, value, &mut texts);
            }
        }
        let texts: Vec<(usize, &str)> =
            texts.iter().map(|(field, text)| (*field, &**text)).collect();
        index.analyze(&texts)
    }
}

/// Strings and numbers, also those of lists.
fn add_texts<'v>(field: usize, value: &'v Value, texts: &mut Vec<(usize, Cow<'v, str>)>) {
    match value {
        Value::String(text) => texts.push((field, text.into())),
        Value::Number(number) => texts.push((field, number.to_string().into())),
        Value::Array(values) => values.iter().for_each(|value| add_texts(field, value, texts)),
        Value::Null | Value::Bool(_) | Value::Object(_) => {}
    }
}

/// The words of documents, each at the first of its slots.
pub(super) struct Words {
    pub(super) index: TextIndex,
    pub(super) sources: Arc<WordSources>,
}

impl Words {
    pub(super) fn new(sources: Arc<WordSources>) -> Self {
        Self { index: TextIndex::new(sources.settings.clone()), sources }
    }

    /// Makes documents findable by their words. One without a slot has nothing to be found by.
    pub(super) fn append(&self, slots: &[Range<u32>], documents: &[AddedDocument]) {
        let placed = slots.iter().zip(documents).filter(|(slots, _)| !slots.is_empty());
        let analyzed = placed
            .map(|(slots, document)| (slots.start, self.sources.analyzed(&self.index, document)));
        self.index.insert_batch(analyzed);
    }
}

#[cfg(test)]
mod tests {
    use akidb_text::Language;

    use super::*;

    #[test]
    fn the_languages_that_can_be_asked_for_are_those_that_are_known() {
        let mut known: Vec<&str> = Language::all().map(Language::code).collect();
        known.sort_unstable();
        assert_eq!(known, KeywordSettings::LANGUAGES);
    }
}
