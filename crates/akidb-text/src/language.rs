//! The languages whose words can be brought to their stems, and how a document's language is guessed.

use std::{
    collections::HashSet,
    fmt,
    str::FromStr,
    sync::{LazyLock, OnceLock},
};

use frostem::{Algorithm, Stemmer};
use whatlang::Lang;

use crate::script::Script;

/// Letters that a document needs before its language is guessed.
const LETTERS_MIN: usize = 40;

/// Bytes of a document that its language is guessed from.
const SAMPLE_BYTES: usize = 512;

/// A language with a Snowball stemmer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[expect(missing_docs, reason = "they name themselves")]
pub enum Language {
    Arabic,
    Armenian,
    Basque,
    Catalan,
    Czech,
    Danish,
    Dutch,
    English,
    Estonian,
    Finnish,
    French,
    German,
    Greek,
    Hindi,
    Hungarian,
    Indonesian,
    Italian,
    Lithuanian,
    Norwegian,
    Polish,
    Portuguese,
    Romanian,
    Russian,
    Serbian,
    Spanish,
    Swedish,
    Tamil,
    Turkish,
    Ukrainian,
}

/// What is known of a language.
struct Known {
    language: Language,
    /// As in ISO 639-1.
    code: &'static str,
    algorithm: Algorithm,
    script: Script,
    /// What a guess says.
    guessed: Option<Lang>,
}

const fn known(
    language: Language,
    code: &'static str,
    algorithm: Algorithm,
    script: Script,
    guessed: Option<Lang>,
) -> Known {
    Known { language, code, algorithm, script, guessed }
}

/// In the order of [`Language`].
#[rustfmt::skip]
static KNOWN: [Known; 29] = [
    known(Language::Arabic, "ar", Algorithm::Arabic, Script::Arabic, Some(Lang::Ara)),
    known(Language::Armenian, "hy", Algorithm::Armenian, Script::Armenian, Some(Lang::Hye)),
    known(Language::Basque, "eu", Algorithm::Basque, Script::Latin, None),
    known(Language::Catalan, "ca", Algorithm::Catalan, Script::Latin, Some(Lang::Cat)),
    known(Language::Czech, "cs", Algorithm::Czech, Script::Latin, Some(Lang::Ces)),
    known(Language::Danish, "da", Algorithm::Danish, Script::Latin, Some(Lang::Dan)),
    known(Language::Dutch, "nl", Algorithm::Dutch, Script::Latin, Some(Lang::Nld)),
    known(Language::English, "en", Algorithm::English, Script::Latin, Some(Lang::Eng)),
    known(Language::Estonian, "et", Algorithm::Estonian, Script::Latin, Some(Lang::Est)),
    known(Language::Finnish, "fi", Algorithm::Finnish, Script::Latin, Some(Lang::Fin)),
    known(Language::French, "fr", Algorithm::French, Script::Latin, Some(Lang::Fra)),
    known(Language::German, "de", Algorithm::German, Script::Latin, Some(Lang::Deu)),
    known(Language::Greek, "el", Algorithm::Greek, Script::Greek, Some(Lang::Ell)),
    known(Language::Hindi, "hi", Algorithm::Hindi, Script::Devanagari, Some(Lang::Hin)),
    known(Language::Hungarian, "hu", Algorithm::Hungarian, Script::Latin, Some(Lang::Hun)),
    known(Language::Indonesian, "id", Algorithm::Indonesian, Script::Latin, Some(Lang::Ind)),
    known(Language::Italian, "it", Algorithm::Italian, Script::Latin, Some(Lang::Ita)),
    known(Language::Lithuanian, "lt", Algorithm::Lithuanian, Script::Latin, Some(Lang::Lit)),
    known(Language::Norwegian, "no", Algorithm::Norwegian, Script::Latin, Some(Lang::Nob)),
    known(Language::Polish, "pl", Algorithm::Polish, Script::Latin, Some(Lang::Pol)),
    known(Language::Portuguese, "pt", Algorithm::Portuguese, Script::Latin, Some(Lang::Por)),
    known(Language::Romanian, "ro", Algorithm::Romanian, Script::Latin, Some(Lang::Ron)),
    known(Language::Russian, "ru", Algorithm::Russian, Script::Cyrillic, Some(Lang::Rus)),
    known(Language::Serbian, "sr", Algorithm::Serbian, Script::Cyrillic, Some(Lang::Srp)),
    known(Language::Spanish, "es", Algorithm::Spanish, Script::Latin, Some(Lang::Spa)),
    known(Language::Swedish, "sv", Algorithm::Swedish, Script::Latin, Some(Lang::Swe)),
    known(Language::Tamil, "ta", Algorithm::Tamil, Script::Tamil, Some(Lang::Tam)),
    known(Language::Turkish, "tr", Algorithm::Turkish, Script::Latin, Some(Lang::Tur)),
    known(Language::Ukrainian, "uk", Algorithm::Ukrainian, Script::Cyrillic, Some(Lang::Ukr)),
];

/// There is no stemmer for a language.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no language {code:?}; known are {}", known_codes())]
pub struct UnknownLanguage {
    /// What was asked for.
    pub code: String,
}

fn known_codes() -> String {
    KNOWN.iter().map(|known| known.code).collect::<Vec<_>>().join(", ")
}

impl Language {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        KNOWN.iter().map(|known| known.language)
    }

    /// Its code of two letters, as in ISO 639-1.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.known().code
    }

    fn known(self) -> &'static Known {
        &KNOWN[self as usize]
    }

    /// What most of its words are written in.
    pub(crate) fn script(self) -> Script {
        self.known().script
    }

    pub(crate) fn stemmer(self) -> Stemmer {
        Stemmer::new(self.known().algorithm)
    }

    /// Whether a word in lower case says nothing by itself, as `the` or `und`.
    pub(crate) fn is_stop_word(self, word: &str) -> bool {
        static SETS: [OnceLock<HashSet<&'static str>>; KNOWN.len()] =
            [const { OnceLock::new() }; KNOWN.len()];
        let set = SETS[self as usize].get_or_init(|| {
            let words = stop_words::lookup(self.code()).unwrap_or_default();
            words.iter().copied().collect()
        });
        set.contains(word)
    }

    /// Whether its articles and pronouns stand before a word with an apostrophe between.
    pub(crate) fn has_elisions(self) -> bool {
        matches!(self, Self::French | Self::Italian | Self::Catalan)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}

impl FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(code: &str) -> Result<Self, UnknownLanguage> {
        let found = KNOWN.iter().find(|known| known.code == code);
        found.map(|known| known.language).ok_or_else(|| UnknownLanguage { code: code.to_owned() })
    }
}

/// How the words of a document become terms.
///
/// In a language, words of its script are stemmed by it, and those of another script by the language
/// that is most often written in that one; so an English word in a Russian text is stemmed as English.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Manner {
    /// No stems, no stop words.
    Plain,
    In(Language),
}

impl Manner {
    /// What stands for documents too short to tell, and for all languages that are the usual one of
    /// their script, between which words do not differ.
    pub(crate) const USUAL: Self = Self::In(Language::English);

    pub(crate) fn of(language: Language) -> Self {
        let usual = language.script().usual_language() == Some(language);
        if usual { Self::USUAL } else { Self::In(language) }
    }

    /// The language that the words of a script are stemmed by.
    pub(crate) fn language_of(self, script: Script) -> Option<Language> {
        match self {
            Self::Plain => None,
            Self::In(language) if language.script() == script => Some(language),
            Self::In(_) => script.usual_language(),
        }
    }

    /// Guesses that of a document: its own language where it is long enough to tell, else the usual
    /// one.
    pub(crate) fn guess<'t>(texts: impl Iterator<Item = &'t str>) -> Self {
        let mut sample = String::new();
        for text in texts {
            let space = SAMPLE_BYTES.saturating_sub(sample.len());
            sample.push_str(&text[..text.floor_char_boundary(space)]);
            sample.push(' ');
        }
        let letters = sample.chars().filter(|letter| letter.is_alphabetic());
        if letters.take(LETTERS_MIN).count() < LETTERS_MIN {
            return Self::USUAL;
        }
        match whatlang::detect(&sample) {
            Some(info) if info.is_reliable() => {
                static BY_GUESS: LazyLock<Vec<(Lang, Language)>> = LazyLock::new(|| {
                    let guessed = |known: &Known| Some((known.guessed?, known.language));
                    KNOWN.iter().filter_map(guessed).collect()
                });
                let found = BY_GUESS.iter().find(|(guessed, _)| *guessed == info.lang());
                found.map_or(Self::Plain, |&(_, language)| Self::of(language))
            }
            _ => Self::USUAL,
        }
    }

    pub(crate) fn to_byte(self) -> u8 {
        match self {
            Self::Plain => 0,
            Self::In(language) => language as u8 + 1,
        }
    }

    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        match byte.checked_sub(1) {
            None => Some(Self::Plain),
            Some(at) => KNOWN.get(usize::from(at)).map(|known| Self::In(known.language)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_languages() {
        for (at, language) in Language::all().enumerate() {
            assert_eq!(language as usize, at);
            assert_eq!(language.code().parse(), Ok(language));
            assert_eq!(
                Manner::from_byte(Manner::In(language).to_byte()),
                Some(Manner::In(language))
            );
        }
        assert_eq!(Manner::from_byte(Manner::Plain.to_byte()), Some(Manner::Plain));
        assert_eq!(Manner::from_byte(99), None);
        let refused = "xx".parse::<Language>().unwrap_err().to_string();
        assert!(refused.starts_with("there is no language \"xx\"; known are ar, hy"), "{refused}");
    }

    #[test]
    fn the_language_of_a_document_is_guessed_where_it_is_long_enough() {
        let guess = |text: &str| Manner::guess([text].into_iter());
        let german = "Die Bundesrepublik ist ein demokratischer und sozialer Bundesstaat, alle Staatsgewalt \
                      geht vom Volke aus.";
        assert_eq!(guess(german), Manner::In(Language::German));
        let spanish = "La soberanía nacional reside en el pueblo español, del que emanan los poderes del Estado.";
        assert_eq!(guess(spanish), Manner::In(Language::Spanish));
        let russian = "Носителем суверенитета и единственным источником власти является народ.";
        assert_eq!(guess(russian), Manner::USUAL, "the usual language of its script");
        let vietnamese = "Nước Cộng hòa xã hội chủ nghĩa Việt Nam là một nước độc lập, có chủ quyền, thống nhất.";
        assert_eq!(guess(vietnamese), Manner::Plain, "there is no stemmer of it");
        for short in ["", "Haus", "1 2 3 4", "Die Häuser der Stadt"] {
            assert_eq!(guess(short), Manner::USUAL, "{short}");
        }
    }

    #[test]
    fn words_of_another_script_are_stemmed_by_its_usual_language() {
        let manner = Manner::of(Language::German);
        assert_eq!(manner.language_of(Script::Latin), Some(Language::German));
        assert_eq!(manner.language_of(Script::Cyrillic), Some(Language::Russian));
        assert_eq!(manner.language_of(Script::Other), None);
        assert_eq!(Manner::Plain.language_of(Script::Latin), None);
        assert_eq!(Manner::of(Language::Russian), Manner::USUAL);
    }
}
