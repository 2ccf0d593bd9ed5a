//! Cutting a long text into passages that a model reads whole.
//!
//! A passage ends where a sentence does, or else a word, or else a token; never inside a
//! character. Sentences are those of Unicode Standard Annex 29. What does not live here: where
//! passages are stored, and how many a document may have.

use std::{iter, ops::Range};

use unicode_segmentation::UnicodeSegmentation;

use crate::{
    engine::EmbeddingEngine, error::EmbedError, identity::InputType, tokenise::TextTokeniser,
};

/// How long passages are, and how much of one is repeated at the start of the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassageLength {
    /// The most tokens of a passage, special tokens and prompt included.
    pub tokens: u32,
    /// The most tokens that a passage shares with the one before.
    pub overlap: u32,
}

impl EmbeddingEngine {
    /// Cuts a text into passages of at most `length.tokens` tokens: ranges of bytes, ascending,
    /// that cover the text. A text that fits is one passage. Takes about twice the time of
    /// tokenising it.
    ///
    /// The whole of a passage is read when it is embedded, unless a single character has more
    /// tokens than a passage. An overlap of more than half a passage counts as half.
    ///
    /// # Errors
    ///
    /// [`EmbedError::TokeniseFailed`].
    pub fn passages(
        &self,
        text: &str,
        length: PassageLength,
        input_type: Option<InputType>,
    ) -> Result<Vec<Range<usize>>, EmbedError> {
        let prompt = self.identity().prompts.text_for(input_type);
        passages(self.tokeniser(), prompt, text, length)
            .map_err(|reason| EmbedError::TokeniseFailed { index: 0, reason })
    }

    /// The tokens of a passage that special tokens and the prompt take.
    ///
    /// # Errors
    ///
    /// [`EmbedError::TokeniseFailed`].
    pub fn passage_overhead(&self, input_type: Option<InputType>) -> Result<u32, EmbedError> {
        let prompt = self.identity().prompts.text_for(input_type);
        overhead(self.tokeniser(), prompt)
            .map(|tokens| u32::try_from(tokens).unwrap_or(u32::MAX))
            .map_err(|reason| EmbedError::TokeniseFailed { index: 0, reason })
    }
}

fn overhead(tokeniser: &TextTokeniser, prompt: &str) -> Result<usize, String> {
    Ok(tokeniser.special_tokens() + tokeniser.token_spans(prompt)?.len())
}

fn passages(
    tokeniser: &TextTokeniser,
    prompt: &str,
    text: &str,
    length: PassageLength,
) -> Result<Vec<Range<usize>>, String> {
    let tokens_max = length.tokens as usize;
    let room = tokens_max.saturating_sub(overhead(tokeniser, prompt)?).max(1);
    let excess = |passage: &str| {
        let tokens = tokeniser.tokenise(&format!("{prompt}{passage}"))?.whole_text_tokens;
        Ok((tokens as usize).saturating_sub(tokens_max))
    };
    let cuts = Cuts::new(text, &tokeniser.token_spans(text)?);
    cuts.passages(room, length.overlap as usize, excess)
}

/// How good a place is to cut, best last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Quality {
    /// Inside a character.
    Forbidden,
    Token,
    Word,
    Sentence,
}

/// The places between the tokens of a text where it could be cut.
struct Cuts<'t> {
    text: &'t str,
    /// The byte at which the text is cut to begin a passage with this token. White space before a
    /// token stays with what stands before it. After the last token stands the end of the text.
    begins: Vec<usize>,
    /// Of the place before each token.
    qualities: Vec<Quality>,
}

impl<'t> Cuts<'t> {
    fn new(text: &'t str, tokens: &[Range<usize>]) -> Self {
        // Some tokenisers count the space before a word into its token.
        let begin = |token: &Range<usize>| {
            let ink = text.get(token.clone()).map_or("", str::trim_start);
            token.end - ink.len()
        };
        let mut begins: Vec<usize> = tokens.iter().map(begin).collect();
        let mut end_before = 0;
        let mut qualities: Vec<Quality> = iter::zip(tokens, &begins)
            .map(|(token, &begin)| {
                let inside = begin < end_before || !text.is_char_boundary(begin);
                end_before = end_before.max(token.end);
                let after_space = || text[..begin].ends_with(char::is_whitespace);
                match inside {
                    true => Quality::Forbidden,
                    false if after_space() => Quality::Word,
                    false => Quality::Token,
                }
            })
            .collect();
        for (sentence, _) in text.split_sentence_bound_indices() {
            let token = begins.partition_point(|&begin| begin < sentence);
            if let Some(quality) = qualities.get_mut(token)
                && *quality != Quality::Forbidden
            {
                *quality = Quality::Sentence;
            }
        }
        begins.push(text.len());
        Self { text, begins, qualities }
    }

    fn tokens(&self) -> usize {
        self.qualities.len()
    }

    /// Greedily from the start: each passage as long as it may be, up to the last good cut in its
    /// second half. `excess` says by how many tokens a passage is too long by itself, as it may
    /// have others than inside the text.
    fn passages(
        &self,
        room: usize,
        overlap: usize,
        excess: impl Fn(&str) -> Result<usize, String>,
    ) -> Result<Vec<Range<usize>>, String> {
        let overlap = overlap.min(room / 2);
        let mut passages = Vec::new();
        let mut first = 0;
        loop {
            let mut reach = reach(self.tokens() - first, room, overlap);
            let (end, bytes) = loop {
                let end = self.end(first, reach, overlap);
                let bytes = self.bytes(first, end);
                let surplus = excess(&self.text[bytes.clone()])?;
                if surplus == 0 || reach == overlap + 1 {
                    break (end, bytes);
                }
                let fitting = (end - first).saturating_sub(surplus);
                reach = fitting.min(reach - 1).max(overlap + 1);
            };
            passages.push(bytes);
            if end == self.tokens() {
                return Ok(passages);
            }
            first = self.begin_of_next(end, overlap);
        }
    }

    /// The text from one token up to another. The first passage has what stands before its first
    /// token as well.
    fn bytes(&self, first: usize, end: usize) -> Range<usize> {
        let start = if first == 0 { 0 } else { self.begins[first] };
        start..self.begins[end]
    }

    /// Where a passage from `first` of at most `reach` tokens ends. It is longer than the overlap,
    /// so that the next one ends behind it.
    fn end(&self, first: usize, reach: usize, overlap: usize) -> usize {
        let last = first + reach;
        if last >= self.tokens() {
            return self.tokens();
        }
        let from = first + (reach / 2).max(overlap) + 1;
        let best_last = (from..=last).max_by_key(|&token| (self.qualities[token], token));
        best_last
            .filter(|&token| self.qualities[token] > Quality::Forbidden)
            // Within one character of very many tokens: on to its end.
            .or_else(|| {
                (last..self.tokens()).find(|&token| self.qualities[token] > Quality::Forbidden)
            })
            .unwrap_or(self.tokens())
    }

    /// Where the passage after one that ends at `end` begins: a sentence or a word that is within
    /// the overlap, the earliest of them.
    fn begin_of_next(&self, end: usize, overlap: usize) -> usize {
        let within = end - overlap..end;
        let best_first = within.rev().max_by_key(|&token| self.qualities[token]);
        best_first.filter(|&token| self.qualities[token] >= Quality::Word).unwrap_or(end)
    }
}

/// How many of the tokens left a passage may take. Where the last passage would be less than half
/// full, the last two share what is left.
fn reach(left: usize, room: usize, overlap: usize) -> usize {
    if left > room && left < room + room / 2 {
        return (left + overlap).div_ceil(2).max(overlap + 1).min(room);
    }
    room
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(text: &str, tokens: u32, overlap: u32) -> Vec<Range<usize>> {
        let tokeniser = TextTokeniser::words(10_000);
        passages(&tokeniser, "", text, PassageLength { tokens, overlap }).unwrap()
    }

    fn cut_texts(text: &str, tokens: u32, overlap: u32) -> Vec<&str> {
        cut(text, tokens, overlap).into_iter().map(|bytes| &text[bytes]).collect()
    }

    #[test]
    fn a_text_that_fits_is_one_passage_and_so_is_one_without_words() {
        assert_eq!(cut_texts("  one two three ", 3, 1), ["  one two three "]);
        assert_eq!(cut_texts("?!", 3, 1), ["?!"]);
    }

    #[test]
    fn passages_end_with_sentences_where_they_can() {
        let text = "One two three. Four five six. Seven eight nine ten eleven twelve thirteen.";
        assert_eq!(
            cut_texts(text, 7, 0),
            ["One two three. Four five six. ", "Seven eight nine ten eleven twelve thirteen."]
        );
        // A sentence that is within the overlap is repeated whole.
        assert_eq!(cut_texts(text, 7, 3)[1], "Four five six. Seven eight nine ten ");
    }

    #[test]
    fn the_last_two_passages_share_what_is_left() {
        assert_eq!(cut_texts("a b c d e f g h i", 8, 0), ["a b c d e ", "f g h i"]);
    }

    #[test]
    fn a_prompt_takes_its_room() {
        let tokeniser = TextTokeniser::words(10_000);
        let length = PassageLength { tokens: 6, overlap: 0 };
        let found = passages(&tokeniser, "to find: ", "a b c d e f g h", length).unwrap();
        assert_eq!(found, [0..8, 8..15]);
    }

    fn word_count(text: &str) -> usize {
        TextTokeniser::words(1).token_spans(text).unwrap().len()
    }

    proptest! {
        #[test]
        fn passages_cover_the_text_in_order_and_keep_to_their_bounds(
            text in "([a-zäß漢]{1,6}[ .!?,\n\u{200d}🦀-]{0,3}|\\PC){0,120}",
            tokens in 1_u32..20,
            overlap in 0_u32..12,
        ) {
            let found = cut(&text, tokens, overlap);
            prop_assert_eq!(found[0].start, 0);
            prop_assert_eq!(found.last().unwrap().end, text.len());
            for passage in &found {
                prop_assert!(word_count(&text[passage.clone()]) <= tokens as usize);
            }
            for pair in found.windows(2) {
                prop_assert!(pair[0].start < pair[1].start && pair[0].end < pair[1].end);
                prop_assert!(pair[1].start <= pair[0].end);
                let shared = word_count(&text[pair[1].start..pair[0].end]);
                prop_assert!(shared <= overlap.min(tokens / 2) as usize);
                prop_assert!(overlap > 0 || pair[1].start == pair[0].end);
            }
        }

        #[test]
        fn short_sentences_are_never_cut(
            lengths in prop::collection::vec(1_usize..=4, 1..60),
            overlap in 0_u32..=8,
        ) {
            let sentence = |&words: &usize| format!("Word{}. ", " word".repeat(words - 1));
            let text: String = lengths.iter().map(sentence).collect();
            for passage in cut_texts(&text, 16, overlap) {
                prop_assert!(passage.ends_with(". "), "{passage:?}");
            }
        }
    }
}
