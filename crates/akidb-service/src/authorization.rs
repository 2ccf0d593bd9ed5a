//! Who asks, and whether they may: what doors ask before they read a body, and operations when they begin.

use std::sync::Arc;

use akidb_core::{Error, ErrorCode, Result};
use akidb_engine::Collection;

use crate::{
    Access, Caller, ComponentState, Door, Operation, Principal, Reach, Readiness, RequestContext,
    Service, audit::Event, keys::outside, request_record::Asked,
};

impl Service {
    /// Whether requests need a key. Once they do, they do until the node ends.
    #[must_use]
    pub fn requires_keys(&self) -> bool {
        self.inner.keys.are_required()
    }

    /// Whose key this is; nobody's where none is required.
    ///
    /// # Errors
    /// `unauthenticated`.
    pub fn principal(&self, shown: Option<&str>) -> Result<Principal> {
        self.inner.keys.principal(shown)
    }

    /// A caller with whoever the shown key says it is, where they may ask for an operation as far as it is
    /// known by now, and have not asked too often. What everybody may ask for is answered to a bad key as to
    /// none, however often.
    ///
    /// # Errors
    /// `unauthenticated`, `permission_denied`, `rate_limited`.
    pub fn identify(
        &self,
        door: Door,
        stranger: Caller,
        shown: Result<Option<&str>>,
        operation: Operation,
    ) -> Result<Caller> {
        let clients = &self.inner.client_limits;
        if let (Access::Key(..), Some(address)) = (operation.access(), stranger.address) {
            // Before the key is looked at, so that nobody tries keys faster than that.
            clients.check_address(address)?;
        }
        let principal = match shown {
            // Clients of other services send a key to whatever they speak to.
            _ if !self.requires_keys() => Ok(Principal::default()),
            shown => shown.and_then(|shown| self.principal(shown)),
        };
        let principal = match (operation.access(), principal) {
            (Access::Public, principal) => principal.unwrap_or_default(),
            (Access::Key(..), Ok(principal)) => {
                clients.check_user(&principal)?;
                principal
            }
            (Access::Key(..), Err(error)) => {
                self.note_refusal(door, &stranger, operation.into(), &error);
                return Err(error);
            }
        };
        let caller = Caller { principal, ..stranger };
        self.authorize(door, &caller, operation, None)?;
        Ok(caller)
    }

    /// Whether somebody may ask for an operation, on the collection that the request names where it does
    /// so outside of its body. Doors ask before they read the body; the operation asks again.
    ///
    /// # Errors
    /// `unauthenticated`, `permission_denied`.
    pub fn authorize(
        &self,
        door: Door,
        caller: &Caller,
        operation: Operation,
        collection: Option<&str>,
    ) -> Result<()> {
        let authorized =
            self.inner.keys.check(&caller.principal, operation).and_then(|()| {
                match (operation.access(), collection) {
                    (Access::Key(_, Reach::Collection), Some(name)) => {
                        self.check_reach(&caller.principal, name)
                    }
                    _ => Ok(()),
                }
            });
        authorized.inspect_err(|error| {
            let asked = operation.on(collection.unwrap_or_default());
            self.note_refusal(door, caller, asked, error);
        })
    }

    /// Writes down that somebody was not let in.
    fn note_refusal(&self, door: Door, caller: &Caller, asked: Asked<'_>, error: &Error) {
        self.audit(door, caller, asked, Some(error.code));
    }

    /// Writes down what came of a request, where that is done.
    pub(crate) fn audit(
        &self,
        door: Door,
        caller: &Caller,
        asked: Asked<'_>,
        code: Option<ErrorCode>,
    ) {
        let Some(log) = &self.inner.audit else { return };
        let Asked { operation, collection, subject } = asked;
        log.write(&Event { door, caller, operation, collection, subject, code });
    }

    /// Whether a key reaches the collection of a name, which may be an alias: what it leads to counts. Of
    /// a collection that is not reached nobody learns whether it is there.
    ///
    /// # Errors
    /// `permission_denied`.
    pub(crate) fn check_reach(&self, principal: &Principal, name: &str) -> Result<()> {
        if principal.reaches_all() {
            return Ok(());
        }
        let found = self.inner.engine.open(name).map(|collection| collection.record());
        let own_name = found.as_ref().map_or(name, |record| record.name.as_str());
        if principal.reaches(own_name) { Ok(()) } else { Err(outside(principal, name)) }
    }

    /// The collection of a name, for whoever sent a request.
    ///
    /// # Errors
    /// When there is none, or the key does not reach it.
    pub(crate) fn open_for(
        &self,
        context: &RequestContext,
        name: &str,
    ) -> Result<Arc<dyn Collection>> {
        let collection = self.inner.engine.open(name)?;
        let principal = &context.caller.principal;
        match principal.reaches(collection.record().name.as_str()) {
            true => Ok(collection),
            false => Err(outside(principal, name)),
        }
    }

    /// [`readiness`](Self::readiness) as far as whoever asks may see it: without a key of the whole node,
    /// where one is required, which parts are ready and nothing else. Details name collections and models.
    #[must_use]
    pub fn readiness_for(&self, principal: &Principal) -> Readiness {
        let whole = self.readiness();
        let sees_all = principal.grant().is_some() && principal.reaches_all();
        if sees_all || !self.requires_keys() {
            return whole;
        }
        let components = whole.components.into_iter();
        Readiness {
            ready: whole.ready,
            components: components
                .map(|it| ComponentState { detail: String::new(), ..it })
                .collect(),
            models: Vec::new(),
            indexes: Vec::new(),
            findings: Vec::new(),
        }
    }
}
