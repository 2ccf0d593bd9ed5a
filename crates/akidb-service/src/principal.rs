//! Who asks.

use std::{net::IpAddr, num::NonZeroU32, sync::Arc};

use akidb_core::{CollectionScope, Role};

/// The id of the key that the configuration has.
pub(crate) const CONFIGURED: &str = "configured";

/// That of whoever has started the node for itself.
pub(crate) const OWN: &str = "own";

/// Who asks, as the doors have found out and the service holds every operation against.
#[derive(Clone, Debug, Default)]
pub struct Principal(Who);

#[derive(Clone, Debug, Default)]
enum Who {
    /// Nobody has been looked for, or no key is required.
    #[default]
    Nobody,
    /// The node itself, in work of its own.
    Node,
    Key(Arc<Grant>),
}

/// What a key allows.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) key: String,
    pub(crate) role: Role,
    pub(crate) collections: CollectionScope,
    /// In place of what the node allows every key.
    pub(crate) requests_per_minute: Option<NonZeroU32>,
}

impl Principal {
    /// The node itself.
    pub(crate) const NODE: Self = Self(Who::Node);

    pub(crate) fn of(grant: Grant) -> Self {
        Self(Who::Key(Arc::new(grant)))
    }

    /// The id of the key, which is no secret. None where no key is required.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.grant().map(|grant| grant.key.as_str())
    }

    pub(crate) fn grant(&self) -> Option<&Grant> {
        match &self.0 {
            Who::Key(grant) => Some(grant),
            Who::Nobody | Who::Node => None,
        }
    }

    pub(crate) const fn is_node(&self) -> bool {
        matches!(self.0, Who::Node)
    }

    /// Whether a collection of this name, its own one, is reached.
    pub(crate) fn reaches(&self, name: &str) -> bool {
        self.grant().is_none_or(|grant| grant.collections.contains(name))
    }

    /// Whether every collection is reached.
    pub(crate) fn reaches_all(&self) -> bool {
        self.grant().is_none_or(|grant| grant.collections.is_all())
    }
}

/// Who sent a request, and what it is called.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// Whose key it has.
    pub principal: Principal,
    /// The name of the request in logs and errors; empty where it came through no door.
    pub request_id: Arc<str>,
    /// Where it came from, where that is known.
    pub address: Option<IpAddr>,
}
