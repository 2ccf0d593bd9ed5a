//! What names a text by its content, so that it is not embedded twice.

use sha2::{Digest, Sha256};

/// The first 128 bits of the SHA-256 of a text. Not a faster hash: whoever can make two texts of
/// one hash can make a document be found by what it does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TextHash([u8; Self::BYTES]);

impl TextHash {
    const BYTES: usize = 16;

    /// The hash of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let digest = Sha256::digest(text.as_bytes());
        let mut hash = [0; Self::BYTES];
        hash.copy_from_slice(&digest[..Self::BYTES]);
        Self(hash)
    }

    /// The hash of these bytes, where there are 16.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Its 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What is kept beside a vector that the node embedded itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmbeddedText {
    /// The text.
    pub hash: TextHash,
    /// The tokens that were read of it.
    pub tokens: u32,
    /// Whether its end was cut off.
    pub truncated: bool,
    /// Those of the tokens that stand for something the model does not know; absent on rows from
    /// before these were counted.
    pub unknown_tokens: Option<u32>,
}
