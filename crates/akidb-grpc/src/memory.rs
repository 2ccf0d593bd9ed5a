//! The memory that requests may hold, over all connections.
//!
//! A message may announce and send megabytes before the service can admit or refuse it; this bound
//! holds from the first byte on.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The bytes that are left for requests.
#[derive(Debug)]
pub(crate) struct RequestMemory {
    bytes_left: AtomicUsize,
}

impl RequestMemory {
    pub(crate) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self { bytes_left: AtomicUsize::new(bytes) })
    }

    /// A share that holds nothing yet and never more than `bytes_max`, given back when dropped.
    ///
    /// A request holds so many messages at a time, however many it streams.
    pub(crate) fn share(self: &Arc<Self>, bytes_max: usize) -> Share {
        Share { memory: self.clone(), bytes_held: AtomicUsize::new(0), bytes_max }
    }
}

/// What one request holds.
#[derive(Debug)]
pub(crate) struct Share {
    memory: Arc<RequestMemory>,
    bytes_held: AtomicUsize,
    bytes_max: usize,
}

impl Share {
    /// Adds `bytes` to the share, or answers false where they are not left. Only one task of a
    /// request may do so at a time.
    #[must_use]
    pub(crate) fn take(&self, bytes: usize) -> bool {
        let held = self.bytes_held.load(Ordering::Relaxed);
        let more = bytes.min(self.bytes_max - held);
        let taken =
            self.memory
                .bytes_left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(more));
        if taken.is_ok() {
            self.bytes_held.store(held + more, Ordering::Relaxed);
        }
        taken.is_ok()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.memory.bytes_left.fetch_add(*self.bytes_held.get_mut(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_bounded_each_and_together() {
        let memory = RequestMemory::new(100);
        let first = memory.share(60);
        assert!(first.take(50));
        assert!(first.take(50), "a stream holds one message at a time");
        let second = memory.share(60);
        assert!(!second.take(41));
        assert!(second.take(40));
        drop(first);
        assert!(second.take(20));
        drop(second);
        assert_eq!(memory.bytes_left.load(Ordering::Relaxed), 100);
    }
}
