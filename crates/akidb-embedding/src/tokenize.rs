//! Texts to token numbers, cut to what the model reads.
//!
//! Out of scope: padding (there is none), which prompt is meant, and refusing texts.

use std::{fmt, ops::Range, str::FromStr};

use tokenizers::{Encoding, Token, Tokenizer};

pub(crate) use self::pairs::PairTypes;
use self::{meaning::Meaning, pairs::PairWindow};
use crate::identity::Prompts;

mod meaning;
mod pairs;

/// What becomes of a text that is longer than the model's window.
///
/// The prompt and the special tokens are kept in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Truncate {
    /// The request is refused.
    None,
    /// The end of the text is cut off.
    #[default]
    End,
    /// The start of the text is cut off.
    Start,
}

/// The name given for a [`Truncate`] is not one of the known ones.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown truncation {given:?}, allowed are none, end and start")]
pub struct UnknownTruncate {
    given: String,
}

impl Truncate {
    /// Every value, in the order in which documentation lists them.
    pub const ALL: [Self; 3] = [Self::None, Self::End, Self::Start];

    /// The canonical name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::End => "end",
            Self::Start => "start",
        }
    }
}

impl fmt::Display for Truncate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Truncate {
    type Err = UnknownTruncate;

    /// Accepts the canonical names without regard to case.
    fn from_str(given: &str) -> Result<Self, UnknownTruncate> {
        let wanted = given.to_ascii_lowercase();
        Self::ALL
            .into_iter()
            .find(|truncate| truncate.as_str() == wanted)
            .ok_or_else(|| UnknownTruncate { given: given.chars().take(64).collect() })
    }
}

/// A text as a backend reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenizedText {
    /// The numbers of its tokens, special tokens included, at most the model's limit.
    pub token_ids: Vec<u32>,
    /// The tokens that the whole text has, special tokens included.
    pub whole_text_tokens: u32,
    /// How many of `token_ids` stand for something that the model does not know.
    pub unknown_tokens: u32,
    /// Of a pair, where the tokens of the document begin.
    pub document_start: Option<usize>,
    /// Whether the whole text has a token that says something: one beside the prompt, the special
    /// tokens and white space. Without one, all such texts would have one and the same vector.
    pub has_content: bool,
}

impl TokenizedText {
    /// Whether a part of the text was cut off.
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

/// The tokenizer of a model; it may be shared between threads.
#[derive(Clone, Debug)]
pub struct TextTokenizer(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// What the model's `tokenizer.json` describes.
    Model(Box<ModelTokenizer>),
    /// Words as numbers, for the hash backend.
    Words(Window),
}

/// A tokenizer that neither cuts nor pads nor adds special tokens, all of which the window does.
#[derive(Clone, Debug)]
struct ModelTokenizer {
    tokenizer: Tokenizer,
    meaning: Meaning,
    window: Window,
    /// Of a re-ranker.
    pairs: Option<PairWindow>,
}

/// The tokens of a prompt and a text, before anything is cut.
struct Tokens {
    ids: Vec<u32>,
    /// How many of them are the prompt's, where that has to be known.
    of_prompt: usize,
    has_content: bool,
}

/// What a model reads at once: special tokens, and between them as much as there is room for.
#[derive(Clone, Debug)]
struct Window {
    max_tokens: usize,
    before: Vec<u32>,
    after: Vec<u32>,
}

/// A token of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenSpan {
    /// Where it stands.
    pub(crate) bytes: Range<usize>,
    /// Whether it says something: neither special nor white space.
    pub(crate) has_content: bool,
}

/// A token that is not in the model's vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownToken {
    /// Its place among the given ones.
    pub position: usize,
    /// Its number.
    pub token_id: u32,
}

impl TextTokenizer {
    /// Takes a model's tokenizer, of which texts keep `max_tokens` tokens.
    ///
    /// Whatever `tokenizer.json` says about truncation and padding is overruled, as
    /// sentence-transformers does. Texts that spell a special token are read as that token, also
    /// as sentence-transformers does.
    ///
    /// # Errors
    ///
    /// When `max_tokens` leaves no room for a token beside the special ones; says so.
    pub fn from_model(mut tokenizer: Tokenizer, max_tokens: usize) -> Result<Self, String> {
        tokenizer.with_truncation(None).map_err(|error| error.to_string())?;
        tokenizer.with_padding(None);
        let (before, after) = special_tokens(&tokenizer)?;
        let window = Window { max_tokens, before, after };
        if window.room() == 0 {
            let special_tokens = window.special_tokens();
            return Err(format!(
                "a limit of {max_tokens} tokens leaves no room beside {special_tokens} special tokens"
            ));
        }
        let meaning = Meaning::of(&tokenizer);
        let pairs = None;
        Ok(Self(Kind::Model(Box::new(ModelTokenizer { tokenizer, meaning, window, pairs }))))
    }

    /// The tokenizer of the hash backend, which reads at most `max_tokens` words.
    #[must_use]
    pub fn words(max_tokens: usize) -> Self {
        let window = Window { max_tokens: max_tokens.max(1), before: vec![], after: vec![] };
        Self(Kind::Words(window))
    }

    /// The most tokens of a text that the model reads, special tokens included.
    #[must_use]
    pub fn max_tokens(&self) -> usize {
        self.window().max_tokens
    }

    /// Tokenizes one text without a prompt, whose end is cut off where it is too long.
    ///
    /// # Errors
    ///
    /// What the tokenizer says; only a damaged `tokenizer.json` gives rise to one.
    pub fn tokenize(&self, text: &str) -> Result<TokenizedText, String> {
        self.tokenize_with("", text, Truncate::End)
    }

    /// Tokenizes `text` behind `prompt`. A text that must not be cut is cut at its end all the
    /// same, and says so: the caller refuses it.
    ///
    /// # Errors
    ///
    /// What the tokenizer says; only a damaged `tokenizer.json` gives rise to one.
    pub fn tokenize_with(
        &self,
        prompt: &str,
        text: &str,
        truncate: Truncate,
    ) -> Result<TokenizedText, String> {
        let tokens = match &self.0 {
            Kind::Model(model) => model.tokenize(prompt, text, truncate)?,
            Kind::Words(_) => tokenize_words(prompt, text),
        };
        Ok(self.fit(&tokens, truncate))
    }

    /// Takes tokens as the text's own, with or without the special ones around them.
    ///
    /// # Errors
    ///
    /// The first token that is not in the vocabulary.
    pub fn accept(
        &self,
        token_ids: &[u32],
        truncate: Truncate,
    ) -> Result<TokenizedText, UnknownToken> {
        if let Kind::Model(model) = &self.0 {
            let is_unknown = |id: &&u32| model.tokenizer.id_to_token(**id).is_none();
            let mut numbered = token_ids.iter().enumerate();
            if let Some((position, id)) = numbered.find(|(_, id)| is_unknown(id)) {
                return Err(UnknownToken { position, token_id: *id });
            }
        }
        let ids = self.window().without_special_tokens(token_ids).to_vec();
        let has_content = match &self.0 {
            Kind::Model(model) => model.has_content(&ids),
            Kind::Words(_) => !ids.is_empty(),
        };
        Ok(self.fit(&Tokens { ids, of_prompt: 0, has_content }, truncate))
    }

    /// Checks that each prompt leaves room for a text.
    ///
    /// # Errors
    ///
    /// The name of a prompt that does not, and what is wrong with it.
    pub fn check_prompts(&self, prompts: &Prompts) -> Result<(), (String, String)> {
        for (name, prompt) in &prompts.by_name {
            let fault = |fault| (name.clone(), fault);
            let tokens = self.tokenize(prompt).map_err(fault)?.whole_text_tokens as usize;
            if tokens >= self.max_tokens() {
                let max_tokens = self.max_tokens();
                return Err(fault(format!("{tokens} of the {max_tokens} tokens that are read")));
            }
        }
        Ok(())
    }

    fn fit(&self, tokens: &Tokens, truncate: Truncate) -> TokenizedText {
        let window = self.window();
        let token_ids = window.fit(&tokens.ids, tokens.of_prompt, truncate);
        TokenizedText {
            whole_text_tokens: count(tokens.ids.len() + window.special_tokens()),
            unknown_tokens: self.count_unknown(&token_ids),
            document_start: None,
            has_content: tokens.has_content,
            token_ids,
        }
    }

    fn count_unknown(&self, token_ids: &[u32]) -> u32 {
        match &self.0 {
            Kind::Model(model) => count(model.meaning.count_unknown(token_ids)),
            Kind::Words(_) => 0,
        }
    }

    fn window(&self) -> &Window {
        match &self.0 {
            Kind::Model(model) => &model.window,
            Kind::Words(window) => window,
        }
    }

    /// Where the tokens of a text stand in it, without those around it and uncut.
    pub(crate) fn token_spans(&self, text: &str) -> Result<Vec<TokenSpan>, String> {
        match &self.0 {
            Kind::Model(model) => {
                let encoding = model.tokenizer.encode(text, false);
                let encoding = encoding.map_err(|error| error.to_string())?;
                let offsets = encoding.get_offsets().iter().zip(encoding.get_ids());
                let span = |(&(start, end), id): (&(usize, usize), &u32)| TokenSpan {
                    bytes: start..end,
                    has_content: model.has_content(std::slice::from_ref(id)),
                };
                Ok(offsets.map(span).collect())
            }
            Kind::Words(_) => {
                let start_of = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
                let span = |word: &str| TokenSpan {
                    bytes: start_of(word)..start_of(word) + word.len(),
                    has_content: true,
                };
                Ok(words(text).map(span).collect())
            }
        }
    }

    /// The tokens that every text has besides its own.
    pub(crate) fn special_tokens(&self) -> usize {
        self.window().special_tokens()
    }
}

impl Window {
    fn special_tokens(&self) -> usize {
        self.before.len() + self.after.len()
    }

    fn room(&self) -> usize {
        self.max_tokens.saturating_sub(self.special_tokens())
    }

    /// Cuts what there is no room for and puts the special tokens around the rest.
    fn fit(&self, token_ids: &[u32], prompt_tokens: usize, truncate: Truncate) -> Vec<u32> {
        let room = self.room();
        let is_cut = token_ids.len() > room;
        let (start, end) = match truncate {
            Truncate::Start if is_cut => {
                let (prompt, text) = token_ids.split_at(prompt_tokens.min(room));
                (prompt, &text[text.len() - (room - prompt.len())..])
            }
            _ => (&token_ids[..token_ids.len().min(room)], &[][..]),
        };
        [&self.before, start, end, &self.after].concat()
    }

    fn without_special_tokens<'a>(&self, token_ids: &'a [u32]) -> &'a [u32] {
        let inside = token_ids.strip_prefix(self.before.as_slice());
        inside.and_then(|ids| ids.strip_suffix(self.after.as_slice())).unwrap_or(token_ids)
    }
}

impl ModelTokenizer {
    /// The tokens of both without special ones around them.
    fn tokenize(&self, prompt: &str, text: &str, truncate: Truncate) -> Result<Tokens, String> {
        let whole = format!("{prompt}{text}");
        // Where each token stands takes time to find, and only tells the prompt from the text.
        let tells_prompt = truncate == Truncate::Start && !prompt.is_empty();
        let encoding = match tells_prompt {
            true => self.tokenizer.encode(whole, false),
            false => self.tokenizer.encode_fast(whole, false),
        };
        let encoding = encoding.map_err(|error| error.to_string())?;
        let ends = encoding.get_offsets().iter().map(|(_, end)| *end);
        let in_prompt = ends.take_while(|end| tells_prompt && *end <= prompt.len());
        let ids = encoding.get_ids().to_vec();
        let has_content = self.text_has_content(prompt, text, &ids)?;
        Ok(Tokens { of_prompt: in_prompt.count(), ids, has_content })
    }

    /// Whether `text` has content of its own, where it has the tokens `ids` behind `prompt`.
    fn text_has_content(&self, prompt: &str, text: &str, ids: &[u32]) -> Result<bool, String> {
        if prompt.is_empty() {
            return Ok(self.has_content(ids));
        }
        let encode =
            |text: &str| self.tokenizer.encode_fast(text, false).map_err(|error| error.to_string());
        let behind = ids.get(encode(prompt)?.len()..).unwrap_or_default();
        // The last token of the prompt may have taken in the first of the text.
        Ok(self.has_content(behind) || self.has_content(encode(text)?.get_ids()))
    }

    fn has_content(&self, ids: &[u32]) -> bool {
        ids.iter().any(|id| self.meaning.is_content(&self.tokenizer, *id))
    }
}

/// The special tokens that a tokenizer puts before and after a text.
fn special_tokens(tokenizer: &Tokenizer) -> Result<(Vec<u32>, Vec<u32>), String> {
    const TEXT: u32 = u32::MAX;
    let text = Encoding::from_tokens(vec![Token::new(TEXT, "a".to_owned(), (0, 1))], 0);
    let around = tokenizer.post_process(text, None, true).map_err(|error| error.to_string())?;
    let mut parts = around.get_ids().split(|id| *id == TEXT).map(<[u32]>::to_vec);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(before), Some(after), None) => Ok((before, after)),
        _ => Err("its post-processor does not keep the text's tokens once".to_owned()),
    }
}

fn count(tokens: usize) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}

/// Splits at everything that is not a letter or a digit and numbers a word by its FNV-1a hash. A
/// text without words that shows something, such as `?!`, is one token.
fn tokenize_words(prompt: &str, text: &str) -> Tokens {
    let number =
        |text: &str| -> Vec<u32> { words(text).map(|word| fnv1a(&word.to_lowercase())).collect() };
    let has_content = text.chars().any(meaning::is_visible);
    let mut ids = number(&format!("{prompt}{text}"));
    if ids.is_empty() && has_content {
        ids.push(fnv1a(text.trim()));
    }
    Tokens { ids, of_prompt: number(prompt).len(), has_content }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// The 32-bit FNV-1a hash (Fowler, Noll, Vo; draft-eastlake-fnv).
fn fnv1a(word: &str) -> u32 {
    word.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests;
