//! The requests of late of whoever keeps to one rate.

use std::{
    hash::Hash,
    num::NonZeroU32,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use governor::{
    NotUntil, Quota, RateLimiter, clock::Clock, middleware::NoOpMiddleware,
    state::keyed::HashMapStateStore,
};

/// So many are remembered before those are forgotten who may send as if they had never come.
const FIRST_PRUNING: usize = 1_024;

/// Whoever sends, each under its own `K`.
pub(super) struct RateTable<K: Hash + Eq + Clone, C: Clock> {
    limiter: RateLimiter<K, HashMapStateStore<K>, C, NoOpMiddleware<C::Instant>>,
    clock: C,
    rate: NonZeroU32,
    /// How many entries there are when the next ones are forgotten: twice as many as were left, so that a
    /// request costs the same however many have come.
    prune_at: AtomicUsize,
}

impl<K: Hash + Eq + Clone, C: Clock + Clone> RateTable<K, C> {
    pub(super) fn new(rate: NonZeroU32, clock: C) -> Self {
        let limiter =
            RateLimiter::new(Quota::per_minute(rate), HashMapStateStore::default(), clock.clone());
        Self { limiter, clock, rate, prune_at: AtomicUsize::new(FIRST_PRUNING) }
    }

    /// Requests a minute.
    pub(super) const fn rate(&self) -> NonZeroU32 {
        self.rate
    }

    /// Counts a request, or says after which time one may come.
    pub(super) fn check(&self, sender: &K) -> Result<(), Duration> {
        if self.limiter.len() >= self.prune_at.load(Relaxed) {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
            self.prune_at.store((self.limiter.len() * 2).max(FIRST_PRUNING), Relaxed);
        }
        let wait = |until: NotUntil<C::Instant>| until.wait_time_from(self.clock.now());
        self.limiter.check_key(sender).map_err(wait)
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.limiter.len()
    }
}
