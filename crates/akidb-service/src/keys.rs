//! Whose key a request has, and whether it does for what is asked.
//!
//! A key reads `akidb_ID_SECRET`. By the id its record is found, and the hash of the whole is compared with
//! the record's in a time that does not depend on either.

use std::{fmt::Write as _, sync::Arc};

use akidb_core::{CollectionScope, Error, ErrorCode, Result, Role};
use akidb_engine::{Clock, KeyRecord, SecretHash, StorageEngine};
use subtle::ConstantTimeEq;

use crate::{
    Access, KeyConfig, KeysRequired, Operation, Principal, Reach, Secret,
    principal::{CONFIGURED, Grant, OWN},
};

const PREFIX: &str = "akidb_";
const ID_BYTES: usize = 8;
const SECRET_BYTES: usize = 32;

/// The keys of the node.
pub(crate) struct Keys {
    pub(crate) engine: Arc<dyn StorageEngine>,
    config: KeyConfig,
    /// Held while keys change, so that what others are then is known.
    pub(crate) changing: tokio::sync::Mutex<()>,
}

impl Keys {
    pub(crate) fn new(engine: Arc<dyn StorageEngine>, config: KeyConfig) -> Self {
        Self { engine, config, changing: tokio::sync::Mutex::default() }
    }

    /// Whether requests need a key.
    pub(crate) fn are_required(&self) -> bool {
        match self.config.required {
            KeysRequired::OnceThereIsOne => self.is_configured() || self.engine.has_had_keys(),
            KeysRequired::Always => true,
            KeysRequired::Never => false,
        }
    }

    /// Whether the configuration has a key, which administers the node whatever becomes of others.
    pub(crate) fn is_configured(&self) -> bool {
        !self.config.admin.is_empty()
    }

    /// Whose key this is. Nobody is somebody where no key is required.
    ///
    /// # Errors
    /// `unauthenticated`; the message says more of a key to whoever has it whole.
    pub(crate) fn principal(&self, shown: Option<&str>) -> Result<Principal> {
        if !self.are_required() {
            return Ok(Principal::default());
        }
        let Some(shown) = shown else {
            let message = "the node requires a key: `Authorization: Bearer KEY` or `api-key: KEY`";
            return Err(refused(message));
        };
        let hash = SecretHash::of(shown);
        let is_own = self.config.own.is_some_and(|own| is_same(&own, &hash));
        if is_own || self.config.admin.iter().any(|configured| is_same(configured, &hash)) {
            let key = if is_own { OWN } else { CONFIGURED }.to_owned();
            let (role, collections) = (Role::Admin, CollectionScope::All);
            return Ok(Principal::of(Grant { key, role, collections, requests_per_minute: None }));
        }
        let now = now_unix_ms();
        let found = id_of(shown).and_then(|id| self.engine.key(id));
        let key = found.filter(|key| {
            let previous = key.previous.filter(|previous| now < previous.until_unix_ms);
            let is_previous = previous.is_some_and(|previous| is_same(&previous.hash, &hash));
            is_same(&key.hash, &hash) || is_previous
        });
        let key = key.ok_or_else(|| refused("the key is not one of this node's"))?;
        check_valid(&key, now)?;
        Ok(Principal::of(Grant {
            key: key.id.clone(),
            role: key.role,
            collections: key.collections.clone(),
            requests_per_minute: key.requests_per_minute,
        }))
    }

    /// Whether somebody may ask for an operation, be it on a collection that is looked at after this. A key
    /// that is revoked while a stream goes on is refused the next part of it.
    ///
    /// # Errors
    /// `unauthenticated`, `permission_denied`.
    pub(crate) fn check(&self, principal: &Principal, operation: Operation) -> Result<()> {
        let Access::Key(role, reach) = operation.access() else { return Ok(()) };
        if principal.is_node() || !self.are_required() {
            return Ok(());
        }
        let Some(grant) = principal.grant() else {
            return Err(refused("the node requires a key since the request began"));
        };
        if ![CONFIGURED, OWN].contains(&grant.key.as_str()) {
            match self.engine.key(&grant.key) {
                Some(key) => check_valid(&key, now_unix_ms())?,
                None => return Err(refused("the key is not one of this node's any more")),
            }
        }
        let name = operation.as_str();
        if grant.role < role {
            let message = format!(
                "{name} needs a key of the role {role}, {} is of the role {}",
                grant.key, grant.role
            );
            return Err(Error::new(ErrorCode::PermissionDenied, message));
        }
        if reach == Reach::Node && !grant.collections.is_all() {
            let message = format!(
                "{name} is about the whole node, the key {} is limited to collections",
                grant.key
            );
            return Err(Error::new(ErrorCode::PermissionDenied, message));
        }
        Ok(())
    }
}

/// What is said of a collection that a key does not reach, be it there or not.
pub(crate) fn outside(principal: &Principal, collection: &str) -> Error {
    let shown: String = collection.chars().take(80).collect();
    let key = principal.key().unwrap_or_default();
    let message = format!("the key {key} does not reach a collection {shown:?}");
    Error::new(ErrorCode::PermissionDenied, message)
}

/// Makes an id that no other key has.
pub(crate) fn new_id() -> Result<String> {
    random_hex(ID_BYTES)
}

/// Makes what a client shows for the key of an id.
pub(crate) fn new_secret(id: &str) -> Result<Secret> {
    Ok(Secret::new(format!("{PREFIX}{id}_{}", random_hex(SECRET_BYTES)?)))
}

pub(crate) fn now_unix_ms() -> i64 {
    Clock::System.now().unix_ms()
}

fn random_hex(bytes: usize) -> Result<String> {
    let mut random = [0; SECRET_BYTES];
    let random = &mut random[..bytes];
    getrandom::fill(random).map_err(|error| {
        Error::new(ErrorCode::Internal, format!("the system gives no random bits: {error}"))
    })?;
    Ok(random.iter().fold(String::new(), |mut hex, byte| {
        // A string takes whatever is written.
        let _ = write!(hex, "{byte:02x}");
        hex
    }))
}

/// The id within what a client shows.
fn id_of(shown: &str) -> Option<&str> {
    shown.strip_prefix(PREFIX)?.split_once('_').map(|(id, _)| id)
}

fn is_same(a: &SecretHash, b: &SecretHash) -> bool {
    a.0.ct_eq(&b.0).into()
}

fn check_valid(key: &KeyRecord, now_unix_ms: i64) -> Result<()> {
    let id = &key.id;
    match (key.revoked_unix_ms, key.expires_unix_ms) {
        (Some(_), _) => Err(refused(format!("the key {id} was revoked"))),
        (None, Some(expires)) if expires <= now_unix_ms => {
            Err(refused(format!("the key {id} has expired")))
        }
        _ => Ok(()),
    }
}

fn refused(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::Unauthenticated, message.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_256_random_bits_and_its_id_is_found_in_it() {
        let id = new_id().unwrap();
        let [a, b] = [(); 2].map(|()| new_secret(&id).unwrap().expose().to_owned());
        assert_ne!(a, b);
        assert_eq!((a.len(), id.len()), (6 + 16 + 1 + 64, 16));
        assert_eq!(id_of(&a), Some(id.as_str()));
        assert!(is_same(&SecretHash::of(&a), &SecretHash::of(&a)));
        assert!(!is_same(&SecretHash::of(&a), &SecretHash::of(&b)));
        for bad in ["", "akidb_", "akidb_x", "AKIDB_x_y", "x_y"] {
            assert_eq!(id_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_secret_is_written_nowhere_by_accident() {
        let secret = new_secret("0123456789abcdef").unwrap();
        let written = format!("{secret:?} {:?}", secret.hash());
        assert_eq!(written, "Secret(..) SecretHash(..)");
    }
}
