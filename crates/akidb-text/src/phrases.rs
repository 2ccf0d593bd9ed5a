//! Which words of a text stand in phrases of a query, whatever text and query are.
//!
//! A phrase with a rare word is looked for from each place of that on. Where all of its words are frequent, the places of
//! each are a set of bits, which are shifted and compared: a phrase takes no longer than to read the places of its different
//! words once, and some steps for each 64 words of the text.

use std::collections::HashMap;

use crate::{
    matcher::{Phrase, Role},
    matches::Occurrence,
};

/// Places of a rare word.
const RARE_MAX: usize = 1_024;

/// Where each term of a text stands: the position, and the number of the occurrence.
type Places = Vec<Vec<(u32, usize)>>;

/// Whether each occurrence stands in a phrase that is there as a whole.
pub(crate) fn in_phrases(
    occurrences: &[Occurrence],
    roles: &[Role],
    phrases: &[Option<&Phrase>],
) -> Vec<bool> {
    let mut found = vec![false; occurrences.len()];
    if phrases.iter().all(Option::is_none) {
        return found;
    }
    let mut places: Places = vec![Vec::new(); roles.len()];
    for (at, occurrence) in occurrences.iter().enumerate() {
        places[occurrence.term].push((occurrence.token.position, at));
    }
    places.iter_mut().for_each(|places| places.sort_unstable());
    let mut words: Vec<Vec<Vec<usize>>> = phrases
        .iter()
        .map(|phrase| vec![Vec::new(); phrase.map_or(0, |phrase| phrase.offsets.len())])
        .collect();
    for (term, role) in roles.iter().enumerate() {
        for &(phrase, word) in &role.in_phrases {
            if let Some(terms) = words[phrase].get_mut(word) {
                terms.push(term);
            }
        }
    }
    for (phrase, words) in phrases.iter().zip(words) {
        let Some(phrase) = phrase else { continue };
        let count = |terms: &[usize]| terms.iter().map(|&term| places[term].len()).sum::<usize>();
        let Some(rarest) = (0..words.len()).min_by_key(|&word| count(&words[word])) else {
            continue;
        };
        match count(&words[rarest]) {
            0 => {}
            1..=RARE_MAX => from_rarest(phrase, &words, rarest, &places, &mut found),
            _ => by_bits(phrase, &words, &places, &mut found),
        }
    }
    found
}

fn from_rarest(
    phrase: &Phrase,
    words: &[Vec<usize>],
    rarest: usize,
    places: &Places,
    found: &mut [bool],
) {
    for &(position, _) in words[rarest].iter().flat_map(|&term| &places[term]) {
        let Some(first) = position.checked_sub(phrase.offsets[rarest]) else { continue };
        let at = |(terms, offset): (&Vec<usize>, &u32)| {
            let position = first.checked_add(*offset)?;
            terms.iter().find_map(|&term| {
                let places = &places[term];
                let found = places.binary_search_by_key(&position, |(position, _)| *position);
                found.ok().map(|found| places[found].1)
            })
        };
        let all: Option<Vec<usize>> = words.iter().zip(&phrase.offsets).map(at).collect();
        all.into_iter().flatten().for_each(|at| found[at] = true);
    }
}

fn by_bits(phrase: &Phrase, words: &[Vec<usize>], places: &Places, found: &mut [bool]) {
    let terms = words.iter().flatten();
    let last = terms.filter_map(|&term| places[term].last()).map(|(position, _)| *position).max();
    let length = last.unwrap_or(0) as usize / 64 + 1;
    let mut of_words: HashMap<&[usize], Bits> = HashMap::new();
    for terms in words {
        of_words.entry(terms).or_insert_with(|| {
            let mut bits = Bits(vec![0; length]);
            terms.iter().flat_map(|&term| &places[term]).for_each(|(at, _)| bits.set(*at));
            bits
        });
    }
    let mut starts = Bits(vec![u64::MAX; length]);
    for (terms, offset) in words.iter().zip(&phrase.offsets) {
        starts.keep_shifted(&of_words[&**terms], *offset as usize);
    }
    let mut stands: HashMap<&[usize], Bits> = HashMap::new();
    for (terms, offset) in words.iter().zip(&phrase.offsets) {
        let bits = stands.entry(terms).or_insert_with(|| Bits(vec![0; length]));
        bits.add_shifted(&starts, *offset as usize);
    }
    for (terms, bits) in stands {
        let here = terms.iter().flat_map(|&term| &places[term]);
        here.filter(|(position, _)| bits.has(*position)).for_each(|(_, at)| found[*at] = true);
    }
}

/// A set of positions.
struct Bits(Vec<u64>);

impl Bits {
    fn set(&mut self, at: u32) {
        self.0[at as usize / 64] |= 1 << (at % 64);
    }

    fn has(&self, at: u32) -> bool {
        self.0.get(at as usize / 64).is_some_and(|bits| bits >> (at % 64) & 1 == 1)
    }

    /// Keeps the positions that are in another set so much later.
    fn keep_shifted(&mut self, other: &Self, by: usize) {
        let (whole, part) = (by / 64, by % 64);
        let of = |at: usize| other.0.get(at).copied().unwrap_or(0);
        for (at, bits) in self.0.iter_mut().enumerate() {
            let low = of(at + whole) >> part;
            let high = if part == 0 { 0 } else { of(at + whole + 1) << (64 - part) };
            *bits &= low | high;
        }
    }

    /// Adds the positions of another set, so much later.
    fn add_shifted(&mut self, other: &Self, by: usize) {
        let (whole, part) = (by / 64, by % 64);
        let of = |at: Option<usize>| at.and_then(|at| other.0.get(at)).copied().unwrap_or(0);
        for (at, bits) in self.0.iter_mut().enumerate() {
            let low = of(at.checked_sub(whole)) << part;
            let high = match part {
                0 => 0,
                part => of(at.checked_sub(whole + 1)) >> (64 - part),
            };
            *bits |= low | high;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Words of one or two terms, which stand anywhere, also twice in a phrase.
        #[test]
        fn both_ways_find_the_same(
            text in prop::collection::vec(0..4_usize, 1..300),
            phrase in prop::collection::vec((0..5_usize, 1..3_u32), 1..4),
        ) {
            let mut places: Places = vec![Vec::new(); 4];
            for (at, &term) in text.iter().enumerate() {
                places[term].push((u32::try_from(at).unwrap(), at));
            }
            let words: Vec<Vec<usize>> =
                phrase.iter().map(|&(word, _)| if word == 4 { vec![0, 1] } else { vec![word] }).collect();
            let mut behind = 0;
            let offsets = phrase.iter().enumerate().map(|(at, (_, step))| {
                behind += if at == 0 { 0 } else { *step };
                behind
            });
            let offsets: Vec<u32> = offsets.collect();
            let expected: Vec<bool> = (0..text.len())
                .map(|at| {
                    (0..words.len()).any(|word| {
                        let Some(first) = at.checked_sub(offsets[word] as usize) else { return false };
                        offsets.iter().zip(&words).all(|(offset, terms)| {
                            text.get(first + *offset as usize).is_some_and(|term| terms.contains(term))
                        })
                    })
                })
                .collect();
            let phrase = Phrase { field: None, offsets };
            let mut found = vec![false; text.len()];
            by_bits(&phrase, &words, &places, &mut found);
            prop_assert_eq!(&found, &expected);
            for rarest in 0..words.len() {
                let mut found = vec![false; text.len()];
                from_rarest(&phrase, &words, rarest, &places, &mut found);
                prop_assert_eq!(&found, &expected);
            }
        }
    }

    #[test]
    fn sets_of_positions_are_shifted_across_their_words() {
        for by in [0, 1, 63, 64, 65, 130] {
            let mut later = Bits(vec![0; 5]);
            let at = [0, 5, 62, 63, 64, 127, 128];
            at.iter().for_each(|&at| later.set(at + u32::try_from(by).unwrap()));
            let mut kept = Bits(vec![u64::MAX; 5]);
            kept.keep_shifted(&later, by);
            let mut back = Bits(vec![0; 5]);
            back.add_shifted(&kept, by);
            for position in 0..320 {
                assert_eq!(kept.has(position), at.contains(&position), "{position} by {by}");
                assert_eq!(back.has(position), later.has(position), "{position} by {by}");
            }
        }
    }
}
