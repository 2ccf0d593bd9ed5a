//! Texts to token numbers, cut to what the model reads.
//!
//! What does not live here: padding (there is none), prompts, and refusing blank texts.

use tokenizers::{PostProcessor, Tokenizer, utils::truncation::TruncationDirection};

/// A text as a backend reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenisedText {
    /// The numbers of its tokens, special tokens included, at most the model's limit.
    pub token_ids: Vec<u32>,
    /// The tokens that the whole text has, special tokens included.
    pub whole_text_tokens: u32,
}

impl TokenisedText {
    /// Whether the end of the text was cut off.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.token_count() < self.whole_text_tokens
    }

    /// The tokens that the model reads, special tokens included.
    #[must_use]
    pub fn token_count(&self) -> u32 {
        count(self.token_ids.len())
    }
}

/// The tokeniser of a model; it may be shared between threads.
#[derive(Clone, Debug)]
pub struct TextTokeniser(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// What the model's `tokenizer.json` describes.
    Model(Box<ModelTokeniser>),
    /// Words as numbers, for the hash backend.
    Words(WordTokeniser),
}

/// A tokeniser that neither cuts nor pads, and what is cut after it.
#[derive(Clone, Debug)]
struct ModelTokeniser {
    tokeniser: Tokenizer,
    max_tokens: usize,
    special_tokens: usize,
}

/// Splits at everything that is not a letter or a digit and numbers a word by its FNV-1a hash.
#[derive(Clone, Copy, Debug)]
struct WordTokeniser {
    max_tokens: usize,
}

impl TextTokeniser {
    /// Takes a model's tokeniser, of which texts keep the first `max_tokens` tokens.
    ///
    /// Whatever `tokenizer.json` says about truncation and padding is overruled, as
    /// sentence-transformers does. Texts that spell a special token are read as that token, also
    /// as sentence-transformers does.
    ///
    /// # Errors
    ///
    /// When `max_tokens` leaves no room for a token beside the special ones; says so.
    pub fn from_model(mut tokeniser: Tokenizer, max_tokens: usize) -> Result<Self, String> {
        let special_tokens =
            tokeniser.get_post_processor().map_or(0, |processor| processor.added_tokens(false));
        if max_tokens <= special_tokens {
            return Err(format!(
                "a limit of {max_tokens} tokens leaves no room beside {special_tokens} special tokens"
            ));
        }
        tokeniser.with_truncation(None).map_err(|error| error.to_string())?;
        tokeniser.with_padding(None);
        Ok(Self(Kind::Model(Box::new(ModelTokeniser { tokeniser, max_tokens, special_tokens }))))
    }

    /// The tokeniser of the hash backend, which reads at most `max_tokens` words.
    #[must_use]
    pub fn words(max_tokens: usize) -> Self {
        Self(Kind::Words(WordTokeniser { max_tokens: max_tokens.max(1) }))
    }

    /// Tokenises one text.
    ///
    /// # Errors
    ///
    /// What the tokeniser says; only a damaged `tokenizer.json` gives rise to one.
    pub fn tokenise(&self, text: &str) -> Result<TokenisedText, String> {
        match &self.0 {
            Kind::Model(tokeniser) => tokeniser.tokenise(text).map_err(|error| error.to_string()),
            Kind::Words(tokeniser) => Ok(tokeniser.tokenise(text)),
        }
    }
}

impl ModelTokeniser {
    /// Cuts by itself: told to cut, the tokeniser stops early and the rest is not counted.
    fn tokenise(&self, text: &str) -> Result<TokenisedText, tokenizers::Error> {
        let mut encoding = self.tokeniser.encode_fast(text, false)?;
        let whole_text_tokens = count(encoding.len() + self.special_tokens);
        let room = self.max_tokens - self.special_tokens;
        encoding.truncate(room, 0, TruncationDirection::Right);
        encoding.take_overflowing();
        let encoding = self.tokeniser.post_process(encoding, None, true)?;
        Ok(TokenisedText { token_ids: encoding.get_ids().to_vec(), whole_text_tokens })
    }
}

fn count(tokens: usize) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}

impl WordTokeniser {
    fn tokenise(self, text: &str) -> TokenisedText {
        let mut token_ids: Vec<u32> = text
            .split(|character: char| !character.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(|word| fnv1a(&word.to_lowercase()))
            .collect();
        if token_ids.is_empty() {
            token_ids.push(fnv1a(text.trim()));
        }
        let whole_text_tokens = count(token_ids.len());
        token_ids.truncate(self.max_tokens);
        TokenisedText { token_ids, whole_text_tokens }
    }
}

/// The 32-bit FNV-1a hash (Fowler, Noll, Vo; draft-eastlake-fnv).
fn fnv1a(word: &str) -> u32 {
    word.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_and_counted() {
        let tokeniser = TextTokeniser::words(2);
        let text = tokeniser.tokenise("One, two; three").unwrap();
        assert_eq!((text.token_count(), text.whole_text_tokens), (2, 3));
        assert!(text.is_truncated());
        let same = tokeniser.tokenise("ONE two").unwrap();
        assert_eq!(same.token_ids, text.token_ids);
        assert!(!same.is_truncated());
    }

    #[test]
    fn a_text_without_words_still_has_a_token() {
        assert_eq!(TextTokeniser::words(8).tokenise("?!").unwrap().token_count(), 1);
    }
}
