//! Writing a block entry by entry, in order.

use super::{
    bits::Bits,
    block::{Block, Posting},
};

/// A bitmap is chosen where a list of slots of two bytes each would be longer.
const BITS_A_LISTED_SLOT: usize = 16;

/// A block on its way. Paths come in their order, and so do the entries of each.
pub(super) struct BlockWriter {
    block: Block,
    /// The slots of the entry at hand, counted from the base of the block.
    pending: Vec<u16>,
}

impl BlockWriter {
    pub(super) fn new(first: u32, end: u32) -> Self {
        let block = Block { first, end, ..Block::default() };
        Self { block, pending: Vec::new() }
    }

    /// Adds slots to the entry at hand, which `base` says what they are counted from.
    pub(super) fn add(&mut self, posting: Posting<'_>, base: u32) {
        let own_base = self.block.base();
        posting.for_each(&mut |slot| self.pending.push((base + slot - own_base) as u16));
    }

    /// Adds one slot to the entry at hand.
    pub(super) fn add_slot(&mut self, slot: u32) {
        self.pending.push((slot - self.block.base()) as u16);
    }

    /// Ends the entry at hand. One without slots is left out.
    pub(super) fn end_entry(&mut self, entry: &[u8]) {
        if self.pending.is_empty() {
            return;
        }
        let block = &mut self.block;
        let words = block.word_count();
        if self.pending.len() * BITS_A_LISTED_SLOT > words * 64 {
            let mut bits = Bits::none(words);
            self.pending.iter().for_each(|&slot| bits.set(slot));
            block.dense_entries.push(block.entries.len() as u32);
            block.dense_words.extend_from_slice(bits.words());
        } else {
            if !self.pending.is_sorted() {
                self.pending.sort_unstable();
            }
            block.slots.extend_from_slice(&self.pending);
        }
        block.entries.push(entry);
        block.slot_ends.push(block.slots.len() as u32);
        self.pending.clear();
    }

    /// Ends the path that all entries since the last one belong to. One without is left out.
    pub(super) fn end_path(&mut self, path: &[u8]) {
        let end = self.block.entries.len() as u32;
        if self.block.path_ends.last().copied().unwrap_or(0) < end {
            self.block.paths.push(path);
            self.block.path_ends.push(end);
        }
    }

    /// The block, in no more memory than it needs.
    pub(super) fn finish(self) -> Block {
        let mut block = self.block;
        block.paths.shrink();
        block.path_ends.shrink_to_fit();
        block.entries.shrink();
        block.slot_ends.shrink_to_fit();
        block.slots.shrink_to_fit();
        block.dense_entries.shrink_to_fit();
        block.dense_words.shrink_to_fit();
        block
    }
}
