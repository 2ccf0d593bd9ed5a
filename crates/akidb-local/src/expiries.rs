//! When documents of an open collection expire. One that has is in no answer from that moment on, whether or
//! not its row is still there.

use std::{
    borrow::Cow,
    sync::atomic::{AtomicI64, Ordering},
};

use akidb_core::{Filter, Timestamp};
use akidb_engine::Clock;
use akidb_store::CommittedChange;
use parking_lot::Mutex;

/// Stands for a moment that never comes.
const NEVER: i64 = i64::MAX;

/// When the first document of a collection expires, or has.
#[derive(Debug)]
pub(crate) struct Expiries {
    clock: Clock,
    /// In Unix milliseconds; never later than that moment.
    next: AtomicI64,
    /// Commits that added documents that expire. Held while `next` changes.
    added: Mutex<u64>,
}

impl Expiries {
    pub(crate) fn new(clock: Clock, next: Option<Timestamp>) -> Self {
        Self { clock, next: AtomicI64::new(as_ms(next)), added: Mutex::default() }
    }

    /// Takes note of what a commit adds, before anybody can find it.
    pub(crate) fn note(&self, change: &CommittedChange) {
        let added = change.added_documents.iter().chain(&change.added_without_vector);
        if let Some(first) = added.filter_map(|document| document.expires_at).min() {
            let mut added = self.added.lock();
            *added += 1;
            self.next.fetch_min(first.unix_ms(), Ordering::AcqRel);
        }
    }

    /// When the first document expires, or has.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        let next = self.next.load(Ordering::Acquire);
        (next != NEVER).then(|| Timestamp::from_unix_ms(next))
    }

    /// The time, where documents may have expired by then that are stored still.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        let next = self.next()?;
        Some(self.clock.now()).filter(|now| next <= *now)
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What documents have to match that match a filter, or none, and have not expired.
    pub(crate) fn alive<'f>(&self, filter: Option<&'f Filter>) -> Option<Cow<'f, Filter>> {
        let Some(now) = self.due() else { return filter.map(Cow::Borrowed) };
        let alive = Filter::alive_at(now);
        Some(Cow::Owned(match filter {
            Some(filter) => Filter::And(vec![filter.clone(), alive]),
            None => alive,
        }))
    }

    /// What [`settle`](Self::settle) has to know from before the store is asked.
    pub(crate) fn added(&self) -> u64 {
        *self.added.lock()
    }

    /// Takes the moment that the store has said, unless documents that expire have come since it was asked.
    pub(crate) fn settle(&self, added_before: u64, next: Option<Timestamp>) {
        let added = self.added.lock();
        if *added == added_before {
            self.next.store(as_ms(next), Ordering::Release);
        }
    }
}

fn as_ms(moment: Option<Timestamp>) -> i64 {
    moment.map_or(NEVER, Timestamp::unix_ms)
}
