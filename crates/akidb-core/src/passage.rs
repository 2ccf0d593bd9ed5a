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

/// Where some bytes of a text stand in characters, found in one pass over the text.
#[derive(Clone, Debug)]
pub struct CharacterOffsets {
    /// Bytes with their characters, ascending.
    known: Vec<(usize, usize)>,
}

impl CharacterOffsets {
    /// Those of both ends of some ranges of bytes. Ends that are not in the text, or within a character, are not known.
    #[must_use]
    pub fn of<'r>(text: &str, ranges: impl IntoIterator<Item = &'r Range<usize>>) -> Self {
        let ends = ranges.into_iter().flat_map(|range| [range.start, range.end]);
        let mut ends: Vec<usize> = ends.filter(|end| text.is_char_boundary(*end)).collect();
        ends.sort_unstable();
        ends.dedup();
        let (mut byte, mut character) = (0, 0);
        let known = ends.into_iter().map(|end| {
            character += text[byte..end].chars().count();
            byte = end;
            (end, character)
        });
        Self { known: known.collect() }
    }

    /// A range in characters; `None` where one of its ends is not known.
    #[must_use]
    pub fn characters(&self, range: &Range<usize>) -> Option<Range<usize>> {
        let of = |end: usize| {
            let found = self.known.binary_search_by_key(&end, |(byte, _)| *byte);
            found.ok().map(|at| self.known[at].1)
        };
        Some(of(range.start)?..of(range.end)?)
    }
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
        let ranges = [5..9, 0..1, 1..7, 0..2, 0..10, 9..9];
        let offsets = CharacterOffsets::of(text, &ranges);
        let expected = [Some(2..5), Some(0..1), Some(1..3), None, None, Some(5..5)];
        assert_eq!(ranges.map(|range| offsets.characters(&range)), expected);
        assert_eq!(offsets.characters(&(0..5)), Some(0..2));
        assert_eq!(offsets.characters(&(0..8)), None, "nobody asked for it");
    }
}
