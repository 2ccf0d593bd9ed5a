//! Whose text runs next within a lane: whoever sends has an equal share of it, however much waits.
//!
//! Start-time fair queueing (Goyal, Vin and Cheng, "Start-time Fair Queueing", 1996, section 2): a text
//! begins where the one of its sender before it ends, but not before what runs now, counted in tokens; the
//! least beginning runs first. One sender alone is served in the order of arrival.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

/// Who has sent texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sender(u64);

impl Sender {
    /// A sender of a name. Those without one are one together.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// The senders whose texts wait in a lane.
#[derive(Debug, Default)]
pub(super) struct Shares {
    /// The beginning of what was taken last.
    now: u64,
    senders: HashMap<Sender, Share>,
}

#[derive(Debug, Default)]
struct Share {
    /// Where the sender's next text begins, at the earliest.
    end: u64,
    waiting_tokens: usize,
}

impl Shares {
    /// A text waits. Says where it begins.
    pub(super) fn add(&mut self, sender: Sender, tokens: usize) -> u64 {
        let share = self.senders.entry(sender).or_default();
        let start = share.end.max(self.now);
        share.end = start + tokens as u64;
        share.waiting_tokens += tokens;
        start
    }

    /// A text that began there runs.
    pub(super) fn advance(&mut self, start: u64) {
        self.now = self.now.max(start);
    }

    /// A text waits no more. A sender of whom none waits is forgotten, and so gains one text at the most.
    pub(super) fn remove(&mut self, sender: Sender, tokens: usize) {
        let Some(share) = self.senders.get_mut(&sender) else { return };
        share.waiting_tokens -= tokens;
        if share.waiting_tokens == 0 {
            self.senders.remove(&sender);
        }
    }

    /// The waiting tokens that run before the last of so many more of a sender.
    pub(super) fn before(&self, sender: Sender, added: usize) -> usize {
        let own = self.senders.get(&sender).map_or(0, |share| share.waiting_tokens);
        let others = self.senders.iter().filter(|(other, _)| **other != sender);
        own + others.map(|(_, share)| share.waiting_tokens.min(own + added)).sum::<usize>()
    }
}
