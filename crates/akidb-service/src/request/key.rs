//! Keys, as they are asked for and told.

use std::fmt;

use akidb_core::{Result, Role};
use akidb_engine::SecretHash;

use crate::keys::{new_id, new_secret};

/// Asks for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// What a person calls it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The collections that it reaches, by name, or by how the name begins with a `*` behind; every one
    /// where absent.
    pub collections: Option<Vec<String>>,
    /// Seconds after which it is not valid any more; never where absent.
    pub ttl_seconds: Option<u64>,
    /// Requests a minute, in place of what the node allows every key.
    pub requests_per_minute: Option<u32>,
}

/// A key, without what a client shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its identity.
    pub id: String,
    /// What a person calls it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The collections that it reaches; every one where absent.
    pub collections: Option<Vec<String>>,
    /// Requests a minute, where it has a rate of its own.
    pub requests_per_minute: Option<u32>,
    /// Whether it is valid now.
    pub state: KeyState,
    /// Milliseconds since the Unix epoch.
    pub created_unix_ms: i64,
    /// From when on it is not valid any more.
    pub expires_unix_ms: Option<i64>,
    /// When it was revoked.
    pub revoked_unix_ms: Option<i64>,
    /// Until when the secret before the last exchange is taken too, where it still is.
    pub previous_until_unix_ms: Option<i64>,
}

/// Whether a key is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It is.
    Active,
    /// Its time is over.
    Expired,
    /// Somebody did not want it any more.
    Revoked,
}

impl KeyState {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// A key that is new, or has a new secret.
#[derive(Clone, Debug)]
pub struct IssuedKey {
    /// What it is.
    pub key: KeyInfo,
    /// What clients show. Nobody can be told it again.
    pub secret: Secret,
}

/// What a client shows. It is written only by whoever asks for it by name.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub(crate) fn new(shown: String) -> Self {
        Self(shown)
    }

    /// One that no key has.
    ///
    /// # Errors
    /// When the system gives no random bits.
    pub fn random() -> Result<Self> {
        new_secret(&new_id()?)
    }

    /// Its hash.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }

    /// The text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
