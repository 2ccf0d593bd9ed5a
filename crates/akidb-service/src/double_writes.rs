//! What lets vectors of another model take over while documents are written: which requests know of them,
//! and which writes must go to both.
//!
//! A request knows the fields of its collection as they were when it began. So whoever has changed them
//! waits for the requests of before: those that come later know of it.

use std::{
    collections::BTreeSet,
    sync::{Arc, Weak},
    time::Duration,
};

use parking_lot::Mutex;
use uuid::Uuid;

/// How often it is looked whether the requests of before have ended.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// A request that knows fields, until it is dropped.
#[derive(Debug)]
pub(crate) struct KnowsFields(#[expect(dead_code, reason = "it is counted")] Arc<()>);

/// The requests that know fields, and the shadows that writes must go to.
#[derive(Debug, Default)]
pub(crate) struct DoubleWrites {
    epochs: Mutex<Epochs>,
    required: Mutex<BTreeSet<(Uuid, u32)>>,
}

#[derive(Debug, Default)]
struct Epochs {
    /// A clone is with each request that began since it was put here.
    now: Arc<()>,
    /// The same of before.
    before: Vec<Weak<()>>,
}

/// Writes must go to a shadow, until it is dropped.
pub(crate) struct Required<'d> {
    writes: &'d DoubleWrites,
    shadow: (Uuid, u32),
}

impl Drop for Required<'_> {
    fn drop(&mut self) {
        self.writes.required.lock().remove(&self.shadow);
    }
}

impl DoubleWrites {
    /// Taken before a request looks at the fields of its collection, and held until it is done with them.
    pub(crate) fn begin(&self) -> KnowsFields {
        KnowsFields(Arc::clone(&self.epochs.lock().now))
    }

    /// Returns when all requests have ended that began before it was called.
    pub(crate) async fn settled(&self) {
        let before = {
            let mut epochs = self.epochs.lock();
            let ended = Arc::downgrade(&std::mem::take(&mut epochs.now));
            epochs.before.push(ended);
            epochs.before.retain(|epoch| epoch.strong_count() > 0);
            epochs.before.clone()
        };
        while before.iter().any(|epoch| epoch.strong_count() > 0) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Writes must go to a shadow of a collection, or fail, that begin after this.
    pub(crate) fn require(&self, collection: Uuid, shadow: u32) -> Required<'_> {
        self.required.lock().insert((collection, shadow));
        Required { writes: self, shadow: (collection, shadow) }
    }

    /// Whether they must.
    pub(crate) fn is_required(&self, collection: Uuid, shadow: u32) -> bool {
        self.required.lock().contains(&(collection, shadow))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn those_of_before_are_waited_for_and_later_ones_are_not() {
        let writes = Arc::new(DoubleWrites::default());
        let before = writes.begin();
        let settled = tokio::spawn({
            let writes = Arc::clone(&writes);
            async move { writes.settled().await }
        });
        tokio::task::yield_now().await;
        let later = writes.begin();
        tokio::time::sleep(LOOK_EVERY * 3).await;
        assert!(!settled.is_finished());
        drop(before);
        settled.await.unwrap();
        drop(later);
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let required = writes.require(one, 3);
        assert!(writes.is_required(one, 3));
        assert!(!writes.is_required(one, 4) && !writes.is_required(other, 3));
        drop(required);
        assert!(!writes.is_required(one, 3));
    }
}
