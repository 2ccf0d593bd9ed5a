//! What holds commits up for a moment.

use std::sync::Arc;

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Holds up the commits of documents of all collections that share it.
#[derive(Clone, Debug, Default)]
pub struct CommitGate(Arc<RwLock<()>>);

impl CommitGate {
    /// Held by a commit, from before it to after it.
    pub(crate) fn committing(&self) -> RwLockReadGuard<'_, ()> {
        self.0.read()
    }

    /// Returns when no commit goes on; none begins until what is returned goes.
    pub(crate) fn hold(&self) -> RwLockWriteGuard<'_, ()> {
        self.0.write()
    }
}
