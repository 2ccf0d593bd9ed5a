//! Where a text has the words of a query.

use std::{collections::HashMap, ops::Range};

use unicode_normalization::char::is_combining_mark;

use crate::{
    TextMatcher, count_code,
    matcher::{Phrase, Role},
    phrases::in_phrases,
    snippet,
    tokens::{Kind, Token},
};

/// A token of a text that is a term of a query.
pub(crate) struct Occurrence {
    pub(crate) token: Token,
    /// The number of the term among those of the text.
    pub(crate) term: usize,
}

/// Where a text has the words of a query, in bytes of the text.
pub struct TextMatches {
    /// Ascending, none of which overlap.
    ranges: Vec<Range<usize>>,
    /// Each term of the query, by where it begins; also where it does not count because its phrase is not there.
    terms: Vec<(Range<usize>, usize)>,
    /// What each term adds to a score.
    weights: Vec<f64>,
    /// Where the words begin that count for the length of a text.
    word_starts: Vec<usize>,
    field_weight: u32,
}

impl TextMatches {
    /// Of the tokens that are terms of a query and of the words of a text.
    pub(crate) fn new(
        text: &str,
        (mut occurrences, word_starts): (Vec<Occurrence>, Vec<usize>),
        roles: &[Role],
        phrases: &[Option<&Phrase>],
        field_weight: u32,
    ) -> Self {
        let in_phrases = in_phrases(&occurrences, roles, phrases);
        let counted = occurrences.iter().zip(in_phrases);
        let counted = counted.filter(|(it, in_phrase)| *in_phrase || roles[it.term].by_itself);
        let marked = counted.map(|(it, _)| marked(text, &it.token, &roles[it.term]));
        let ranges = joined(marked.collect());
        occurrences.sort_by_key(|it| (it.token.range.start, it.token.range.end));
        let terms = occurrences.into_iter().map(|it| (it.token.range, it.term)).collect();
        let weights = roles.iter().map(|role| role.weight).collect();
        Self { ranges, terms, weights, word_starts, field_weight }
    }

    /// The words, in order; what overlaps, as pairs of characters do where there are no spaces, is one.
    #[must_use]
    pub fn ranges(&self) -> &[Range<usize>] {
        &self.ranges
    }

    /// Those of them that stand in a part of the text as a whole.
    #[must_use]
    pub fn within(&self, part: &Range<usize>) -> &[Range<usize>] {
        let from = self.ranges.partition_point(|range| range.start < part.start);
        let to = self.ranges.partition_point(|range| range.end <= part.end);
        self.ranges.get(from..to).unwrap_or_default()
    }

    /// The BM25 of a part of the text, as if it were a document: the words tell as much as they do in the index, and
    /// lengths are beside the average one there.
    #[must_use]
    pub fn score(&self, part: &Range<usize>, matcher: &TextMatcher) -> f64 {
        let from = self.terms.partition_point(|(range, _)| range.start < part.start);
        let here = self.terms[from..].iter().take_while(|(range, _)| range.start < part.end);
        let mut counts: HashMap<usize, u32> = HashMap::new();
        for (_, term) in here.filter(|(range, _)| range.end <= part.end) {
            *counts.entry(*term).or_default() += self.field_weight;
        }
        let before = |end: usize| self.word_starts.partition_point(|&start| start < end);
        let words = before(part.end).saturating_sub(before(part.start));
        let words = u32::try_from(words).unwrap_or(u32::MAX).saturating_mul(self.field_weight);
        let length = count_code::encode(words).max(1);
        let of = |(term, count): (&usize, &u32)| {
            let saturation = matcher.saturation.of(count_code::encode(*count), length);
            self.weights[*term] * f64::from(saturation)
        };
        let mut parts: Vec<f64> = counts.iter().map(of).collect();
        // A sum of floats depends on the order, and that of a map is another one each time.
        parts.sort_by(f64::total_cmp);
        parts.into_iter().sum()
    }

    /// As many neighboring sentences as are wanted, where the most of the words stand, the rarer the better; cut to
    /// `bytes_max` where they are longer. `None` where the text has none of the words.
    #[must_use]
    pub fn snippet(&self, text: &str, sentences: usize, bytes_max: usize) -> Option<Range<usize>> {
        let counts = |range: &Range<usize>| {
            let at = self.ranges.partition_point(|marked| marked.end < range.end);
            self.ranges.get(at).is_some_and(|marked| marked.start <= range.start)
        };
        let terms = self.terms.iter().filter(|(range, _)| counts(range));
        let weighted = terms.map(|(range, term)| (range.start, *term, self.weights[*term]));
        let weighted: Vec<(usize, usize, f64)> = weighted.collect();
        snippet::best(text, &weighted, sentences, bytes_max)
    }
}

/// What is marked of a token: of a pair that only begins as the query does, its first character.
fn marked(text: &str, token: &Token, role: &Role) -> Range<usize> {
    let range = token.range.clone();
    if role.is_exact || token.kind != Kind::Pair {
        return range;
    }
    let mut characters = text[range.clone()].char_indices().skip(1);
    let second = characters.find(|(_, character)| !is_combining_mark(*character));
    range.start..second.map_or(range.end, |(at, _)| range.start + at)
}

fn joined(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut joined: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}
