//! Reading postings in order.

use std::sync::Arc;

use crate::block::{BLOCK_POSTINGS, Block};

/// A place in the postings of a term, which only goes on.
pub(crate) struct Cursor<'q> {
    blocks: &'q [Arc<Block>],
    /// The block that it is in; behind the last one at the end.
    pub(crate) block: usize,
    /// The block whose slots are unpacked.
    unpacked: usize,
    slots: [u32; BLOCK_POSTINGS],
    at: usize,
}

impl<'q> Cursor<'q> {
    pub(crate) fn new(blocks: &'q [Arc<Block>]) -> Self {
        Self { blocks, block: 0, unpacked: usize::MAX, slots: [0; BLOCK_POSTINGS], at: 0 }
    }

    /// The blocks from its own on.
    pub(crate) fn blocks(&self) -> &'q [Arc<Block>] {
        &self.blocks[self.block..]
    }

    /// Goes on to the block that would have a slot, without a look into it.
    pub(crate) fn seek_block(&mut self, slot: u32) -> Option<&'q Block> {
        let mut step = 1;
        while self.blocks.get(self.block).is_some_and(|block| block.last < slot) {
            // Steps that double until one is too far, and then back to half of it.
            let ahead = self.blocks.get(self.block + step);
            if step > 1 && ahead.is_none_or(|block| block.last >= slot) {
                step = 1;
                self.block += 1;
            } else if ahead.is_some_and(|block| block.last < slot) {
                self.block += step;
                step *= 2;
            } else {
                self.block += 1;
            }
        }
        self.blocks.get(self.block).map(|block| &**block)
    }

    /// Goes on to the first posting at a slot or behind it, and gives the slot of it.
    pub(crate) fn seek(&mut self, slot: u32) -> Option<u32> {
        let block = self.seek_block(slot)?;
        if slot <= block.first {
            self.unpack(block);
            self.at = 0;
            return Some(block.first);
        }
        self.unpack(block);
        let slots = &self.slots[self.at..block.len()];
        self.at += slots.partition_point(|&other| other < slot);
        Some(self.slots[self.at])
    }

    /// Whether there is a posting of a slot, to which it goes on then.
    pub(crate) fn has(&mut self, slot: u32) -> bool {
        // Without a look into a block that begins behind it.
        self.seek_block(slot).is_some_and(|block| block.first <= slot)
            && self.seek(slot) == Some(slot)
    }

    fn unpack(&mut self, block: &Block) {
        if self.unpacked != self.block {
            block.slots_into(&mut self.slots);
            self.unpacked = self.block;
            self.at = 0;
        }
    }

    /// The code of the count of the posting that it is at.
    pub(crate) fn count(&self) -> u8 {
        self.blocks[self.block].counts()[self.at]
    }

    /// The positions of the posting that it is at.
    pub(crate) fn positions(&self, visit: impl FnMut(u32)) {
        self.blocks[self.block].positions_of(self.at, visit);
    }

    /// Gives the slot and the code of the count of each posting from `from` to below `end`, and goes on to
    /// `end`.
    #[inline]
    pub(crate) fn visit(&mut self, from: u32, end: u32, mut visit: impl FnMut(u32, u8)) {
        let mut next = self.seek(from);
        while next.is_some_and(|slot| slot < end) {
            let block = &self.blocks[self.block];
            let length = block.len();
            let (slots, counts) = (&self.slots[self.at..length], &block.counts()[self.at..]);
            let within = if block.last < end {
                slots.len()
            } else {
                slots.partition_point(|&slot| slot < end)
            };
            for (&slot, &count) in slots[..within].iter().zip(counts) {
                visit(slot, count);
            }
            if block.last >= end {
                self.at += within;
                return;
            }
            self.block += 1;
            next = self.seek(from);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::block::Posting;

    proptest! {
        #[test]
        fn a_cursor_finds_what_is_there(
            slots in prop::collection::btree_set(0..3_000_u32, 1..900),
            looks in prop::collection::btree_set(0..3_100_u32, 0..200),
        ) {
            let posting = |&slot: &u32| Posting { slot, count: (slot % 200) as u8, length: 1 };
            let postings: Vec<Posting> = slots.iter().map(posting).collect();
            let blocks: Vec<Arc<Block>> =
                postings.chunks(BLOCK_POSTINGS).map(|some| Arc::new(Block::new(some, &[]))).collect();
            let (mut seeking, mut asking) = (Cursor::new(&blocks), Cursor::new(&blocks));
            for &look in &looks {
                let expected = slots.range(look..).next().copied();
                prop_assert_eq!(seeking.seek(look), expected);
                if let Some(slot) = expected {
                    prop_assert_eq!(seeking.count(), (slot % 200) as u8);
                }
                prop_assert_eq!(asking.has(look), slots.contains(&look));
            }
            let mut visiting = Cursor::new(&blocks);
            let mut from = 0;
            for &end in looks.iter().chain([&3_100]) {
                let mut visited = BTreeSet::new();
                visiting.visit(from, end, |slot, _| { visited.insert(slot); });
                let expected: BTreeSet<u32> = slots.range(from..end).copied().collect();
                prop_assert_eq!(visited, expected);
                from = end;
            }
        }
    }
}
