//! What a character is written in, as far as the analysis of words differs by it.

use crate::Language;

/// A script that a stemmer is for, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Script {
    Latin,
    Greek,
    Cyrillic,
    Armenian,
    Arabic,
    Devanagari,
    Tamil,
    Other,
}

impl Script {
    /// That of a character.
    pub(crate) fn of(character: char) -> Self {
        match u32::from(character) {
            0x41..=0x5a | 0x61..=0x7a | 0xaa | 0xba | 0xc0..=0x24f | 0x1e00..=0x1eff => Self::Latin,
            0x370..=0x3ff | 0x1f00..=0x1fff => Self::Greek,
            0x400..=0x52f => Self::Cyrillic,
            0x531..=0x58f => Self::Armenian,
            0x600..=0x6ff | 0x750..=0x77f => Self::Arabic,
            0x900..=0x97f => Self::Devanagari,
            0xb80..=0xbff => Self::Tamil,
            _ => Self::Other,
        }
    }

    /// That of the first letter of a word.
    pub(crate) fn of_word(word: &str) -> Self {
        word.chars().find(|letter| letter.is_alphabetic()).map_or(Self::Other, Self::of)
    }

    /// The language that is most often written in it.
    pub(crate) fn usual_language(self) -> Option<Language> {
        match self {
            Self::Latin => Some(Language::English),
            Self::Greek => Some(Language::Greek),
            Self::Cyrillic => Some(Language::Russian),
            Self::Armenian => Some(Language::Armenian),
            Self::Arabic => Some(Language::Arabic),
            Self::Devanagari => Some(Language::Hindi),
            Self::Tamil => Some(Language::Tamil),
            Self::Other => None,
        }
    }
}

/// Whether a character is of a script that is written without spaces between words, or in which a word
/// is a few syllables: Chinese, Japanese, Korean, Thai, Lao, Burmese, Khmer. Two neighbors of them stand
/// for a word.
pub(crate) fn is_unspaced(character: char) -> bool {
    matches!(u32::from(character),
        0xe00..=0xeff // Thai, Lao
        | 0x1000..=0x109f // Burmese
        | 0x1100..=0x11ff // Hangul jamo
        | 0x1780..=0x17ff // Khmer
        | 0x3005..=0x3007 | 0x3040..=0x30ff | 0x3130..=0x318f | 0x31f0..=0x31ff
        | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xa960..=0xa97f
        | 0xac00..=0xd7ff | 0xf900..=0xfaff
        | 0xff66..=0xffdc // half-width kana and Hangul
        | 0x2_0000..=0x3_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_that_of_the_first_letter() {
        let of = Script::of_word;
        assert_eq!(of("4o"), Script::Latin);
        assert_eq!(of("ß"), Script::Latin);
        assert_eq!(of("дом"), Script::Cyrillic);
        assert_eq!(of("σπίτι"), Script::Greek);
        assert_eq!(of("بيت"), Script::Arabic);
        assert_eq!(of("घर"), Script::Devanagari);
        assert_eq!(of("1999"), Script::Other);
        assert_eq!(of(""), Script::Other);
        assert!("漢字かなカナ한글ไทยລາວខ្មែរမြန်မာ".chars().all(is_unspaced));
        assert!(!"abcäдσ1٣".chars().any(is_unspaced));
    }
}
