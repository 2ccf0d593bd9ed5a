//! Many short byte strings in one piece of memory.

use std::ops::Range;

/// Byte strings one after the other, each found by its position.
#[derive(Debug, Default)]
pub(super) struct Strings {
    bytes: Vec<u8>,
    /// Where each string ends in `bytes`.
    ends: Vec<u32>,
}

impl Strings {
    /// From what [`bytes`](Self::bytes) and [`ends`](Self::ends) gave, which may be damaged.
    pub(super) fn checked(bytes: Vec<u8>, ends: Vec<u32>) -> Option<Self> {
        let last = ends.last().map_or(0, |&end| end as usize);
        (ends.is_sorted() && last == bytes.len()).then_some(Self { bytes, ends })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn ends(&self) -> &[u32] {
        &self.ends
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn push(&mut self, string: &[u8]) {
        self.bytes.extend_from_slice(string);
        self.ends.push(self.bytes.len() as u32);
    }

    #[inline]
    pub(super) fn get(&self, at: usize) -> &[u8] {
        &self.bytes[self.start(at)..self.ends[at] as usize]
    }

    /// Where the string `at` begins in `bytes`; where the last one ends, for the one after it.
    #[inline]
    pub(super) fn start(&self, at: usize) -> usize {
        at.checked_sub(1).map_or(0, |before| self.ends[before] as usize)
    }

    /// The first of `range` that is not below `key`, where they are sorted. Near the start of the
    /// range it is found faster than far from it.
    pub(super) fn lower_bound(&self, range: Range<usize>, key: &[u8]) -> usize {
        let mut low = range.start;
        let mut step = 1;
        while low + step <= range.end && self.get(low + step - 1) < key {
            low += step;
            step *= 2;
        }
        let mut high = (low + step).min(range.end).max(low);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.get(middle) < key { low = middle + 1 } else { high = middle }
        }
        low
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * size_of::<u32>()
    }

    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.ends.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_lower_bound_is_that_of_a_sorted_list(
            mut list in prop::collection::vec(prop::collection::vec(0_u8..4, 0..4), 0..60),
            key in prop::collection::vec(0_u8..4, 0..4),
            from in 0_usize..60,
        ) {
            list.sort();
            let mut strings = Strings::default();
            list.iter().for_each(|string| strings.push(string));
            let from = from.min(list.len());
            let expected = from + list[from..].partition_point(|string| *string < key);
            prop_assert_eq!(strings.lower_bound(from..list.len(), &key), expected);
        }
    }
}
