//! All postings of a term.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::{
    block::{BLOCK_POSTINGS, Block, Posting},
    numbers,
};

/// The postings of a term by ascending slots: blocks, and behind them what does not fill one yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct List {
    pub(crate) blocks: Vec<Arc<Block>>,
    /// Postings behind the blocks: of each how far its slot is from the one before, the codes of its
    /// count and of the length of its document, and its positions. Most terms stand in a few documents, which
    /// fit in here without memory of their own.
    pub(crate) tail: SmallVec<[u8; 24]>,
    pub(crate) tail_length: u8,
    /// The slot of the last posting.
    pub(crate) last: u32,
    /// Documents that have the term and are not removed.
    pub(crate) live: u32,
}

impl List {
    /// Adds a posting behind all others.
    pub(crate) fn append(&mut self, posting: Posting, positions: &[u32]) {
        let tail = self.begin(posting);
        numbers::push_positions(positions, |byte| tail.push(byte));
        self.end(posting.slot);
    }

    /// The same with the bytes of positions.
    fn append_raw(&mut self, posting: Posting, positions: &[u8]) {
        self.begin(posting).extend_from_slice(positions);
        self.end(posting.slot);
    }

    fn begin(&mut self, Posting { slot, count, length }: Posting) -> &mut SmallVec<[u8; 24]> {
        debug_assert!(self.is_empty() || slot > self.last, "slots ascend");
        let tail = &mut self.tail;
        numbers::push(slot - self.last, |byte| tail.push(byte));
        tail.extend([count, length]);
        tail
    }

    fn end(&mut self, slot: u32) {
        self.last = slot;
        self.tail_length += 1;
        self.live += 1;
        if usize::from(self.tail_length) == BLOCK_POSTINGS {
            let block = self.tail_block(u32::MAX);
            self.blocks.extend(block.map(Arc::new));
            // What it took on the heap is given back: the next tail may be long in coming.
            self.tail = SmallVec::new();
            self.tail_length = 0;
        }
    }

    fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.tail_length == 0
    }

    /// The slot before the tail.
    fn before_tail(&self) -> u32 {
        self.blocks.last().map_or(0, |block| block.last)
    }

    /// What the tail has below `end`, as a block.
    fn tail_block(&self, end: u32) -> Option<Block> {
        let mut postings = Vec::with_capacity(self.tail_length.into());
        let mut all_positions = Vec::with_capacity(self.tail.len());
        visit_tail(&self.tail, self.before_tail(), |posting, positions| {
            if posting.slot < end {
                postings.push(posting);
                all_positions.extend_from_slice(positions);
            }
        });
        (!postings.is_empty()).then(|| Block::new(&postings, &all_positions))
    }

    /// All postings, of which those from `end` on may be missing.
    pub(crate) fn snapshot(&self, end: u32) -> Vec<Arc<Block>> {
        let mut blocks = Vec::with_capacity(self.blocks.len() + 1);
        blocks.extend(self.blocks.iter().cloned());
        blocks.extend(self.tail_block(end).map(Arc::new));
        blocks
    }

    /// Appends the postings of another list from a slot on, of those slots that `renumbered` gives another
    /// slot for, under that one. `lengths` are the codes of the other's documents.
    pub(crate) fn append_from(
        &mut self,
        other: &Self,
        from: u32,
        lengths: &[u8],
        renumbered: &impl Fn(u32) -> Option<u32>,
    ) {
        let mut postings = Vec::new();
        let mut all_positions = Vec::new();
        other.visit(from, |slot, count, positions| {
            let length = lengths.get(slot as usize).copied().unwrap_or_default();
            if length != 0
                && let Some(slot) = renumbered(slot)
            {
                let start = all_positions.len();
                all_positions.extend_from_slice(positions);
                postings.push((Posting { slot, count, length }, start..all_positions.len()));
            }
        });
        postings.sort_by_key(|(posting, _)| posting.slot);
        for (posting, range) in postings {
            self.append_raw(posting, &all_positions[range]);
        }
    }

    /// Gives each posting from a slot on: its slot, the code of its count, and the bytes of its positions.
    fn visit(&self, from: u32, mut visit: impl FnMut(u32, u8, &[u8])) {
        let mut slots = [0; BLOCK_POSTINGS];
        let before = self.blocks.partition_point(|block| block.last < from);
        for block in &self.blocks[before..] {
            block.slots_into(&mut slots);
            let mut rest = block.positions();
            for (&slot, &count) in slots.iter().zip(block.counts()) {
                let positions = rest;
                if numbers::take_positions(&mut rest, |_| {}).is_none() {
                    break;
                }
                if slot >= from {
                    visit(slot, count, &positions[..positions.len() - rest.len()]);
                }
            }
        }
        visit_tail(&self.tail, self.before_tail(), |posting, positions| {
            if posting.slot >= from {
                visit(posting.slot, posting.count, positions);
            }
        });
    }

    /// Whether the tail can be read as one of so many postings below `slot_end`.
    pub(crate) fn is_sound(&self, slot_end: u32) -> bool {
        let (mut count, mut last, mut ascending) = (0, self.before_tail(), true);
        let whole = visit_tail(&self.tail, last, |posting, _| {
            ascending &= posting.slot > last || self.blocks.is_empty() && count == 0;
            last = posting.slot;
            count += 1;
        });
        let blocks_ascend = self.blocks.is_sorted_by(|a, b| a.last < b.first);
        whole
            && ascending
            && blocks_ascend
            && count == usize::from(self.tail_length)
            && count < BLOCK_POSTINGS
            && self.live as usize
                <= self.blocks.iter().map(|block| block.len()).sum::<usize>() + count
            && last == self.last
            && (self.is_empty() || last < slot_end)
    }

    /// What it has on the heap, but for the blocks themselves.
    pub(crate) fn heap_bytes(&self) -> usize {
        let tail = if self.tail.spilled() { self.tail.capacity() + 16 } else { 0 };
        tail + self.blocks.capacity() * size_of::<Arc<Block>>()
    }
}

/// Gives each posting of a tail with the bytes of its positions. Returns whether it ended with one.
fn visit_tail(tail: &[u8], before: u32, mut visit: impl FnMut(Posting, &[u8])) -> bool {
    let mut rest = tail;
    let mut slot = before;
    while !rest.is_empty() {
        let Some(gap) = numbers::take(&mut rest) else { return false };
        let Some((&[count, length], positions)) = rest.split_first_chunk() else { return false };
        let mut behind = positions;
        if numbers::take_positions(&mut behind, |_| {}).is_none() {
            return false;
        }
        slot = slot.wrapping_add(gap);
        let positions = &positions[..positions.len() - behind.len()];
        visit(Posting { slot, count, length }, positions);
        rest = behind;
    }
    true
}
