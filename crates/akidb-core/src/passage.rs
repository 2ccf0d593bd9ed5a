//! The passages of a long text.

use std::ops::Range;

/// How a collection cuts long texts into passages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunking {
    /// The most tokens of a passage, special tokens and prompt included.
    pub tokens: u32,
    /// The most tokens that a passage shares with the one before.
    pub overlap: u32,
}

/// A passage of a document whose text was cut into some.
#[derive(Clone, Debug, PartialEq)]
pub struct Passage {
    /// Where it stands in the text, in characters: Unicode code points, as Python counts them.
    pub characters: Range<usize>,
    /// Its vector.
    pub vector: Vec<f32>,
}

/// Ranges of bytes of a text as ranges of characters; `None` where one is not in the text or cuts
/// a character. Quick where they ascend.
#[must_use]
pub fn in_characters(
    text: &str,
    ranges: impl IntoIterator<Item = Range<usize>>,
) -> Option<Vec<Range<usize>>> {
    let (mut byte, mut character) = (0, 0);
    let ranges = ranges.into_iter().map(|range| {
        if range.start < byte {
            (byte, character) = (0, 0);
        }
        character += text.get(byte..range.start)?.chars().count();
        byte = range.start;
        Some(character..character + text.get(range)?.chars().count())
    });
    ranges.collect()
}

#[cfg(test)]
mod tests {
    use std::iter;

    use super::*;

    #[test]
    fn characters_are_code_points_whatever_their_bytes() {
        let text = "a🦀é b";
        assert_eq!(in_characters(text, [0..5, 1..7, 5..9, 0..1]), {
            Some(vec![0..2, 1..3, 2..5, 0..1])
        });
        assert_eq!(in_characters(text, iter::once(0..2)), None);
        assert_eq!(in_characters(text, iter::once(0..10)), None);
    }
}
