//! What is given to the queue, on its way to tokens; and vectors on their way to fewer values.
//!
//! Out of scope: the queue.

use std::sync::Arc;

use tokio::task;

use super::{EmbedOptions, Embedding};
use crate::{
    error::EmbedError,
    pooling,
    tokenize::{TextTokenizer, TokenizedText, Truncate},
};

/// Requests up to this many bytes are tokenized where they are, the others on a blocking thread:
/// 1 KiB takes some 100 µs, about what the change of thread costs at worst.
const INLINE_TOKENIZE_BYTES: usize = 1024;
/// What a text costs besides its own bytes, in bytes.
const BYTES_PER_TEXT: usize = 32;

/// What is to be embedded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EmbedInputs {
    /// Texts.
    Texts(Vec<String>),
    /// The tokens of texts, as the model's own tokenizer numbers them, with or without the special
    /// ones around them. They are taken as they are: no prompt goes before them.
    TokenIds(Vec<Vec<u32>>),
    /// A query with each of some documents, for a re-ranker. A pair that is too long is cut, whatever is
    /// said of truncation, and no prompt goes before it.
    Pairs {
        /// What the documents are to answer.
        query: Arc<str>,
        /// The documents.
        documents: Vec<String>,
    },
}

impl EmbedInputs {
    /// How many texts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.len(),
            Self::TokenIds(texts) => texts.len(),
            Self::Pairs { documents, .. } => documents.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Cuts them into parts of at most `texts_max` texts, at least 1.
    pub fn into_parts(self, texts_max: usize) -> impl Iterator<Item = Self> {
        let mut rest = self;
        std::iter::from_fn(move || {
            let at = rest.len().min(texts_max.max(1));
            let after = match &mut rest {
                Self::Texts(texts) => Self::Texts(texts.split_off(at)),
                Self::TokenIds(texts) => Self::TokenIds(texts.split_off(at)),
                Self::Pairs { query, documents } => {
                    Self::Pairs { query: Arc::clone(query), documents: documents.split_off(at) }
                }
            };
            let part = std::mem::replace(&mut rest, after);
            (!part.is_empty()).then_some(part)
        })
    }

    /// About how many tokens they have: in English, 4 bytes make one.
    #[must_use]
    pub fn estimated_tokens(&self) -> usize {
        match self {
            Self::Texts(texts) => Self::estimated_tokens_of(texts),
            Self::TokenIds(texts) => texts.iter().map(|text| text.len() + 2).sum(),
            Self::Pairs { query, documents } => {
                documents.len() * (query.len() / 4 + 2) + Self::estimated_tokens_of(documents)
            }
        }
    }

    /// The same of texts that are not to be embedded as they are.
    #[must_use]
    pub fn estimated_tokens_of(texts: &[String]) -> usize {
        texts.iter().map(|text| text.len() / 4 + 2).sum()
    }

    /// Whether they are tokenized faster than handed to another thread.
    fn is_short(&self) -> bool {
        let bytes: usize = match self {
            Self::Texts(texts) => texts.iter().map(String::len).sum(),
            Self::TokenIds(texts) => texts.iter().map(Vec::len).sum(),
            Self::Pairs { query, documents } => {
                query.len() + documents.iter().map(String::len).sum::<usize>()
            }
        };
        bytes + self.len() * BYTES_PER_TEXT <= INLINE_TOKENIZE_BYTES + BYTES_PER_TEXT
    }
}

impl Default for EmbedInputs {
    fn default() -> Self {
        Self::Texts(Vec::new())
    }
}

impl From<Vec<String>> for EmbedInputs {
    fn from(texts: Vec<String>) -> Self {
        Self::Texts(texts)
    }
}

impl From<Vec<Vec<u32>>> for EmbedInputs {
    fn from(texts: Vec<Vec<u32>>) -> Self {
        Self::TokenIds(texts)
    }
}

/// Tokenizes all of `inputs`, on another thread where that takes long.
pub(super) async fn tokenize_all(
    tokenizer: &Arc<TextTokenizer>,
    prompt: &str,
    inputs: EmbedInputs,
    truncate: Truncate,
) -> Result<Vec<TokenizedText>, EmbedError> {
    if inputs.is_short() {
        return tokenize_each(tokenizer, prompt, &inputs, truncate, || true);
    }
    // Goes with this future when its time is over or its client has gone, so that the thread does
    // not go on through megabytes of text that nobody waits for.
    let waiting = Arc::new(());
    let waits = Arc::downgrade(&waiting);
    let (tokenizer, prompt) = (Arc::clone(tokenizer), prompt.to_owned());
    let tokenize =
        move || tokenize_each(&tokenizer, &prompt, &inputs, truncate, || waits.strong_count() > 0);
    task::spawn_blocking(tokenize).await.unwrap_or_else(|failure| {
        // The runtime cancels blocking work only when it ends itself.
        if failure.is_cancelled() {
            return Err(EmbedError::ShuttingDown);
        }
        let reason = "the tokenizer panicked".to_owned();
        Err(EmbedError::TokenizeFailed { index: 0, reason })
    })
}

fn tokenize_each(
    tokenizer: &TextTokenizer,
    prompt: &str,
    inputs: &EmbedInputs,
    truncate: Truncate,
    is_wanted: impl Fn() -> bool,
) -> Result<Vec<TokenizedText>, EmbedError> {
    let texts = match inputs {
        EmbedInputs::Texts(texts) => texts
            .iter()
            .enumerate()
            .map(|(index, text)| match is_wanted() {
                true => tokenize(tokenizer, prompt, text, truncate, index),
                false => Err(EmbedError::DeadlineExceeded),
            })
            .collect::<Result<Vec<_>, _>>()?,
        EmbedInputs::TokenIds(texts) => texts
            .iter()
            .enumerate()
            .map(|(index, text)| accept(tokenizer, text, truncate, index))
            .collect::<Result<Vec<_>, _>>()?,
        EmbedInputs::Pairs { query, documents } => {
            return tokenize_pairs(tokenizer, query, documents, is_wanted);
        }
    };
    refuse_without_content(&texts)?;
    if truncate == Truncate::None {
        refuse_too_long(&texts, tokenizer.max_tokens())?;
    }
    Ok(texts)
}

/// Tokenizes a query once, and each document behind it. A document of which no token remains fits no
/// query well, and is for the model to say so.
fn tokenize_pairs(
    tokenizer: &TextTokenizer,
    query: &str,
    documents: &[String],
    is_wanted: impl Fn() -> bool,
) -> Result<Vec<TokenizedText>, EmbedError> {
    let failed = |index, reason| EmbedError::TokenizeFailed { index, reason };
    let query = tokenizer.tokenize_query(query).map_err(|reason| failed(0, reason))?;
    if !query.has_content() {
        return Err(EmbedError::QueryWithoutTokens);
    }
    let pair = |(index, document): (usize, &String)| match is_wanted() {
        true => {
            tokenizer.tokenize_document(&query, document).map_err(|reason| failed(index, reason))
        }
        false => Err(EmbedError::DeadlineExceeded),
    };
    documents.iter().enumerate().map(pair).collect()
}

pub(super) fn tokenize(
    tokenizer: &TextTokenizer,
    prompt: &str,
    text: &str,
    truncate: Truncate,
    index: usize,
) -> Result<TokenizedText, EmbedError> {
    let tokenized = tokenizer.tokenize_with(prompt, text, truncate);
    tokenized.map_err(|reason| EmbedError::TokenizeFailed { index, reason })
}

fn accept(
    tokenizer: &TextTokenizer,
    token_ids: &[u32],
    truncate: Truncate,
    index: usize,
) -> Result<TokenizedText, EmbedError> {
    tokenizer.accept(token_ids, truncate).map_err(|unknown| EmbedError::UnknownToken {
        index,
        position: unknown.position,
        token_id: unknown.token_id,
    })
}

/// Refuses texts of which no token remains, however they are made: of characters that the
/// normalizer takes away, or of nothing but special tokens. All of them would have one vector.
pub(super) fn refuse_without_content(texts: &[TokenizedText]) -> Result<(), EmbedError> {
    let numbered = texts.iter().enumerate().filter(|(_, text)| !text.has_content);
    let indexes: Vec<_> = numbered.map(|(index, _)| index).collect();
    if indexes.is_empty() { Ok(()) } else { Err(EmbedError::NoTokens { indexes }) }
}

fn refuse_too_long(texts: &[TokenizedText], limit_tokens: usize) -> Result<(), EmbedError> {
    let numbered = texts.iter().enumerate().filter(|(_, text)| text.is_truncated());
    let texts: Vec<_> = numbered.map(|(index, text)| (index, text.whole_text_tokens)).collect();
    if texts.is_empty() { Ok(()) } else { Err(EmbedError::TextsTooLong { texts, limit_tokens }) }
}

/// The dimensions that are asked for, where a vector has so many.
pub(super) fn check_dimensions(options: &EmbedOptions, limit: usize) -> Result<(), EmbedError> {
    match options.dimensions {
        Some(given) if !(1..=limit).contains(&given) => {
            Err(EmbedError::InvalidDimensions { given, limit })
        }
        _ => Ok(()),
    }
}

/// Keeps the first `dimensions` values of each vector (Kusupati et al.: "Matryoshka Representation
/// Learning", 2022) and scales what is left to length 1 where vectors are.
pub(super) fn shorten(
    embeddings: &mut [Embedding],
    dimensions: usize,
    normalize: bool,
) -> Result<(), EmbedError> {
    for (index, embedding) in embeddings.iter_mut().enumerate() {
        embedding.values.truncate(dimensions);
        embedding.values.shrink_to_fit();
        if embedding.values.iter().all(|value| *value == 0.0) {
            let reason = format!("the first {dimensions} values of its vector are zero");
            return Err(EmbedError::TextFailed { index, reason });
        }
        if normalize {
            pooling::normalize(&mut embedding.values);
        }
    }
    Ok(())
}
