//! Text that is looked for whatever the case of its letters.

use std::borrow::Cow;

/// A text to be found in others, blind to case: `É` is `é`, `ß` and `ẞ` are `ss`, `ς` is `σ`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caseless {
    folded: String,
}

impl Caseless {
    /// Makes a text ready to be looked for.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { folded: folded(text).into_owned() }
    }

    /// Whether `text` has it as a part.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        folded(text).contains(&self.folded)
    }
}

/// The text with one form for all cases of each letter, wherever it stands in a word.
fn folded(text: &str) -> Cow<'_, str> {
    if !text.is_ascii() {
        // Small, large and small again: some letters have several of one kind.
        let fold = |letter: char| {
            letter.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
        };
        Cow::Owned(text.chars().flat_map(fold).collect())
    } else if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(part: &str, text: &str, expect: bool) {
        assert_eq!(Caseless::new(part).is_in(text), expect, "{part:?} in {text:?}");
    }

    #[test]
    fn letters_are_found_in_either_case() {
        check("SOLAR", "Solaris", true);
        check("solar", "SOLARIS", true);
        check("", "", true);
        check("solar", "Sola", false);
        check("солярис", "СОЛЯРИС", true);
        check("STRASSE", "Straße", true);
        check("straße", "STRASSE", true);
        check("GROẞ", "groß", true);
        check("ΣΑΣ", "σας", true);
        check("ας", "ΑΣΑ", true);
        check("kelvin", "\u{212a}elvin", true);
        check("é", "É", true);
        check("e", "é", false);
    }
}
