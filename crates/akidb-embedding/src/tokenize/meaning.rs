//! What a model's tokens say of a text: something, nothing, or something that the model does not
//! know.
//!
//! Out of scope: what becomes of a text that says nothing.

use std::collections::HashSet;

use tokenizers::{Model, Tokenizer};

/// A code point that Unicode promises never to assign, so that no vocabulary has it.
const IN_NO_VOCABULARY: &str = "\u{10ffff}";
/// What SentencePiece writes for a space.
const METASPACE: char = '\u{2581}';

/// The tokens that are unlike others.
#[derive(Clone, Debug, Default)]
pub(super) struct Meaning {
    /// Those with a part in how a text is framed, such as `[SEP]`, however they got into it.
    special: HashSet<u32>,
    /// The one that stands for whatever the vocabulary lacks; none where bytes do.
    unknown: Option<u32>,
}

impl Meaning {
    pub(super) fn of(tokenizer: &Tokenizer) -> Self {
        let unknown = match tokenizer.get_model().tokenize(IN_NO_VOCABULARY).as_deref() {
            Ok([token]) => Some(token.id),
            // Several are bytes; none, or an error, is a vocabulary that drops what it lacks.
            _ => None,
        };
        let added = tokenizer.get_added_tokens_decoder().into_iter();
        let special = added.filter(|(id, token)| token.special && Some(*id) != unknown);
        Self { special: special.map(|(id, _)| id).collect(), unknown }
    }

    /// Whether a token says something of the text that it is in.
    pub(super) fn is_content(&self, tokenizer: &Tokenizer, id: u32) -> bool {
        let is_blank = |token: &str| token.chars().all(|it| it == METASPACE || it.is_whitespace());
        !self.special.contains(&id)
            && tokenizer.id_to_token(id).is_some_and(|token| !is_blank(&token))
    }

    /// How many of the tokens stand for something that the model does not know.
    pub(super) fn count_unknown(&self, ids: &[u32]) -> usize {
        ids.iter().filter(|id| Some(**id) == self.unknown).count()
    }
}

/// Whether a character shows: neither white space nor one that only controls how others are set.
pub(super) fn is_visible(character: char) -> bool {
    let is_format = matches!(character,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}');
    !character.is_whitespace() && !character.is_control() && !is_format
}
