//! How many slots have which values of a field.

use std::{
    cmp::{Ordering, Reverse},
    collections::{BinaryHeap, VecDeque},
    ops::Range,
    sync::Arc,
};

use akidb_core::{
    Borders, DateInterval, Facet, FacetBuckets, FacetBy, FacetCounts, RangeCount, Timestamp,
    ValueCount, value_key,
};
use roaring::RoaringBitmap;
use serde_json::Value;

use super::{
    entry::{self, Kind, tags},
    rows::FilterRows,
    walk::{Part, Seen, Walk, parts},
};

/// The kinds of values that are counted each for itself, in their order.
const VALUES: &[Kind] = &[Kind::False, Kind::True, Kind::Number, Kind::String];

/// Values counted between two looks at the clock.
const VALUES_A_LOOK: u64 = 4_096;

/// Counts one facet; `None` where nobody waits for it any more.
pub(super) fn count(
    of: &[(Arc<FilterRows>, &RoaringBitmap)],
    facet: &Facet,
    is_late: &dyn Fn() -> bool,
) -> Option<FacetCounts> {
    let parts = parts(of);
    let counting = Counting { parts: &parts, path: facet.field.as_str(), is_late };
    match &facet.by {
        FacetBy::Values { limit } => counting.values(*limit),
        FacetBy::Ranges(borders) => counting.ranges(borders),
        FacetBy::Dates { interval, limit } => counting.dates(*interval, *limit),
    }
}

struct Counting<'p, 'b> {
    parts: &'p [Part<'b>],
    path: &'p str,
    is_late: &'p dyn Fn() -> bool,
}

/// A value that is among the most frequent so far.
struct Listed<'b> {
    count: u64,
    /// How many values were before it.
    rank: u64,
    kind: Kind,
    value: &'b [u8],
}

impl Ord for Listed<'_> {
    /// The most frequent one is the least, and of equally frequent ones the first.
    fn cmp(&self, other: &Self) -> Ordering {
        (Reverse(self.count), self.rank).cmp(&(Reverse(other.count), other.rank))
    }
}

impl PartialOrd for Listed<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Listed<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Listed<'_> {}

impl Counting<'_, '_> {
    fn values(&self, limit: usize) -> Option<FacetCounts> {
        let (mut distinct, mut all) = (0_u64, 0);
        let mut listed: BinaryHeap<Listed<'_>> = BinaryHeap::new();
        let mut walk = Walk::over(self.parts, self.path, VALUES);
        while let Some((kind, value)) = walk.next() {
            let count = walk.count();
            let given = Listed { count, rank: distinct, kind, value };
            distinct += 1;
            all += count;
            if listed.len() < limit {
                listed.push(given);
            } else if let Some(mut last) = listed.peek_mut()
                && given < *last
            {
                *last = given;
            }
            if distinct.is_multiple_of(VALUES_A_LOOK) && (self.is_late)() {
                return None;
            }
        }
        let listed = listed.into_sorted_vec();
        let of_listed: u64 = listed.iter().map(|it| it.count).sum();
        let values = listed
            .into_iter()
            .map(|it| ValueCount { value: entry::value_of(it.kind, it.value), count: it.count });
        Some(FacetCounts {
            buckets: FacetBuckets::Values(values.collect()),
            distinct,
            other: all - of_listed,
            missing: self.missing(VALUES)?,
        })
    }

    fn ranges(&self, borders: &Borders) -> Option<FacetCounts> {
        let kind = if borders.are_dates() { Kind::Instant } else { Kind::Number };
        let (mut counts, mut seen) = (vec![0; borders.keys().len() + 1], Seen::default());
        for part in self.parts {
            if (self.is_late)() {
                return None;
            }
            let mut rest = part.entries(self.path, kind);
            for (at, key) in borders.keys().iter().enumerate() {
                counts[at] += part.count_of(&taken_below(part, kind, &mut rest, key), &mut seen);
            }
            counts[borders.keys().len()] += part.count_of(&rest, &mut seen);
        }
        let values = borders.values();
        let ranges = counts.iter().enumerate().map(|(at, &count)| RangeCount {
            from: at.checked_sub(1).map(|before| values[before].clone()),
            to: values.get(at).cloned(),
            count,
        });
        Some(FacetCounts {
            buckets: FacetBuckets::Ranges(ranges.collect()),
            distinct: counts.len() as u64,
            other: 0,
            missing: self.missing(&[kind])?,
        })
    }

    fn dates(&self, interval: DateInterval, limit: usize) -> Option<FacetCounts> {
        let mut seen = Seen::default();
        let mut calendars: Vec<Calendar<'_>> =
            self.parts.iter().map(|part| Calendar::of(part, self.path, interval)).collect();
        let mut next: BinaryHeap<Reverse<(i64, usize)>> = BinaryHeap::new();
        for (at, calendar) in calendars.iter_mut().enumerate() {
            next.extend(calendar.advance(&mut seen).map(|second| Reverse((second, at))));
        }
        let (mut distinct, mut other) = (0_u64, 0);
        let mut latest: VecDeque<(i64, u64)> = VecDeque::new();
        while let Some(Reverse((second, at))) = next.pop() {
            let count = calendars[at].count;
            next.extend(calendars[at].advance(&mut seen).map(|second| Reverse((second, at))));
            if let Some((last, of_last)) = latest.back_mut()
                && *last == second
            {
                *of_last += count;
                continue;
            }
            distinct += 1;
            latest.push_back((second, count));
            if latest.len() > limit {
                other += latest.pop_front().map_or(0, |(_, count)| count);
            }
            if distinct.is_multiple_of(VALUES_A_LOOK) && (self.is_late)() {
                return None;
            }
        }
        let date = |second: Option<i64>| {
            let moment = second.map(|second| Timestamp::from_unix_ms(second * 1_000));
            moment.map(|moment| Value::String(moment.to_string()))
        };
        let ranges = latest.into_iter().map(|(second, count)| {
            let (from, to) = interval.around(second);
            RangeCount { from: date(from), to: date(to), count }
        });
        Some(FacetCounts {
            buckets: FacetBuckets::Ranges(ranges.collect()),
            distinct,
            other,
            missing: self.missing(&[Kind::Instant])?,
        })
    }

    /// Wanted slots that have no value of these kinds.
    fn missing(&self, kinds: &[Kind]) -> Option<u64> {
        let (mut missing, mut seen) = (0, Seen::default());
        for part in self.parts {
            if (self.is_late)() {
                return None;
            }
            let entries = kinds.iter().flat_map(|&kind| part.entries(self.path, kind));
            missing += part.count - part.count_of(&entries.collect::<Vec<_>>(), &mut seen);
        }
        Some(missing)
    }
}

/// The first entries of each, those below a key, which are then no longer among them.
fn taken_below(
    part: &Part<'_>,
    kind: Kind,
    rest: &mut [Range<usize>; 2],
    key: &[u8],
) -> [Range<usize>; 2] {
    let mut taken = rest.clone();
    for (at, tag) in tags(kind).into_iter().enumerate() {
        let end = part.block.entries.lower_bound(rest[at].clone(), &[&[tag], key].concat());
        taken[at].end = end;
        rest[at].start = end;
    }
    taken
}

/// The dates of one part, interval after interval.
struct Calendar<'p> {
    part: &'p Part<'p>,
    interval: DateInterval,
    rest: [Range<usize>; 2],
    /// How many wanted slots are in the interval at hand.
    count: u64,
}

impl<'p> Calendar<'p> {
    fn of(part: &'p Part<'p>, path: &str, interval: DateInterval) -> Self {
        Self { part, interval, rest: part.entries(path, Kind::Instant), count: 0 }
    }

    /// Goes to the next interval that some wanted slot is in; the first second that stands for it.
    fn advance(&mut self, seen: &mut Seen) -> Option<i64> {
        loop {
            let entries = &self.part.block.entries;
            let firsts = self.rest.iter().filter(|rest| !rest.is_empty());
            let first = firsts.filter_map(|rest| entries.get(rest.start).get(1..)).min()?;
            let (from, to) = self.interval.around(value_key::second_of(first));
            let taken = match to {
                None => std::mem::take(&mut self.rest),
                Some(to) => {
                    let mut key = Vec::with_capacity(8);
                    value_key::second(to, &mut key);
                    taken_below(self.part, Kind::Instant, &mut self.rest, &key)
                }
            };
            self.count = self.part.count_of(&taken, seen);
            if self.count > 0 {
                return Some(from.unwrap_or(i64::MIN));
            }
            // Entries out of their order, in a file that nobody vouches for, would be met again.
            if taken.iter().all(Range::is_empty) {
                return None;
            }
        }
    }
}
