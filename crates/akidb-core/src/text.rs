//! What a text must be to be embedded and stored.

/// The given text can not be embedded or stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// No characters, or white space only: there is no meaning to embed. The model's tokenizer may
    /// find the same of other texts, such as those of control characters or special tokens alone.
    #[error("is empty or blank, or no token of it remains")]
    Blank,
    /// More bytes than the limit.
    #[error("has {given_bytes} bytes, allowed are at most {bytes_max}")]
    TooLong {
        /// The bytes of the given text.
        given_bytes: usize,
        /// The limit `text_bytes`.
        bytes_max: usize,
    },
    /// A NUL character.
    #[error("has a NUL character at byte {at_byte}")]
    Nul {
        /// Where it stands.
        at_byte: usize,
    },
}

/// Checks a text against the limit of `bytes_max` bytes.
///
/// # Errors
/// When it is blank, too long or holds a NUL.
pub fn check_text(text: &str, bytes_max: usize) -> Result<(), InvalidText> {
    if text.len() > bytes_max {
        return Err(InvalidText::TooLong { given_bytes: text.len(), bytes_max });
    }
    if text.trim().is_empty() {
        return Err(InvalidText::Blank);
    }
    match text.bytes().position(|byte| byte == 0) {
        Some(at_byte) => Err(InvalidText::Nul { at_byte }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_long_and_nul_texts_are_refused() {
        assert_eq!(check_text("ok", 2), Ok(()));
        assert_eq!(check_text("", 2), Err(InvalidText::Blank));
        assert_eq!(check_text(" \t\u{3000}", 9), Err(InvalidText::Blank));
        assert_eq!(
            check_text("abc", 2),
            Err(InvalidText::TooLong { given_bytes: 3, bytes_max: 2 })
        );
        assert_eq!(check_text("a\0", 2), Err(InvalidText::Nul { at_byte: 1 }));
    }
}
