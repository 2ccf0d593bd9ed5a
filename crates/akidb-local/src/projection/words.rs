//! The words of documents: where they come from, and the index of them.

use std::{borrow::Cow, num::NonZeroU8, ops::Range, sync::Arc};

use akidb_core::{Document, KeywordSettings, Metadata, WordsJudge};
use akidb_store::AddedDocument;
use akidb_text::{
    AnalyzedDocument, DocumentJudge, LanguageSetting, TextField, TextIndex, TextMatcher,
    TextMatches, TextSettings,
};
use serde_json::Value;

use super::Projections;

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

    /// What of a document has words, with the number of the field that it is in.
    fn texts<'d>(
        &self,
        text: Option<&'d str>,
        metadata: &'d Metadata,
    ) -> Vec<(usize, Cow<'d, str>)> {
        let mut texts: Vec<(usize, Cow<'_, str>)> = Vec::new();
        if let Some(text) = text.filter(|_| self.has_text) {
            texts.push((0, text.into()));
        }
        for (field, path) in (usize::from(self.has_text)..).zip(&self.paths) {
            for value in metadata.values_at(path) {
                add_texts(field, value, &mut texts);
            }
        }
        texts
    }

    fn analyzed(&self, index: &TextIndex, document: &AddedDocument) -> AnalyzedDocument {
        let texts = self.texts(document.text.as_deref(), &document.metadata);
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

/// The words of a query, to be looked for in the texts of documents.
pub(crate) struct QueryWords {
    pub(crate) matcher: TextMatcher,
    sources: Arc<WordSources>,
}

impl QueryWords {
    /// Where the own text of a document has them.
    pub(crate) fn in_own_text(&self, document: &Document) -> TextMatches {
        let text = document.text.as_deref().unwrap_or_default();
        if !self.sources.has_text {
            return self.in_text(text);
        }
        let texts = self.sources.texts(Some(text), &document.metadata);
        self.matcher.matches(texts.iter().map(|(_, text)| &**text), Some(0), text)
    }

    /// Where a text has them that no index has.
    pub(crate) fn in_text(&self, text: &str) -> TextMatches {
        self.matcher.matches([text], None, text)
    }
}

impl Projections {
    /// Says of a document whether a search by some words would find it; `None` where no document is searched by its
    /// words.
    pub(super) fn document_judge(&self, query: &str) -> Option<WordsJudge> {
        let generations: Vec<_> =
            self.with_words().iter().map(|projection| projection.shared.generation()).collect();
        let words: Vec<&Words> =
            generations.iter().filter_map(|generation| generation.words.as_ref()).collect();
        let indexes: Vec<&TextIndex> = words.iter().map(|words| &words.index).collect();
        let judge = DocumentJudge::of(&indexes, query)?;
        let sources = Arc::clone(&words.first()?.sources);
        Some(Arc::new(move |text, metadata| {
            let texts = sources.texts(text, metadata);
            let texts: Vec<(usize, &str)> =
                texts.iter().map(|(field, text)| (*field, &**text)).collect();
            judge.finds(&texts)
        }))
    }

    /// The words of a query; `None` where no document is searched by its words.
    pub(crate) fn query_words(&self, text: &str) -> Option<QueryWords> {
        let generations: Vec<_> =
            self.with_words().iter().map(|projection| projection.shared.generation()).collect();
        let words: Vec<&Words> =
            generations.iter().filter_map(|generation| generation.words.as_ref()).collect();
        let indexes: Vec<&TextIndex> = words.iter().map(|words| &words.index).collect();
        let matcher = TextIndex::matcher(&indexes, text)?;
        Some(QueryWords { matcher, sources: Arc::clone(&words.first()?.sources) })
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
