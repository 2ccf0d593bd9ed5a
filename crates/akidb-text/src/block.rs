//! Up to 128 postings of a term, never changed.

use crate::{numbers, saturation::Saturation};

/// Postings of a full block.
pub(crate) const BLOCK_POSTINGS: usize = 128;

/// Pairs that a block's greatest score is told from.
pub(crate) const PAIRS: usize = 4;

/// Postings of a term: its slots, how often each has it, and where.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) first: u32,
    pub(crate) last: u32,
    /// How many, less one.
    length: u8,
    /// Whether slots are counted from `first` in four bytes rather than two.
    wide: bool,
    /// Codes of a count and of a length such that each posting has a pair with at least its count and
    /// at most its length: what its score can be at most, whatever lengths are on average.
    pairs: [(u8, u8); PAIRS],
    /// The slots less `first`, the codes of the counts, and the positions, see
    /// [`numbers::push_positions`].
    data: Box<[u8]>,
}

/// A posting while it is brought into a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Posting {
    pub(crate) slot: u32,
    /// The code of the count.
    pub(crate) count: u8,
    /// The code of the length of its document.
    pub(crate) length: u8,
}

impl Block {
    /// A block of at least one posting, by ascending slots, and the bytes of their positions.
    pub(crate) fn new(postings: &[Posting], positions: &[u8]) -> Self {
        debug_assert!((1..=BLOCK_POSTINGS).contains(&postings.len()), "{}", postings.len());
        let (first, last) = (postings[0].slot, postings[postings.len() - 1].slot);
        let wide = last - first > u32::from(u16::MAX);
        let width = if wide { 4 } else { 2 };
        let mut data = Vec::with_capacity(postings.len() * (width + 1) + positions.len());
        for posting in postings {
            data.extend_from_slice(&(posting.slot - first).to_le_bytes()[..width]);
        }
        data.extend(postings.iter().map(|posting| posting.count));
        data.extend_from_slice(positions);
        Self {
            first,
            last,
            length: (postings.len() - 1) as u8,
            wide,
            pairs: greatest(postings),
            data: data.into_boxed_slice(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.length) + 1
    }

    fn width(&self) -> usize {
        if self.wide { 4 } else { 2 }
    }

    /// Writes the slots to the front of `slots`.
    pub(crate) fn slots_into(&self, slots: &mut [u32; BLOCK_POSTINGS]) {
        let bytes = &self.data[..self.len() * self.width()];
        if self.wide {
            for (slot, &bytes) in slots.iter_mut().zip(bytes.as_chunks().0) {
                *slot = self.first.wrapping_add(u32::from_le_bytes(bytes));
            }
        } else {
            for (slot, &bytes) in slots.iter_mut().zip(bytes.as_chunks().0) {
                *slot = self.first.wrapping_add(u16::from_le_bytes(bytes).into());
            }
        }
    }

    /// The codes of the counts.
    pub(crate) fn counts(&self) -> &[u8] {
        let from = self.len() * self.width();
        &self.data[from..from + self.len()]
    }

    /// The bytes of all positions.
    pub(crate) fn positions(&self) -> &[u8] {
        &self.data[self.len() * (self.width() + 1)..]
    }

    /// The positions of one posting.
    pub(crate) fn positions_of(&self, at: usize, mut visit: impl FnMut(u32)) {
        let mut bytes = self.positions();
        for _ in 0..at {
            if numbers::take_positions(&mut bytes, |_| {}).is_none() {
                return;
            }
        }
        numbers::take_positions(&mut bytes, &mut visit);
    }

    /// What no posting scores more than, for a term of weight 1.
    pub(crate) fn bound(&self, saturation: &Saturation) -> f32 {
        let bounds = self.pairs.iter().map(|&(count, length)| saturation.of(count, length));
        bounds.fold(0.0, f32::max)
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        // Itself, the counters of what shares it, and what allocations take.
        size_of::<Self>() + 2 * size_of::<usize>() + self.data.len() + 32
    }

    /// The parts that it is written as.
    pub(crate) fn to_parts(&self) -> BlockParts<'_> {
        let Self { first, last, length, wide, pairs, data } = self;
        BlockParts { slots: [*first, *last], length: *length, wide: *wide, pairs: *pairs, data }
    }

    /// A block of parts; `None` where they do not fit each other, or slots are not below `slot_end`.
    pub(crate) fn from_parts(parts: &BlockParts<'_>, slot_end: u32) -> Option<Self> {
        let &BlockParts { slots: [first, last], length, wide, pairs, data } = parts;
        let block = Self { first, last, length, wide, pairs, data: data.into() };
        if block.len() > BLOCK_POSTINGS || data.len() < block.len() * (block.width() + 1) {
            return None;
        }
        let mut slots = [0; BLOCK_POSTINGS];
        block.slots_into(&mut slots);
        let slots = &slots[..block.len()];
        let ascending = slots.is_sorted_by(|a, b| a < b);
        let ends = slots[0] == first && slots[slots.len() - 1] == last && last < slot_end;
        (ascending && ends).then_some(block)
    }
}

/// What a block is written as.
pub(crate) struct BlockParts<'a> {
    /// The first and the last.
    pub(crate) slots: [u32; 2],
    pub(crate) length: u8,
    pub(crate) wide: bool,
    pub(crate) pairs: [(u8, u8); PAIRS],
    pub(crate) data: &'a [u8],
}

/// At most [`PAIRS`] pairs, the first of which stands for what is left over.
fn greatest(postings: &[Posting]) -> [(u8, u8); PAIRS] {
    // The least length of each count or above it.
    let mut all: Vec<(u8, u8)> = postings.iter().map(|it| (it.count, it.length.max(1))).collect();
    all.sort_unstable_by_key(|&(count, length)| (std::cmp::Reverse(count), length));
    let mut frontier: Vec<(u8, u8)> = Vec::new();
    for (count, length) in all {
        if frontier.last().is_none_or(|&(_, least)| length < least) {
            frontier.push((count, length));
        }
    }
    while frontier.len() > PAIRS {
        // The two whose counts are nearest become one that is above both.
        let gap = |at: &usize| frontier[*at].0 - frontier[*at + 1].0;
        let at = (0..frontier.len() - 1).min_by_key(gap).unwrap_or_default();
        frontier[at].1 = frontier[at + 1].1;
        frontier.remove(at + 1);
    }
    let mut pairs = [frontier[0]; PAIRS];
    pairs[..frontier.len()].copy_from_slice(&frontier);
    pairs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn postings() -> impl Strategy<Value = Vec<Posting>> {
        let gap = prop_oneof![1..4_u32, 1..40_000_u32];
        let one = (gap, prop_oneof![1..5_u8, 1..255_u8], 1..255_u8);
        prop::collection::vec(one, 1..=BLOCK_POSTINGS).prop_map(|all| {
            let mut before = 0;
            let posting = |(gap, count, length)| {
                before += gap;
                Posting { slot: before, count, length }
            };
            all.into_iter().map(posting).collect()
        })
    }

    proptest! {
        #[test]
        fn a_block_gives_back_what_it_was_made_of(postings in postings(), average in 1.0..500.0_f64) {
            let mut bytes = Vec::new();
            for posting in &postings {
                let positions = [posting.slot % 7, 9, 1 << 21];
                numbers::push_positions(&positions, |byte| bytes.push(byte));
            }
            let block = Block::new(&postings, &bytes);
            let mut slots = [0; BLOCK_POSTINGS];
            block.slots_into(&mut slots);
            let saturation = Saturation::new(average);
            let bound = block.bound(&saturation);
            for (at, posting) in postings.iter().enumerate() {
                prop_assert_eq!(slots[at], posting.slot);
                prop_assert_eq!(block.counts()[at], posting.count);
                let mut positions = Vec::new();
                block.positions_of(at, |position| positions.push(position));
                prop_assert_eq!(positions, vec![posting.slot % 7, 9, 1 << 21]);
                prop_assert!(saturation.of(posting.count, posting.length) <= bound);
            }
            let parts = block.to_parts();
            let end = parts.slots[1] + 1;
            prop_assert!(Block::from_parts(&parts, end).is_some());
            prop_assert!(Block::from_parts(&parts, end - 1).is_none());
            let data = &parts.data[..block.len() * 3 - 1];
            let short = BlockParts { data, ..parts };
            prop_assert!(Block::from_parts(&short, end).is_none());
        }
    }
}
