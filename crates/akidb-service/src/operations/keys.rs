//! Keys: made, listed, revoked, exchanged.

use std::{num::NonZeroU32, sync::Arc};

use akidb_core::{CollectionScope, Error, ErrorCode, NamePattern, Result, Role};
use akidb_engine::{KeyRecord, PreviousSecret};

use crate::{
    IssuedKey, KeyInfo, KeyState, NewKey, Operation, RequestContext, Service,
    keys::{new_id, new_secret, now_unix_ms},
};

/// Characters of what a person calls a key.
const NAME_CHARS_MAX: usize = 128;

/// Patterns of collections of one key.
const PATTERNS_MAX: usize = 100;

/// How long both secrets of a key may be taken.
const GRACE_SECONDS_MAX: u64 = 30 * 24 * 60 * 60;

/// A hundred years.
const TTL_SECONDS_MAX: u64 = 100 * 365 * 24 * 60 * 60;

impl Service {
    /// Makes a key. Its secret is in the answer and nowhere else. From the first one on, requests need a
    /// key, which is why the first one must be of the role admin and reach all.
    ///
    /// # Errors
    /// When the name, the collections or the time are not allowed, there are too many keys, or it is the
    /// first one and can make no others (`key_conflict`).
    pub async fn create_key(&self, context: &RequestContext, new: NewKey) -> Result<IssuedKey> {
        let id = new_id()?;
        self.run(context, Operation::CreateKey.about(&id), async {
            let collections = scope_of(new.collections)?;
            let name = check_name(new.name)?;
            let now = now_unix_ms();
            let expires_unix_ms =
                new.ttl_seconds.map(|ttl| moment("ttl_seconds", now, ttl, TTL_SECONDS_MAX));
            let secret = new_secret(&id)?;
            let key = KeyRecord {
                id: id.clone(),
                name,
                role: new.role,
                collections,
                requests_per_minute: new.requests_per_minute.map(check_rate).transpose()?,
                hash: secret.hash(),
                previous: None,
                created_unix_ms: now,
                expires_unix_ms: expires_unix_ms.transpose()?,
                revoked_unix_ms: None,
            };
            let keys = &self.inner.keys;
            let _changing = keys.changing.lock().await;
            self.check_space()?;
            let others = keys.engine.keys();
            let keys_max = self.limits().keys;
            if others.iter().filter(|key| key.revoked_unix_ms.is_none()).count() >= keys_max {
                let message = format!("there are {keys_max} keys that are not revoked (keys)");
                return Err(Error::new(ErrorCode::LimitExceeded, message));
            }
            if !administers(&key, now) && !self.is_administered(others.iter(), now) {
                let message = "the first key must be of the role admin and reach every collection: \
                               from then on only its bearer can make others";
                return Err(Error::new(ErrorCode::KeyConflict, message));
            }
            keys.engine.keep_key(key.clone(), Vec::new()).await?;
            Ok(IssuedKey { key: told(&key, now), secret })
        })
        .await
    }

    /// Every key, the oldest first.
    ///
    /// # Errors
    /// When the node takes no requests.
    pub async fn keys(&self, context: &RequestContext) -> Result<Vec<KeyInfo>> {
        self.run(context, Operation::Keys, async {
            let mut keys = self.inner.keys.engine.keys();
            keys.sort_by_key(|key| key.created_unix_ms);
            let now = now_unix_ms();
            Ok(keys.iter().map(|key| told(key, now)).collect())
        })
        .await
    }

    /// Revokes a key: the next request with it is refused.
    ///
    /// # Errors
    /// When there is none of the id, it is revoked already, or nobody could make keys then.
    pub async fn revoke_key(&self, context: &RequestContext, id: &str) -> Result<KeyInfo> {
        self.run(context, Operation::RevokeKey.about(id), async {
            let keys = &self.inner.keys;
            let _changing = keys.changing.lock().await;
            let now = now_unix_ms();
            let key = self.key_to_change(id)?;
            let all = keys.engine.keys();
            let others = all.iter().filter(|other| other.id != key.id);
            if administers(&key, now) && !self.is_administered(others, now) {
                let message = format!(
                    "the key {} is the last one by which others can be made, hint: make another one \
                     first, or exchange its secret",
                    key.id
                );
                return Err(Error::new(ErrorCode::KeyConflict, message));
            }
            let key = KeyRecord { revoked_unix_ms: Some(now), previous: None, ..KeyRecord::clone(&key) };
            keys.engine.keep_key(key.clone(), self.keys_to_forget(&all)).await?;
            Ok(told(&key, now))
        })
        .await
    }

    /// Gives a key another secret. The one before is taken for `grace_seconds` more, so that clients can be
    /// told one after the other; without it, it is not from now on.
    ///
    /// # Errors
    /// When there is no key of the id, or it is not valid any more.
    pub async fn rotate_key(
        &self,
        context: &RequestContext,
        id: &str,
        grace_seconds: u64,
    ) -> Result<IssuedKey> {
        self.run(context, Operation::RotateKey.about(id), async {
            let keys = &self.inner.keys;
            let _changing = keys.changing.lock().await;
            let now = now_unix_ms();
            let key = self.key_to_change(id)?;
            if state_of(&key, now) == KeyState::Expired {
                let message = format!("the key {} has expired, hint: make another one", key.id);
                return Err(Error::new(ErrorCode::KeyConflict, message));
            }
            let until_unix_ms = match grace_seconds {
                0 => None,
                grace => Some(moment("grace_seconds", now, grace, GRACE_SECONDS_MAX)?),
            };
            let secret = new_secret(&key.id)?;
            let previous =
                until_unix_ms.map(|until_unix_ms| PreviousSecret { hash: key.hash, until_unix_ms });
            let hash = secret.hash();
            let key = KeyRecord { hash, previous, ..KeyRecord::clone(&key) };
            keys.engine.keep_key(key.clone(), Vec::new()).await?;
            Ok(IssuedKey { key: told(&key, now), secret })
        })
        .await
    }

    fn key_to_change(&self, id: &str) -> Result<Arc<KeyRecord>> {
        let key = self.inner.keys.engine.key(id).ok_or_else(|| {
            let shown: String = id.chars().take(80).collect();
            Error::new(ErrorCode::KeyNotFound, format!("no key has the id {shown:?}"))
        })?;
        if key.revoked_unix_ms.is_some() {
            let message = format!("the key {} is revoked", key.id);
            return Err(Error::new(ErrorCode::KeyConflict, message));
        }
        Ok(key)
    }

    /// Whether somebody can make keys: by one of these, or by that of the configuration.
    fn is_administered<'k>(
        &self,
        mut keys: impl Iterator<Item = &'k Arc<KeyRecord>>,
        now_unix_ms: i64,
    ) -> bool {
        self.inner.keys.is_configured() || keys.any(|key| administers(key, now_unix_ms))
    }

    /// Revoked keys that are too many with the next one.
    fn keys_to_forget(&self, keys: &[Arc<KeyRecord>]) -> Vec<String> {
        let revoked = keys.iter().filter_map(|key| Some((key.revoked_unix_ms?, key.id.clone())));
        let mut revoked: Vec<_> = revoked.collect();
        revoked.sort_unstable_by(|a, b| b.cmp(a));
        let kept_max = self.limits().revoked_keys.saturating_sub(1);
        revoked.into_iter().skip(kept_max).map(|(_, id)| id).collect()
    }
}

fn administers(key: &KeyRecord, now_unix_ms: i64) -> bool {
    let is_valid = state_of(key, now_unix_ms) == KeyState::Active;
    is_valid && key.role == Role::Admin && key.collections.is_all()
}

fn state_of(key: &KeyRecord, now_unix_ms: i64) -> KeyState {
    match (key.revoked_unix_ms, key.expires_unix_ms) {
        (Some(_), _) => KeyState::Revoked,
        (None, Some(expires)) if expires <= now_unix_ms => KeyState::Expired,
        _ => KeyState::Active,
    }
}

fn told(key: &KeyRecord, now_unix_ms: i64) -> KeyInfo {
    let patterns = key.collections.patterns().iter().map(ToString::to_string);
    let previous = key.previous.map(|previous| previous.until_unix_ms);
    KeyInfo {
        id: key.id.clone(),
        name: key.name.clone(),
        role: key.role,
        collections: (!key.collections.is_all()).then(|| patterns.collect()),
        requests_per_minute: key.requests_per_minute.map(NonZeroU32::get),
        state: state_of(key, now_unix_ms),
        created_unix_ms: key.created_unix_ms,
        expires_unix_ms: key.expires_unix_ms,
        revoked_unix_ms: key.revoked_unix_ms,
        previous_until_unix_ms: previous.filter(|until| *until > now_unix_ms),
    }
}

fn check_name(name: String) -> Result<String> {
    let chars = name.chars().count();
    if !(1..=NAME_CHARS_MAX).contains(&chars) || name.chars().any(char::is_control) {
        let fault = format!("must be 1 to {NAME_CHARS_MAX} characters, none of them a control one");
        return Err(Error::at(ErrorCode::InvalidArgument, "name", fault));
    }
    Ok(name)
}

fn check_rate(per_minute: u32) -> Result<NonZeroU32> {
    NonZeroU32::new(per_minute).ok_or_else(|| {
        Error::at(
            ErrorCode::InvalidArgument,
            "requests_per_minute",
            "is 0, the least is 1: revoke a key that may send nothing",
        )
    })
}

fn scope_of(given: Option<Vec<String>>) -> Result<CollectionScope> {
    let Some(given) = given else { return Ok(CollectionScope::All) };
    if given.is_empty() {
        let fault =
            "is empty, so that the key would reach nothing: leave it out for every collection";
        return Err(Error::at(ErrorCode::InvalidArgument, "collections", fault));
    }
    if given.len() > PATTERNS_MAX {
        let fault = format!("has {} patterns, allowed are at most {PATTERNS_MAX}", given.len());
        return Err(Error::at(ErrorCode::LimitExceeded, "collections", fault));
    }
    let patterns = given.iter().enumerate().map(|(index, text)| {
        text.parse::<NamePattern>().map_err(|fault| {
            Error::at(ErrorCode::InvalidName, format!("collections[{index}]"), fault)
        })
    });
    Ok(CollectionScope::Only(patterns.collect::<Result<_>>()?))
}

/// The moment so many seconds after another.
fn moment(place: &'static str, now_unix_ms: i64, seconds: u64, seconds_max: u64) -> Result<i64> {
    if seconds == 0 {
        return Err(Error::at(ErrorCode::InvalidArgument, place, "is 0, the least is 1"));
    }
    if seconds > seconds_max {
        let fault = format!("is {seconds}, allowed are at most {seconds_max}");
        return Err(Error::at(ErrorCode::LimitExceeded, place, fault));
    }
    let milliseconds = i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX);
    Ok(now_unix_ms.saturating_add(milliseconds))
}
