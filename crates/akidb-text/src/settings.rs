//! What of documents is indexed, and in which language.

use std::num::NonZeroU8;

use crate::Language;

/// How the language of words is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LanguageSetting {
    /// That of each document is guessed where it is long enough to tell, and is else the usual one of its
    /// script; queries are analyzed in all languages that documents are in.
    #[default]
    Auto,
    /// Words are taken as they are, without stems and stop words, but for case and accents.
    None,
    /// All documents are in one language.
    Named(Language),
}

/// A field whose words are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextField {
    /// Its name, as queries have it before a colon.
    pub name: String,
    /// A word of it counts as if it stood so many times.
    pub weight: NonZeroU8,
}

/// How an index analyzes text. Two indexes with other settings are of different terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextSettings {
    /// How the language is known.
    pub language: LanguageSetting,
    /// The fields, by their number; at most [`FIELDS_MAX`](Self::FIELDS_MAX) are told apart.
    pub fields: Vec<TextField>,
}

impl TextSettings {
    /// Fields that an index tells apart.
    pub const FIELDS_MAX: usize = 1 << 12;

    /// All of it as one text, which differs where terms, counts or positions do.
    pub(crate) fn fingerprint(&self) -> String {
        let language = match self.language {
            LanguageSetting::Auto => "auto",
            LanguageSetting::None => "none",
            LanguageSetting::Named(language) => language.code(),
        };
        let fields =
            self.fields.iter().map(|TextField { name, weight }| format!(" {name:?}*{weight}"));
        std::iter::once(language.to_owned()).chain(fields).collect()
    }
}

/// The text of documents alone, in a language that is guessed.
impl Default for TextSettings {
    fn default() -> Self {
        let text = TextField { name: "text".to_owned(), weight: NonZeroU8::MIN };
        Self { language: LanguageSetting::Auto, fields: vec![text] }
    }
}
