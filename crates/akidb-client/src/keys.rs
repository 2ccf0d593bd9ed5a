//! Keys: who may ask for what.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Client, Request, RequestError};

/// What a key may do. Each role may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// Reads and searches documents, embeds texts.
    Read,
    /// Changes documents.
    Write,
    /// Makes, changes and drops collections; without a limit to some, all that a node does.
    Admin,
    /// A role that this version does not know.
    #[serde(other)]
    Other,
}

/// A key to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewKey {
    name: String,
    role: Role,
    #[serde(skip_serializing_if = "Option::is_none")]
    collections: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests_per_minute: Option<u32>,
}

impl NewKey {
    /// A key that reaches every collection and does not expire, under a name for people.
    #[must_use]
    pub fn new(name: &str, role: Role) -> Self {
        Self {
            name: name.to_owned(),
            role,
            collections: None,
            ttl_seconds: None,
            requests_per_minute: None,
        }
    }

    /// The same, of these collections alone: names, or how names begin with a `*` behind.
    #[must_use]
    pub fn collections<T: Into<String>>(self, patterns: impl IntoIterator<Item = T>) -> Self {
        let patterns = patterns.into_iter().map(Into::into).collect();
        Self { collections: Some(patterns), ..self }
    }

    /// The same, for so many seconds.
    #[must_use]
    pub fn ttl_seconds(self, seconds: u64) -> Self {
        Self { ttl_seconds: Some(seconds), ..self }
    }

    /// The same, of so many requests a minute in place of what the node allows every key.
    #[must_use]
    pub fn requests_per_minute(self, rate: u32) -> Self {
        Self { requests_per_minute: Some(rate), ..self }
    }
}

/// A key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Key {
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
    /// `active`, `expired` or `revoked`.
    pub state: String,
    /// Milliseconds since the Unix epoch.
    pub created_unix_ms: i64,
    /// From when on it is not valid any more.
    pub expires_unix_ms: Option<i64>,
    /// When it was revoked.
    pub revoked_unix_ms: Option<i64>,
    /// Until when the secret before the last exchange is taken too, where it still is.
    pub previous_until_unix_ms: Option<i64>,
}

/// A key that is new, or has a new secret.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct IssuedKey {
    /// What it is.
    pub key: Key,
    /// What [`Client::with_key`] takes. Nobody can be told it again.
    pub secret: String,
}

impl fmt::Debug for IssuedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedKey").field("key", &self.key).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct KeyList {
    keys: Vec<Key>,
}

const KEYS: [&str; 3] = ["v1", "admin", "keys"];

impl Client {
    /// Makes a key. From the first one on, every request needs a key.
    ///
    /// # Errors
    /// The node's own, such as `key_conflict`, or no answer.
    pub async fn create_key(&self, key: &NewKey) -> Result<IssuedKey, RequestError> {
        self.send(Request::post(&KEYS).json(key)).await
    }

    /// Every key, the oldest first.
    ///
    /// # Errors
    /// The node's own, or no answer.
    pub async fn keys(&self) -> Result<Vec<Key>, RequestError> {
        Ok(self.send::<KeyList>(Request::get(&KEYS)).await?.keys)
    }

    /// Revokes a key: the next request with it is refused.
    ///
    /// # Errors
    /// The node's own, such as `key_not_found`, or no answer.
    pub async fn revoke_key(&self, id: &str) -> Result<Key, RequestError> {
        let [version, admin, keys] = KEYS;
        self.send(Request::post(&[version, admin, keys, id, "revoke"])).await
    }

    /// Gives a key another secret; the one before is taken for so many seconds more.
    ///
    /// # Errors
    /// The node's own, such as `key_not_found`, or no answer.
    pub async fn rotate_key(
        &self,
        id: &str,
        grace_seconds: u64,
    ) -> Result<IssuedKey, RequestError> {
        let [version, admin, keys] = KEYS;
        let request = Request::post(&[version, admin, keys, id, "rotate"]);
        self.send(request.json(&json!({"grace_seconds": grace_seconds}))).await
    }
}
