//! Cutting a long text into passages that a model reads whole.
//!
//! A passage ends where a sentence does; one inside of which a sentence has to be cut, because no
//! passage has room for it, ends where a word does, or else a token; never inside a character. What
//! a passage repeats of the one before it are whole sentences, as many as there is room for beside
//! the next one. Sentences are those of Unicode Standard Annex 29. Out of scope: where passages are
//! stored, and how many a document may have.

use std::{iter, ops::Range};

use unicode_segmentation::UnicodeSegmentation;

use crate::{
    error::EmbedError,
    identity::InputType,
    queue::EmbeddingQueue,
    tokenize::{TextTokenizer, TokenSpan},
};

/// How long passages are, and how much of one is repeated at the start of the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassageLength {
    /// The most tokens of a passage, special tokens and prompt included.
    pub tokens: u32,
    /// The most tokens that a passage shares with the one before.
    pub overlap: u32,
}

impl EmbeddingQueue {
    /// Cuts a text into passages of at most `length.tokens` tokens: ranges of bytes, ascending,
    /// that cover the text, but for stretches as long as a passage in which no token says anything.
    /// A text that fits is one passage. Takes about twice the time of tokenizing it.
    ///
    /// The whole of a passage is read when it is embedded, unless a single character has more
    /// tokens than a passage. An overlap of more than half a passage counts as half.
    ///
    /// # Errors
    ///
    /// [`EmbedError::NoTokens`] where nothing remains of the text, and
    /// [`EmbedError::TokenizeFailed`].
    pub fn passages(
        &self,
        text: &str,
        length: PassageLength,
        input_type: Option<InputType>,
    ) -> Result<Vec<Range<usize>>, EmbedError> {
        let prompt = self.identity().prompts.text_for(input_type);
        let found = passages(self.tokenizer(), prompt, text, length)
            .map_err(|reason| EmbedError::TokenizeFailed { index: 0, reason })?;
        if found.is_empty() { Err(EmbedError::NoTokens { indexes: vec![0] }) } else { Ok(found) }
    }

    /// The tokens of a passage that special tokens and the prompt take.
    ///
    /// # Errors
    ///
    /// [`EmbedError::TokenizeFailed`].
    pub fn passage_overhead(&self, input_type: Option<InputType>) -> Result<u32, EmbedError> {
        let prompt = self.identity().prompts.text_for(input_type);
        overhead(self.tokenizer(), prompt)
            .map(|tokens| u32::try_from(tokens).unwrap_or(u32::MAX))
            .map_err(|reason| EmbedError::TokenizeFailed { index: 0, reason })
    }
}

fn overhead(tokenizer: &TextTokenizer, prompt: &str) -> Result<usize, String> {
    Ok(tokenizer.special_tokens() + tokenizer.token_spans(prompt)?.len())
}

/// Empty where no token of the text says anything.
fn passages(
    tokenizer: &TextTokenizer,
    prompt: &str,
    text: &str,
    length: PassageLength,
) -> Result<Vec<Range<usize>>, String> {
    let tokens = tokenizer.token_spans(text)?;
    if tokens.is_empty() {
        // Words alone have places, and a text without them may show something all the same.
        let has_content = tokenizer.tokenize(text)?.has_content;
        return Ok(has_content.then_some(0..text.len()).into_iter().collect());
    }
    let tokens_max = length.tokens as usize;
    let room = tokens_max.saturating_sub(overhead(tokenizer, prompt)?).max(1);
    let excess = |passage: &str| {
        let tokens = tokenizer.tokenize(&format!("{prompt}{passage}"))?.whole_text_tokens;
        Ok((tokens as usize).saturating_sub(tokens_max))
    };
    let cuts = Cuts::new(text, &tokens);
    let found = cuts.passages(room, length.overlap as usize, excess)?;
    let says_something =
        |passage: &Range<usize>| tokens[passage.clone()].iter().any(|token| token.has_content);
    Ok(found.into_iter().filter(says_something).map(|it| cuts.bytes(&it)).collect())
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
    /// Of the place before each token, and of the end of the text.
    qualities: Vec<Quality>,
}

impl<'t> Cuts<'t> {
    fn new(text: &'t str, tokens: &[TokenSpan]) -> Self {
        // Some tokenizers count the space before a word into its token.
        let begin = |token: &TokenSpan| {
            let ink = text.get(token.bytes.clone()).map_or("", str::trim_start);
            token.bytes.end - ink.len()
        };
        let mut begins: Vec<usize> = tokens.iter().map(begin).collect();
        let mut end_before = 0;
        let mut qualities: Vec<Quality> = iter::zip(tokens, &begins)
            .map(|(token, &begin)| {
                let inside = begin < end_before || !text.is_char_boundary(begin);
                end_before = end_before.max(token.bytes.end);
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
        qualities.push(Quality::Sentence);
        Self { text, begins, qualities }
    }

    fn tokens(&self) -> usize {
        self.qualities.len() - 1
    }

    /// Greedily from the start, as ranges of tokens: each passage as long as it may be. `excess`
    /// says by how many tokens a passage is too long by itself, as it may have others than inside
    /// the text.
    fn passages(
        &self,
        room: usize,
        overlap: usize,
        excess: impl Fn(&str) -> Result<usize, String>,
    ) -> Result<Vec<Range<usize>>, String> {
        let overlap = overlap.min(room / 2);
        let (mut passages, mut first, mut covered) = (Vec::new(), 0, 0);
        while covered < self.tokens() {
            let mut end = self.end(first..covered, room, self.shared(first, room, overlap));
            loop {
                let surplus = excess(&self.text[self.bytes(&(first..end))])?;
                if surplus == 0 {
                    break;
                }
                let fitting = (end - first).saturating_sub(surplus).max(1);
                let shorter = self.end(first..covered, fitting, None);
                if shorter < end {
                    end = shorter;
                } else if first < covered {
                    // What is repeated leaves no room for anything new.
                    first = covered;
                    end = self.end(first..covered, room, None);
                } else {
                    break;
                }
            }
            passages.push(first..end);
            first = self.begin_of_next(first..end, room, overlap);
            covered = end;
        }
        Ok(passages)
    }

    /// The bytes of the tokens of a passage. The first one has what stands before its first token
    /// as well.
    fn bytes(&self, passage: &Range<usize>) -> Range<usize> {
        let start = if passage.start == 0 { 0 } else { self.begins[passage.start] };
        start..self.begins[passage.end]
    }

    /// Where the passage ends that repeats the tokens `repeated` and has room for so many: at least
    /// one token behind them. The last end of a sentence, or the one that is nearest to `wanted`
    /// tokens; else the last word.
    fn end(&self, repeated: Range<usize>, room: usize, wanted: Option<usize>) -> usize {
        let first = repeated.start;
        let last = (first + room).max(repeated.end + 1).min(self.tokens());
        if last == self.tokens() && wanted.is_none() {
            return last;
        }
        let within = || repeated.end + 1..=last;
        let sentences = || within().filter(|&at| self.qualities[at] == Quality::Sentence);
        let sentence = match wanted {
            Some(wanted) => sentences().min_by_key(|at| at.abs_diff(first + wanted)),
            None => sentences().next_back(),
        };
        if let Some(end) = sentence.filter(|&end| self.ends_well(first, end, room)) {
            return end;
        }
        let reach = wanted.map_or(last, |wanted| last.min((first + wanted).max(repeated.end + 1)));
        let best_last = (repeated.end + 1..=reach).max_by_key(|&at| (self.qualities[at], at));
        best_last
            .filter(|&at| self.qualities[at] > Quality::Forbidden)
            // Within one character of very many tokens: on to its end.
            .or_else(|| (reach..self.tokens()).find(|&at| self.qualities[at] > Quality::Forbidden))
            .unwrap_or(self.tokens())
    }

    /// Whether a passage may end with a sentence there: not where it would be less than half full
    /// and the next sentence has to be cut anyway, as no passage has room for it.
    fn ends_well(&self, first: usize, end: usize, room: usize) -> bool {
        end - first > room / 2 || self.next_sentence(end) - end <= room
    }

    /// Where the sentence that begins at `from` ends, or the one that it is inside of.
    fn next_sentence(&self, from: usize) -> usize {
        let behind = from + 1..self.tokens();
        let next = behind.into_iter().find(|&at| self.qualities[at] == Quality::Sentence);
        next.unwrap_or(self.tokens())
    }

    /// Where the passage behind this one begins: with the first of its sentences that is within the
    /// overlap and leaves room for the next one. Behind a part of a sentence that had to be cut,
    /// also with the first word.
    fn begin_of_next(&self, passage: Range<usize>, room: usize, overlap: usize) -> usize {
        let end = passage.end;
        let mut within = end.saturating_sub(overlap).max(passage.start + 1)..end;
        let next_end = self.next_sentence(end);
        let is_cut = self.qualities[end] < Quality::Sentence || next_end - end > room;
        let leaves_room = |at: usize| is_cut || next_end - at <= room;
        let of = |quality| move |at: &usize| self.qualities[*at] == quality;
        let sentence = within.clone().filter(of(Quality::Sentence)).find(|&at| leaves_room(at));
        let is_inside = self.qualities[end] < Quality::Sentence;
        let word = || within.find(of(Quality::Word)).filter(|_| is_inside);
        sentence.or_else(word).unwrap_or(end)
    }

    /// How many tokens a passage should take where the one behind it would be less than half full:
    /// the last two share what is left.
    fn shared(&self, first: usize, room: usize, overlap: usize) -> Option<usize> {
        let left = self.tokens() - first;
        (left > room && left < room + room / 2).then(|| (left + overlap).div_ceil(2).min(room))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(text: &str, tokens: u32, overlap: u32) -> Vec<Range<usize>> {
        let tokenizer = TextTokenizer::words(10_000);
        passages(&tokenizer, "", text, PassageLength { tokens, overlap }).unwrap()
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
    }

    #[test]
    fn whole_sentences_are_repeated_where_the_next_one_fits_behind_them() {
        let text = "One two. Three four five. Six seven. Eight nine ten eleven twelve. Thirteen.";
        assert_eq!(
            cut_texts(text, 8, 5),
            [
                "One two. Three four five. Six seven. ",
                "Six seven. Eight nine ten eleven twelve. Thirteen."
            ]
        );
        // Behind both sentences within the overlap, no room would be left for the next one; and one
        // that fills a passage alone repeats nothing.
        let text = "One two three. Four five six. Seven eight nine ten eleven twelve thirteen.";
        assert_eq!(cut_texts(text, 7, 3)[1], "Seven eight nine ten eleven twelve thirteen.");
    }

    #[test]
    fn a_sentence_that_no_passage_has_room_for_is_cut_at_words_and_repeats_words() {
        assert_eq!(
            cut_texts("Short. a b c d e f g h i j k l", 6, 2),
            ["Short. a b c d e ", "d e f g h i ", "h i j k l"]
        );
        // Without an overlap, a short sentence before it is no passage of its own.
        assert_eq!(cut_texts("Short. a b c d e f g h", 6, 0)[0], "Short. a b c d e ");
    }

    #[test]
    fn the_last_two_passages_share_what_is_left() {
        assert_eq!(cut_texts("a b c d e f g h i", 8, 0), ["a b c d e ", "f g h i"]);
    }

    #[test]
    fn a_prompt_takes_its_room() {
        let tokenizer = TextTokenizer::words(10_000);
        let length = PassageLength { tokens: 6, overlap: 0 };
        let found = passages(&tokenizer, "to find: ", "a b c d e f g h", length).unwrap();
        assert_eq!(found, [0..8, 8..15]);
    }

    fn word_count(text: &str) -> usize {
        TextTokenizer::words(1).token_spans(text).unwrap().len()
    }

    proptest! {
        #[test]
        fn passages_cover_the_text_in_order_and_keep_to_their_bounds(
            text in "([a-zäß漢]{1,6}[ .!?,\n\u{200d}🦀-]{0,3}|\\PC){0,120}",
            tokens in 1_u32..20,
            overlap in 0_u32..12,
        ) {
            let found = cut(&text, tokens, overlap);
            if found.is_empty() {
                prop_assert!(!TextTokenizer::words(1).tokenize(&text).unwrap().has_content);
                return Ok(());
            }
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
        fn sentences_that_fit_are_never_cut_and_repeated_whole(
            lengths in prop::collection::vec(1_usize..=16, 1..60),
            overlap in 0_u32..=8,
        ) {
            let sentence = |&words: &usize| format!("Word{}. ", " word".repeat(words - 1));
            let text: String = lengths.iter().map(sentence).collect();
            for passage in cut_texts(&text, 16, overlap) {
                prop_assert!(passage.starts_with("Word") && passage.ends_with(". "), "{passage:?}");
            }
        }

        #[test]
        fn short_sentences_are_always_repeated(
            lengths in prop::collection::vec(1_usize..=4, 1..60),
            overlap in 4_u32..=8,
        ) {
            let sentence = |&words: &usize| format!("Word{}. ", " word".repeat(words - 1));
            let text: String = lengths.iter().map(sentence).collect();
            let found = cut(&text, 16, overlap);
            prop_assert!(found.windows(2).all(|pair| pair[1].start < pair[0].end));
        }
    }
}
