//! Text cut into words.
//!
//! Words are those of Unicode (UAX 29), with these differences:
//!
//! - What is written without spaces (see [`is_unspaced`]) is cut into pairs of neighbors, and the last
//!   one of a run stands for itself too, so that one character is found as what words begin with.
//! - Words that stand together with one sign between, as in `GPT-4o`, `foo_bar.rs` or
//!   `10.1145/3292500`, are words each, and where they look like an identifier one word together
//!   besides. Decimal numbers are not cut.
//! - Letters with a full stop between, as in `U.S.A.`, are one word, as if they stood without.

use std::ops::Range;

use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

use crate::script::is_unspaced;

/// Words of which something that looks like an identifier may consist.
const PARTS_MAX: usize = 16;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A word, or a part of an identifier.
    Word,
    /// Letters with full stops between, which do not count.
    Initials,
    /// An identifier with all of its parts, at the position of the first.
    Whole,
    /// Two neighbors of a run without spaces.
    Pair,
    /// The last one of such a run.
    Last,
    /// The only one of such a run.
    Single,
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// Where it stands, in bytes.
    pub(crate) range: Range<usize>,
    /// The how manieth word of the text it is.
    pub(crate) position: u32,
}

/// Cuts a text, and calls `visit` with each token in order. Returns how many words it has.
pub(crate) fn tokenize(text: &str, visit: &mut impl FnMut(Token)) -> u32 {
    let mut cutter = Cutter { text, position: 0, parts: Vec::new(), run: Vec::new(), visit };
    for (start, word) in text.unicode_word_indices() {
        cutter.word(start, word);
    }
    cutter.end_run();
    cutter.end_compound();
    cutter.position
}

struct Cutter<'t, V> {
    text: &'t str,
    /// Of the next word.
    position: u32,
    /// The words that stand together so far, which `visit` has had already.
    parts: Vec<Token>,
    /// Characters of a run without spaces, each with its marks.
    run: Vec<Range<usize>>,
    visit: &'t mut V,
}

impl<V: FnMut(Token)> Cutter<'_, V> {
    /// Takes up a word of Unicode, cut where it has signs in it or goes over to another script.
    fn word(&mut self, start: usize, word: &str) {
        if is_initials(word) {
            return self.part_as(Kind::Initials, start..start + word.len());
        }
        let mut part = start..start;
        let mut before = None;
        let mut characters = word.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            let range = start + at..start + at + character.len_utf8();
            let after = characters.peek().map(|&(_, after)| after);
            // First, as the marks of these scripts are among their characters.
            if is_combining_mark(character) && part.is_empty() && self.run_ends_at(range.start) {
                self.unspaced_mark(range.end);
                part = range.end..range.end;
            } else if is_unspaced(character) {
                self.part(part);
                self.unspaced(range.clone());
                part = range.end..range.end;
            } else if is_separator(before, character, after) {
                self.part(part);
                part = range.end..range.end;
            } else {
                part.end = range.end;
            }
            before = Some(character);
        }
        self.part(part);
    }

    /// Takes up a word that is not cut any further, if it is one.
    fn part(&mut self, range: Range<usize>) {
        if self.text[range.clone()].contains(char::is_alphanumeric) {
            self.part_as(Kind::Word, range);
        }
    }

    fn part_as(&mut self, kind: Kind, range: Range<usize>) {
        self.end_run();
        let joined = self
            .parts
            .last()
            .is_some_and(|before| is_connector(&self.text[before.range.end..range.start]));
        if !joined {
            self.end_compound();
        }
        let token = Token { kind, range, position: self.next_position() };
        (self.visit)(token.clone());
        self.parts.push(token);
    }

    fn unspaced(&mut self, range: Range<usize>) {
        self.end_compound();
        if !self.run_ends_at(range.start) {
            self.end_run();
        }
        self.run.push(range);
    }

    fn run_ends_at(&self, at: usize) -> bool {
        self.run.last().is_some_and(|last| last.end == at)
    }

    fn unspaced_mark(&mut self, end: usize) {
        if let Some(last) = self.run.last_mut() {
            last.end = end;
        }
    }

    fn end_run(&mut self) {
        let run = std::mem::take(&mut self.run);
        for pair in run.windows(2) {
            let (range, position) = (pair[0].start..pair[1].end, self.next_position());
            (self.visit)(Token { kind: Kind::Pair, range, position });
        }
        if let Some(last) = run.last() {
            let kind = if run.len() == 1 { Kind::Single } else { Kind::Last };
            let position = self.next_position();
            (self.visit)(Token { kind, range: last.clone(), position });
        }
        self.run = run;
        self.run.clear();
    }

    fn end_compound(&mut self) {
        if let [first, .., last] = &self.parts[..]
            && self.parts.len() <= PARTS_MAX
        {
            let (range, position) = (first.range.start..last.range.end, first.position);
            if is_identifier(&self.text[range.clone()]) {
                (self.visit)(Token { kind: Kind::Whole, range, position });
            }
        }
        self.parts.clear();
    }

    fn next_position(&mut self) -> u32 {
        let position = self.position;
        self.position = position.saturating_add(1);
        position
    }
}

/// Whether a word of Unicode is single letters with full stops between.
fn is_initials(word: &str) -> bool {
    word.len() > 2
        && word.char_indices().all(|(at, character)| {
            if at % 2 == 0 { character.is_ascii_alphabetic() } else { character == '.' }
        })
        && !word.ends_with('.')
}

/// Whether a character within a word of Unicode cuts it. What stands between digits does not, nor does an
/// apostrophe.
fn is_separator(before: Option<char>, character: char, after: Option<char>) -> bool {
    let digit = |character: Option<char>| character.is_some_and(char::is_numeric);
    match character {
        '_' => true,
        '.' | ',' | ':' | ';' | '\u{b7}' | '\u{387}' => !(digit(before) && digit(after)),
        _ => false,
    }
}

/// Whether what stands between two words holds them together.
fn is_connector(between: &str) -> bool {
    matches!(
        between.as_bytes(),
        [b'-' | b'_' | b'.' | b'/' | b':' | b'@' | b'#' | b'&' | b'\\' | b'+' | b'~' | b'=']
    )
}

/// Whether words that stand together are one thing: not `well-known` nor `and/or`, but what has a digit, or a
/// sign that sentences do not have within.
fn is_identifier(compound: &str) -> bool {
    compound.chars().any(|character| character.is_numeric() || matches!(character, '_' | '.' | '@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tokens as `position:text`, wholes with `=`.
    fn cut(text: &str) -> String {
        let mut tokens = Vec::new();
        tokenize(text, &mut |token| {
            let sign = if token.kind == Kind::Whole { '=' } else { ':' };
            tokens.push(format!("{}{sign}{}", token.position, &text[token.range]));
        });
        tokens.join(" ")
    }

    #[test]
    fn identifiers_are_found_whole_and_in_parts() {
        assert_eq!(cut("The GPT-4o model"), "0:The 1:GPT 2:4o 1=GPT-4o 3:model");
        assert_eq!(cut("foo_bar.rs"), "0:foo 1:bar 2:rs 0=foo_bar.rs");
        assert_eq!(cut("doi:10.1145/3292500."), "0:doi 1:10.1145 2:3292500 0=doi:10.1145/3292500");
        assert_eq!(
            cut("see 10.1145/3292500, 3.5"),
            "0:see 1:10.1145 2:3292500 1=10.1145/3292500 3:3.5"
        );
        assert_eq!(cut("2024-05-01T10:00"), "0:2024 1:05 2:01T10 3:00 0=2024-05-01T10:00");
        assert_eq!(cut("a@b.org"), "0:a 1:b 2:org 0=a@b.org");
        assert_eq!(cut("1,000 items; 2"), "0:1,000 1:items 2:2");
        assert_eq!(cut("U.S.A. e.g. a.bc"), "0:U.S.A 1:e.g 2:a 3:bc 2=a.bc");
    }

    #[test]
    fn words_with_a_hyphen_are_words() {
        assert_eq!(cut("a well-known and/or don't"), "0:a 1:well 2:known 3:and 4:or 5:don't");
        assert_eq!(cut("end. Start"), "0:end 1:Start");
        assert_eq!(cut("__ -- ... !"), "");
        assert_eq!(cut(""), "");
    }

    #[test]
    fn what_has_no_spaces_is_cut_into_pairs() {
        assert_eq!(cut("黒猫が好き"), "0:黒猫 1:猫が 2:が好 3:好き 4:き");
        assert_eq!(cut("猫 と"), "0:猫 1:と");
        assert_eq!(cut("iPhoneを買う"), "0:iPhone 1:を買 2:買う 3:う");
        assert_eq!(cut("カタカナ"), "0:カタ 1:タカ 2:カナ 3:ナ");
        assert_eq!(cut("한국어 문서"), "0:한국 1:국어 2:어 3:문서 4:서");
        assert_eq!(cut("ที่นี่"), "0:ที่นี่ 1:นี่");
        assert_eq!(cut("が\u{3099}x"), "0:が\u{3099} 1:x");
    }

    #[test]
    fn long_chains_have_parts_only() {
        let chain = vec!["x1"; PARTS_MAX + 1].join("-");
        assert!(!cut(&chain).contains('='));
        assert!(cut(&chain[3..]).contains('='));
    }
}
