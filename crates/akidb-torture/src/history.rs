//! A history of reads and writes of keys, and whether each read fits it.
//!
//! Every write gives its key a value that no other write gives it, except that deletions all give
//! it none. A read fits where some write of its value began before the read ended, and no other
//! write is known to have taken effect after that one and before the read began. A write is known
//! to have taken effect when it was answered, or when a read had its value. This is necessary for
//! linearisability, and catches what a lost, late or resurrected write looks like from outside.

use std::collections::{BTreeMap, HashMap};

/// Nanoseconds on one monotonic clock.
pub(crate) type Moment = u64;

/// When a request was sent and when its reply was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interval {
    /// Before it was sent.
    pub(crate) start: Moment,
    /// After its reply; the end of time where the outcome is unknown.
    pub(crate) end: Moment,
}

/// What a read may miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// Nothing.
    Exact,
    /// A key that is written meanwhile.
    MayMissWritten,
}

/// A read of a key.
#[derive(Clone, Debug)]
struct Read {
    value: Option<u64>,
    at: Interval,
    strictness: Strictness,
    what: String,
}

/// The history of one key.
#[derive(Clone, Debug, Default)]
struct Key {
    writes: Vec<(Option<u64>, Interval)>,
    reads: Vec<Read>,
}

/// The histories of all keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    keys: BTreeMap<String, Key>,
}

impl History {
    /// A write that was done, or may have been.
    pub(crate) fn write(&mut self, key: &str, value: Option<u64>, at: Interval) {
        self.keys.entry(key.to_owned()).or_default().writes.push((value, at));
    }

    /// A read.
    pub(crate) fn read(
        &mut self,
        key: &str,
        value: Option<u64>,
        at: Interval,
        strictness: Strictness,
        what: &str,
    ) {
        let read = Read { value, at, strictness, what: what.to_owned() };
        self.keys.entry(key.to_owned()).or_default().reads.push(read);
    }

    /// Takes what another client did.
    pub(crate) fn merge(&mut self, other: Self) {
        for (name, mut key) in other.keys {
            let own = self.keys.entry(name).or_default();
            own.writes.append(&mut key.writes);
            own.reads.append(&mut key.reads);
        }
    }

    /// The first read that fits no order of the writes.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.keys
            .iter()
            .try_for_each(|(name, key)| key.check().map_err(|fault| format!("key {name}: {fault}")))
    }
}

impl Key {
    fn check(&self) -> Result<(), String> {
        let writes = self.effective_writes();
        self.reads.iter().try_for_each(|read| {
            let fits =
                writes.iter().any(|write| write.0 == read.value && fits(write.1, read, &writes));
            let is_written =
                || writes.iter().any(|(_, at)| at.start < read.at.end && at.end > read.at.start);
            let may_miss = read.strictness == Strictness::MayMissWritten && read.value.is_none();
            if fits || (may_miss && is_written()) {
                return Ok(());
            }
            let near = writes.iter().filter(|(_, at)| {
                at.start < read.at.end && at.end.saturating_add(1_000_000_000) > read.at.start
            });
            let near: Vec<_> = near.collect();
            let is_near = |value| near.iter().rev().take(6).any(|(near, _)| *near == value);
            let answered =
                self.writes.iter().filter(|(value, _)| value.is_some() && is_near(*value));
            let answered: Vec<_> = answered.collect();
            Err(format!(
                "{} read {:?} in {:?}; writes near it, until they were known: {:?}; as they were \
                 answered: {:?}",
                read.what,
                read.value,
                read.at,
                &near[near.len().saturating_sub(6)..],
                answered
            ))
        })
    }

    /// The writes, each with an end when it is known to have taken effect; first the empty key.
    fn effective_writes(&self) -> Vec<(Option<u64>, Interval)> {
        let mut seen: HashMap<u64, Moment> = HashMap::new();
        for read in &self.reads {
            if let Some(value) = read.value {
                let end = seen.entry(value).or_insert(read.at.end);
                *end = read.at.end.min(*end);
            }
        }
        let first = (None, Interval { start: 0, end: 0 });
        let writes = self.writes.iter().map(|(value, at)| {
            let seen = value.and_then(|value| seen.get(&value)).copied().unwrap_or(Moment::MAX);
            (*value, Interval { start: at.start, end: at.end.min(seen) })
        });
        std::iter::once(first).chain(writes).collect()
    }
}

/// Whether a read may have the value of a write.
fn fits(write: Interval, read: &Read, writes: &[(Option<u64>, Interval)]) -> bool {
    let is_replaced =
        |other: &(_, Interval)| other.1.start > write.end && other.1.end < read.at.start;
    write.start <= read.at.end && !writes.iter().any(is_replaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(start: Moment, end: Moment) -> Interval {
        Interval { start, end }
    }

    /// Writes 1 at 10 to 20 and 2 at 30 to 40, and then a read.
    fn check(value: Option<u64>, start: Moment, end: Moment) -> bool {
        let mut history = History::default();
        history.write("k", Some(1), at(10, 20));
        history.write("k", Some(2), at(30, 40));
        history.read("k", value, at(start, end), Strictness::Exact, "get");
        history.check().is_ok()
    }

    #[test]
    fn a_read_has_the_value_of_a_write_that_it_meets_or_of_the_last_before() {
        assert!(check(None, 1, 5) && check(None, 12, 15) && !check(None, 21, 25));
        assert!(check(Some(1), 15, 16) && check(Some(1), 35, 36) && !check(Some(1), 41, 42));
        assert!(!check(Some(2), 1, 29) && check(Some(2), 1, 31));
    }

    #[test]
    fn what_one_read_has_seen_a_later_one_sees() {
        let mut history = History::default();
        history.write("k", Some(1), at(1, 2));
        history.write("k", Some(2), at(3, Moment::MAX));
        history.read("k", Some(2), at(5, 6), Strictness::Exact, "get");
        assert!(history.check().is_ok());
        history.read("k", Some(1), at(7, 8), Strictness::Exact, "get");
        assert!(history.check().is_err());
    }

    #[test]
    fn a_search_may_miss_what_is_written_meanwhile_only() {
        let mut history = History::default();
        history.write("k", Some(1), at(1, 2));
        history.write("k", Some(2), at(10, 20));
        history.read("k", None, at(12, 13), Strictness::MayMissWritten, "search");
        assert!(history.check().is_ok());
        history.read("k", None, at(30, 31), Strictness::MayMissWritten, "search");
        assert!(history.check().is_err());
    }
}
