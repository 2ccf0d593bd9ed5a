//! Whether full vectors overturn the order of codes, as searches see it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Searches overturned before the codes count as unable to serve.
const OVERTURNED_MIN: u64 = 16;

/// Of so many searches, one overturned is too many.
const ONE_IN: u64 = 8;

/// Searches after which the older ones count half.
const REMEMBERED: u64 = 1_024;

/// Counts searches whose order was overturned; searches on any number of threads share it.
#[derive(Debug, Default)]
pub(super) struct OrderWatch {
    /// Searches in the low half, overturned ones in the high half.
    seen: AtomicU64,
    has_failed: AtomicBool,
}

impl OrderWatch {
    /// Counts one search.
    pub(super) fn count(&self, overturned: bool) {
        let add = 1 | (u64::from(overturned) << 32);
        let seen = self.seen.fetch_add(add, Ordering::Relaxed) + add;
        let (all, overturned) = (seen & u64::from(u32::MAX), seen >> 32);
        if overturned >= OVERTURNED_MIN && overturned * ONE_IN >= all {
            self.has_failed.store(true, Ordering::Relaxed);
        }
        if all >= REMEMBERED {
            let halved = (all / 2) | ((overturned / 2) << 32);
            // Where another thread counted meanwhile, that one halves.
            let _ = self.seen.compare_exchange(seen, halved, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    pub(super) fn set_failed(&self, has_failed: bool) {
        self.has_failed.store(has_failed, Ordering::Relaxed);
    }

    /// Whether the codes cannot serve: searches found too much behind where the codes put it.
    pub(super) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_fail_where_many_searches_are_overturned_and_not_where_few_are() {
        let rarely = OrderWatch::default();
        (0..10_000).for_each(|search| rarely.count(search % 50 == 0));
        assert!(!rarely.has_failed());
        let often = OrderWatch::default();
        (0..15).for_each(|_| often.count(true));
        assert!(!often.has_failed());
        often.count(true);
        assert!(often.has_failed());
        let later = OrderWatch::default();
        (0..5_000).for_each(|_| later.count(false));
        (0..1_000).for_each(|_| later.count(true));
        assert!(later.has_failed());
    }
}
