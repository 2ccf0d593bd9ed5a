//! The memory that the bodies of requests may hold, over all connections of a door.
//!
//! A body may announce and send megabytes before the service can admit or refuse its request; this
//! bound holds from the first byte on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use akidb_core::{Error, ErrorCode};

use crate::ListenerOptions;

/// The bytes that are left for bodies; clones share them.
#[derive(Clone, Debug)]
pub struct BodyBudget {
    bytes_left: Arc<AtomicUsize>,
}

impl BodyBudget {
    /// The whole budget of [`ListenerOptions::body_budget_bytes`].
    #[must_use]
    pub fn new(options: &ListenerOptions) -> Self {
        Self { bytes_left: Arc::new(AtomicUsize::new(options.body_budget_bytes)) }
    }

    /// A share that holds nothing yet and never more than `bytes_max`, given back when dropped.
    #[must_use]
    pub fn share(&self, bytes_max: usize) -> BodyShare {
        BodyShare { budget: self.clone(), bytes_held: AtomicUsize::new(0), bytes_max }
    }
}

/// What one request holds of the budget.
#[derive(Debug)]
pub struct BodyShare {
    budget: BodyBudget,
    bytes_held: AtomicUsize,
    bytes_max: usize,
}

impl BodyShare {
    /// Adds `bytes` to the share, up to its most: a stream holds so many messages at a time, however
    /// many come. Only one task of a request may do so at a time.
    ///
    /// # Errors
    /// `overloaded` where so many are not left.
    pub fn take(&self, bytes: usize) -> Result<(), Error> {
        let held = self.bytes_held.load(Relaxed);
        let more = bytes.min(self.bytes_max - held);
        let left = &self.budget.bytes_left;
        match left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(more)) {
            Ok(_) => self.bytes_held.store(held + more, Relaxed),
            Err(_) => {
                let message = "the bodies of the requests that run now take all memory for bodies \
                               (server.body_budget_bytes)";
                let error = Error::new(ErrorCode::Overloaded, message);
                return Err(error.with_retry_after(Duration::from_secs(1)));
            }
        }
        Ok(())
    }
}

impl Drop for BodyShare {
    fn drop(&mut self) {
        self.budget.bytes_left.fetch_add(*self.bytes_held.get_mut(), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_bounded_each_and_together() {
        let options = ListenerOptions { body_budget_bytes: 100, ..ListenerOptions::default() };
        let budget = BodyBudget::new(&options);
        let first = budget.share(60);
        first.take(50).unwrap();
        first.take(50).expect("a stream holds one message at a time");
        let second = budget.share(60);
        assert_eq!(second.take(41).unwrap_err().code, ErrorCode::Overloaded);
        second.take(40).unwrap();
        drop(first);
        second.take(20).unwrap();
        drop(second);
        assert_eq!(budget.bytes_left.load(Relaxed), 100);
    }
}
