//! Keys.

use akidb_core::{Error, ErrorCode, Role};
use akidb_service::{IssuedKey, KeyInfo, NewKey};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewKey, example = json!({"name": "web shop", "role": "read", "collections": ["films*"]}))]
pub(crate) struct NewKeyBody {
    /// What a person calls it, 1 to 128 characters.
    #[schema(min_length = 1, max_length = 128)]
    name: String,
    /// `read`, `write` or `admin`. Each may do what those before it may.
    #[schema(pattern = "^(read|write|admin)$")]
    role: String,
    /// The collections that it reaches: names, or how names begin with a `*` behind. Every one where absent.
    #[schema(min_items = 1, max_items = 100)]
    collections: Option<Vec<String>>,
    /// Seconds after which it is not valid any more; never where absent.
    #[schema(minimum = 1)]
    ttl_seconds: Option<u64>,
    /// Requests a minute, in place of what the node allows every key (`rate_limit_per_user`).
    #[schema(minimum = 1)]
    requests_per_minute: Option<u32>,
}

impl NewKeyBody {
    /// The service's request.
    ///
    /// # Errors
    /// `invalid_argument` for an unknown role.
    pub(crate) fn into_request(self) -> Result<NewKey, Error> {
        let Self { name, role, collections, ttl_seconds, requests_per_minute } = self;
        let role = role
            .parse::<Role>()
            .map_err(|fault| Error::at(ErrorCode::InvalidArgument, "role", fault))?;
        Ok(NewKey { name, role, collections, ttl_seconds, requests_per_minute })
    }
}

/// Another secret for a key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RotateKey, example = json!({"grace_seconds": 3600}))]
pub(crate) struct RotateKeyBody {
    /// How long the secret of before is taken too; not at all where absent.
    #[schema(maximum = 2_592_000)]
    pub(crate) grace_seconds: Option<u64>,
}

/// A key, without what a client shows.
#[derive(Serialize, ToSchema)]
#[schema(as = Key, example = json!({
    "id": "3f1c2b7a90d4e855", "name": "web shop", "role": "read", "collections": ["films*"],
    "state": "active", "created_unix_ms": 1_760_000_000_000_u64
}))]
pub(crate) struct KeyAnswer {
    /// Its identity, which also stands in what a client shows.
    id: String,
    /// What a person calls it.
    name: String,
    /// `read`, `write` or `admin`.
    role: &'static str,
    /// The collections that it reaches; every one where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    collections: Option<Vec<String>>,
    /// Requests a minute, where it has a rate of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    requests_per_minute: Option<u32>,
    /// `active`, `expired` or `revoked`.
    state: &'static str,
    /// Milliseconds since the Unix epoch.
    created_unix_ms: i64,
    /// From when on it is not valid any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_unix_ms: Option<i64>,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_unix_ms: Option<i64>,
    /// Until when the secret before the last exchange is taken too, where it still is.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_until_unix_ms: Option<i64>,
}

impl From<KeyInfo> for KeyAnswer {
    fn from(key: KeyInfo) -> Self {
        Self {
            id: key.id,
            name: key.name,
            role: key.role.as_str(),
            collections: key.collections,
            requests_per_minute: key.requests_per_minute,
            state: key.state.as_str(),
            created_unix_ms: key.created_unix_ms,
            expires_unix_ms: key.expires_unix_ms,
            revoked_unix_ms: key.revoked_unix_ms,
            previous_until_unix_ms: key.previous_until_unix_ms,
        }
    }
}

/// A key that is new, or has a new secret.
#[derive(Serialize, ToSchema)]
#[schema(as = IssuedKey)]
pub(crate) struct IssuedKeyAnswer {
    key: KeyAnswer,
    /// What clients show, in `Authorization: Bearer` or `api-key`. Nobody can be told it again.
    secret: String,
}

impl From<IssuedKey> for IssuedKeyAnswer {
    fn from(IssuedKey { key, secret }: IssuedKey) -> Self {
        Self { key: key.into(), secret: secret.expose().to_owned() }
    }
}

/// All keys, the oldest first.
#[derive(Serialize, ToSchema)]
#[schema(as = KeyList)]
pub(crate) struct KeyListAnswer {
    keys: Vec<KeyAnswer>,
}

impl From<Vec<KeyInfo>> for KeyListAnswer {
    fn from(keys: Vec<KeyInfo>) -> Self {
        Self { keys: keys.into_iter().map(KeyAnswer::from).collect() }
    }
}
