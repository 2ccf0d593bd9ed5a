//! The sorted pool of a walk: the best candidates so far and which of them were expanded.
//!
//! One array in place of the two heaps of the paper. Candidates that may not be returned (removed
//! ones, or ones that a filter leaves out) stand in it to be expanded, but take no place: the pool
//! ends behind the `ef`-th candidate that may be returned.

/// A candidate's distance, so mapped that it sorts as a number, above its index.
#[inline(always)]
fn key(distance: f32, index: u32) -> u64 {
    let bits = distance.to_bits();
    // Flips all bits of a negative number and the sign of the others.
    let ordered = bits ^ (((bits.cast_signed() >> 31).cast_unsigned()) | 0x8000_0000);
    (u64::from(ordered) << 32) | u64::from(index)
}

fn distance_of(key: u64) -> f32 {
    let ordered = (key >> 32) as u32;
    f32::from_bits(if ordered >> 31 == 1 { ordered ^ 0x8000_0000 } else { !ordered })
}

const EXPANDED: u8 = 1;
const PASSING: u8 = 2;

/// The best candidates of a walk, nearest first, ties by index.
#[derive(Default)]
pub(super) struct Pool {
    keys: Vec<u64>,
    flags: Vec<u8>,
    limit: usize,
    /// Candidates that may be returned.
    kept: usize,
    /// Everything before it was expanded.
    next: usize,
    /// Distances at or above this cannot enter.
    bar: f32,
}

impl Pool {
    /// Empties the pool, for `limit` candidates that may be returned.
    pub(super) fn reset(&mut self, limit: usize) {
        self.keys.clear();
        self.flags.clear();
        self.limit = limit;
        self.kept = 0;
        self.next = 0;
        self.bar = f32::INFINITY;
    }

    /// Keeps no more than the nearest `limit` candidates that may be returned from now on. Those that
    /// may not are dropped: it is for pools that are not walked with any more.
    pub(super) fn shrink(&mut self, limit: usize) {
        let mut kept = 0;
        for at in 0..self.keys.len() {
            if kept < limit && self.flags[at] & PASSING == 0 {
                (self.keys[kept], self.flags[kept]) = (self.keys[at], self.flags[at]);
                kept += 1;
            }
        }
        self.keys.truncate(kept);
        self.flags.truncate(kept);
        (self.limit, self.kept) = (limit, kept);
        if kept == limit {
            self.end_behind_last_kept();
        }
    }

    /// Candidates that may be returned.
    pub(super) fn kept(&self) -> usize {
        self.kept
    }

    /// A distance that a candidate has to beat to enter; infinite while there is room.
    #[inline(always)]
    pub(super) fn bar(&self) -> f32 {
        self.bar
    }

    /// Takes a candidate in if it is near enough. A NaN distance never is.
    #[inline]
    pub(super) fn offer(&mut self, distance: f32, index: u32, returnable: bool) {
        if distance < self.bar {
            self.admit(key(distance, index), if returnable { 0 } else { PASSING });
        }
    }

    fn admit(&mut self, key: u64, flags: u8) {
        let at = self.keys.partition_point(|&held| held < key);
        self.keys.insert(at, key);
        self.flags.insert(at, flags);
        self.next = self.next.min(at);
        if flags & PASSING != 0 {
            return;
        }
        self.kept += 1;
        if self.kept > self.limit {
            self.drop_last_kept();
        }
        if self.kept == self.limit {
            self.end_behind_last_kept();
        }
    }

    fn drop_last_kept(&mut self) {
        self.end_behind_last_kept();
        self.keys.pop();
        self.flags.pop();
        self.kept -= 1;
    }

    /// Drops what passes only and lies behind everything that may be returned.
    fn end_behind_last_kept(&mut self) {
        while self.flags.last().is_some_and(|flags| flags & PASSING != 0) {
            self.keys.pop();
            self.flags.pop();
        }
        self.bar = self.keys.last().map_or(f32::INFINITY, |&last| distance_of(last));
    }

    /// The nearest candidate that was not expanded, which then counts as such.
    #[inline]
    pub(super) fn next_unexpanded(&mut self) -> Option<u32> {
        while *self.flags.get(self.next)? & EXPANDED != 0 {
            self.next += 1;
        }
        self.flags[self.next] |= EXPANDED;
        let index = self.keys[self.next] as u32;
        self.next += 1;
        Some(index)
    }

    /// All candidates, also those that may not be returned, nearest first.
    pub(super) fn all(&self) -> impl Iterator<Item = (f32, u32)> {
        self.keys.iter().map(|&key| (distance_of(key), key as u32))
    }

    /// What may be returned, nearest first.
    pub(super) fn returnable(&self) -> impl Iterator<Item = (f32, u32)> {
        let pairs = self.keys.iter().zip(&self.flags);
        pairs
            .filter(|(_, flags)| **flags & PASSING == 0)
            .map(|(&key, _)| (distance_of(key), key as u32))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_sort_as_distances_do() {
        let sorted = [f32::NEG_INFINITY, -2.5, -f32::MIN_POSITIVE, 0.0, 1e-9, 3.0, f32::INFINITY];
        for pair in sorted.windows(2) {
            assert!(key(pair[0], u32::MAX) < key(pair[1], 0));
        }
        for distance in sorted {
            assert_eq!(distance_of(key(distance, 7)), distance);
        }
    }

    proptest! {
        #[test]
        fn the_pool_holds_what_sorting_would(
            offers in prop::collection::vec((-20_i8..20, any::<bool>(), any::<bool>()), 0..200),
            limit in 1_usize..20,
        ) {
            let mut pool = Pool::default();
            pool.reset(limit);
            let mut returnable = Vec::new();
            let mut expanded = Vec::new();
            for (index, &(distance, may_return, expand)) in (0..).zip(&offers) {
                let distance = f32::from(distance);
                pool.offer(distance, index, may_return);
                if may_return {
                    returnable.push((distance, index));
                }
                if expand && let Some(next) = pool.next_unexpanded() {
                    prop_assert!(!expanded.contains(&next));
                    expanded.push(next);
                }
            }
            // Of equal distances at the end the one that came first stays.
            returnable.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            returnable.truncate(limit);
            let held: Vec<f32> = pool.returnable().map(|(distance, _)| distance).collect();
            let expected: Vec<f32> = returnable.iter().map(|&(distance, _)| distance).collect();
            prop_assert_eq!(&held, &expected);
            prop_assert_eq!(pool.kept(), returnable.len());
            while let Some(next) = pool.next_unexpanded() {
                prop_assert!(!expanded.contains(&next));
                expanded.push(next);
            }
            pool.shrink(limit.div_ceil(2));
            pool.offer(-100.0, 1_000, true);
            let shrunk: Vec<f32> = pool.returnable().map(|(distance, _)| distance).collect();
            let nearest = std::iter::once(-100.0).chain(expected);
            prop_assert_eq!(shrunk, nearest.take(limit.div_ceil(2)).collect::<Vec<_>>());
        }
    }
}
