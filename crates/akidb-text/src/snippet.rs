//! The sentences of a text that show best that it has the words of a query.

use std::{
    collections::{HashMap, VecDeque},
    ops::Range,
};

use unicode_segmentation::UnicodeSegmentation;

/// The share of the room before the first word, where sentences have to be cut.
const BEFORE_FIRST: usize = 4;

/// The first of the windows of `count` sentences that have the words of most weight, each counted once. `words` are where
/// words begin, ascending, which they are, and what they weigh.
pub(crate) fn best(
    text: &str,
    words: &[(usize, usize, f64)],
    count: usize,
    bytes_max: usize,
) -> Option<Range<usize>> {
    let mut rest = words;
    let mut window: VecDeque<Sentence<'_>> = VecDeque::with_capacity(count);
    let mut held = Held::default();
    let mut best: Option<(f64, Range<usize>, usize)> = None;
    for (start, sentence) in text.split_sentence_bound_indices() {
        let range = start..start + sentence.trim_end().len();
        if range.is_empty() {
            continue;
        }
        let here = rest.partition_point(|(at, ..)| *at < start + sentence.len());
        let (words, behind) = rest.split_at(here);
        rest = behind;
        if window.len() == count {
            window.pop_front().into_iter().for_each(|gone| held.leave(gone.words));
        }
        held.enter(words);
        window.push_back(Sentence { range, words });
        let first_word = window.iter().find_map(|sentence| sentence.words.first());
        let ends = window.front().zip(window.back());
        if let Some((&(word, ..), (first, last))) = first_word.zip(ends) {
            let weight = held.weight();
            // The more a window has before its first word, the later it comes.
            let is_better = best.as_ref().is_none_or(|(least, ..)| weight > *least + f64::EPSILON);
            let begins_with_it = !first.words.is_empty();
            let is_as_good = best.as_ref().is_some_and(|(least, shown, first_word)| {
                (weight - *least).abs() <= f64::EPSILON
                    && begins_with_it
                    && *first_word == word
                    && shown.start < first.range.start
            });
            if is_better || is_as_good {
                best = Some((weight, first.range.start..last.range.end, word));
            }
        }
    }
    let (_, shown, word) = best?;
    Some(cut(text, shown, word, bytes_max))
}

struct Sentence<'w> {
    range: Range<usize>,
    words: &'w [(usize, usize, f64)],
}

/// The different words of a window.
#[derive(Default)]
struct Held {
    counts: HashMap<usize, (usize, f64)>,
}

impl Held {
    fn enter(&mut self, words: &[(usize, usize, f64)]) {
        for &(_, word, weight) in words {
            self.counts.entry(word).or_insert((0, weight)).0 += 1;
        }
    }

    fn leave(&mut self, words: &[(usize, usize, f64)]) {
        for (_, word, _) in words {
            if let Some((count, _)) = self.counts.get_mut(word) {
                *count -= 1;
                if *count == 0 {
                    self.counts.remove(word);
                }
            }
        }
    }

    fn weight(&self) -> f64 {
        let mut weights: Vec<f64> = self.counts.values().map(|(_, weight)| *weight).collect();
        weights.sort_by(f64::total_cmp);
        weights.into_iter().sum()
    }
}

/// As much of a range as there is room for, with a word in it, and cut between words where there are spaces.
fn cut(text: &str, range: Range<usize>, word: usize, bytes_max: usize) -> Range<usize> {
    if range.len() <= bytes_max {
        return range;
    }
    let mut start = range.start;
    if word - range.start > bytes_max / 2 {
        let before = text.ceil_char_boundary(word - bytes_max / BEFORE_FIRST);
        let space = text[before..word].find(char::is_whitespace);
        start = before + space.unwrap_or(0);
        start += text[start..word].len() - text[start..word].trim_start().len();
    }
    if range.end - start <= bytes_max {
        return start..range.end;
    }
    let end = text.floor_char_boundary(start + bytes_max);
    let from = word.clamp(start, end);
    let space = text[from..end].rfind(char::is_whitespace).filter(|space| *space > 0);
    let end = space.map_or(end, |space| from + space);
    start..start + text[start..end].trim_end().len()
}
