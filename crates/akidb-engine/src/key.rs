//! Keys by which requests are told apart, as storage keeps them. What a client shows is in none of them.

use std::{fmt, num::NonZeroU32};

use akidb_core::{CollectionScope, Role};
use sha2::{Digest, Sha256};

/// A key, as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// Its identity, which stands in what a client shows, in listings and in logs.
    pub id: String,
    /// What a person calls it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The collections that it reaches.
    pub collections: CollectionScope,
    /// Requests a minute, in place of what the node allows every key.
    pub requests_per_minute: Option<NonZeroU32>,
    /// SHA-256 of what a client shows.
    pub hash: SecretHash,
    /// What it was before the last exchange, which is taken for some time more.
    pub previous: Option<PreviousSecret>,
    /// Milliseconds since the Unix epoch.
    pub created_unix_ms: i64,
    /// From when on it is not valid any more.
    pub expires_unix_ms: Option<i64>,
    /// When it was revoked.
    pub revoked_unix_ms: Option<i64>,
}

/// SHA-256 of a secret of 256 random bits, which leads back to none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SecretHash(pub [u8; 32]);

impl SecretHash {
    /// The hash of what a client shows.
    #[must_use]
    pub fn of(shown: &str) -> Self {
        Self(Sha256::digest(shown.as_bytes()).into())
    }
}

/// A secret that another one has taken over from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreviousSecret {
    /// As [`KeyRecord::hash`].
    pub hash: SecretHash,
    /// From when on it is not valid any more.
    pub until_unix_ms: i64,
}

/// Nothing of it: a log that many read is no place for it.
impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(..)")
    }
}

impl fmt::Debug for KeyRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRecord")
            .field("id", &self.id)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}
