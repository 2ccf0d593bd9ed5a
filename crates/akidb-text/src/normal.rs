//! Words made alike: one case, one form of each character, no accents.

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

use crate::Language;

/// Puts a word in lower case and in compatibility form, with the straight apostrophe, as stemmers and lists of stop words
/// want it.
pub(crate) fn lower(word: &str, language: Option<Language>, output: &mut String) {
    output.clear();
    if word.is_ascii() && language != Some(Language::Turkish) {
        output.push_str(word);
        output.make_ascii_lowercase();
        return;
    }
    let normal = is_nfkc_quick(word.chars()) == IsNormalized::Yes;
    if normal {
        push_lower(word.chars(), language, output);
    } else {
        push_lower(word.nfkc(), language, output);
    }
}

fn push_lower(
    characters: impl Iterator<Item = char>,
    language: Option<Language>,
    output: &mut String,
) {
    for character in characters {
        match (character, language) {
            ('\u{2018}' | '\u{2019}' | '\u{2bc}' | '\u{ff07}', _) => output.push('\''),
            // A soft hyphen and joiners are how a word looks, not what it is.
            ('\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}', _) => {}
            ('I', Some(Language::Turkish)) => output.push('ı'),
            ('İ', _) => output.push('i'),
            _ => output.extend(character.to_lowercase()),
        }
    }
}

/// Takes accents off letters, in place, and spells out letters that are two. `scratch` is any string.
///
/// Marks that make another letter of their base, such as those of Devanagari and of kana, stay.
pub(crate) fn fold(word: &mut String, scratch: &mut String) {
    if word.is_ascii() {
        return;
    }
    scratch.clear();
    for character in word.nfkd() {
        match character {
            // Accents of Latin, Greek and Cyrillic letters; points of Hebrew; vowels of Arabic.
            '\u{300}'..='\u{36f}'
            | '\u{591}'..='\u{5bd}'
            | '\u{5bf}'
            | '\u{5c1}'..='\u{5c7}'
            | '\u{610}'..='\u{61a}'
            | '\u{640}'
            | '\u{64b}'..='\u{65f}'
            | '\u{670}' => {}
            'ß' => scratch.push_str("ss"),
            'æ' => scratch.push_str("ae"),
            'œ' => scratch.push_str("oe"),
            'þ' => scratch.push_str("th"),
            'ø' => scratch.push('o'),
            'ł' => scratch.push('l'),
            'đ' | 'ð' => scratch.push('d'),
            'ħ' => scratch.push('h'),
            'ı' => scratch.push('i'),
            'ŋ' => scratch.push('n'),
            'ς' => scratch.push('σ'),
            // After compatibility forms are taken apart, some are not in lower case.
            other => scratch.extend(other.to_lowercase()),
        }
    }
    word.clear();
    word.extend(scratch.nfc());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(word: &str, language: Option<Language>) -> String {
        let mut output = String::new();
        lower(word, language, &mut output);
        fold(&mut output, &mut String::new());
        output
    }

    #[test]
    fn words_that_look_alike_become_alike() {
        let cases = [
            ("Crème", "creme"),
            ("Cre\u{300}me", "creme"),
            ("Straße", "strasse"),
            ("ＡＫＩ１", "aki1"),
            ("ﬁne", "fine"),
            ("Ёлка", "елка"),
            ("ΟΔΟΣ", "οδοσ"),
            ("οδός", "οδοσ"),
            ("Łódź", "lodz"),
            ("Œuvre", "oeuvre"),
            ("co\u{ad}operate", "cooperate"),
            ("user\u{2019}s", "user's"),
            ("كِتَاب", "كتاب"),
            ("が", "が"),
            ("ｶﾞ", "ガ"),
            ("हिन्दी", "हिन्दी"),
            ("한국", "한국"),
        ];
        for (word, expected) in cases {
            assert_eq!(normal(word, None), expected, "{word}");
        }
    }

    #[test]
    fn the_i_of_turkish_has_two_forms() {
        assert_eq!(normal("IŞIK", Some(Language::Turkish)), "isik");
        assert_eq!(normal("ışık", None), "isik");
        assert_eq!(normal("İstanbul", Some(Language::Turkish)), "istanbul");
        assert_eq!(normal("İstanbul", None), "istanbul");
    }
}
