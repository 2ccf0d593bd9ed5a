//! Whether texts can be embedded right now, for those who have none to embed.

use std::sync::Arc;

use tokio::sync::watch;

/// Whether a backend runs; clones are the same.
#[derive(Clone, Debug)]
pub struct Availability {
    reason: watch::Receiver<Option<Arc<str>>>,
}

impl Availability {
    pub(super) const fn new(reason: watch::Receiver<Option<Arc<str>>>) -> Self {
        Self { reason }
    }

    /// Why texts are refused, and what to do about it; `None` where they are taken.
    #[must_use]
    pub fn reason(&self) -> Option<Arc<str>> {
        self.reason.borrow().clone()
    }

    /// Returns `true` after the next change, `false` when the backend has ended.
    pub async fn changed(&mut self) -> bool {
        self.reason.changed().await.is_ok()
    }
}
