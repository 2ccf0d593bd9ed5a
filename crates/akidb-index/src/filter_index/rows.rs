//! Everything a filter index holds at one moment, as searches see it.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
    sync::Arc,
};

use akidb_core::{DocumentId, Filter, Filtered, TextTest};
use roaring::RoaringBitmap;

use super::{
    BLOCK_WEIGHT_BYTES_MAX, FilterIndex, Matching,
    bits::Bits,
    block::{Block, RUN_SLOTS},
    builder::{BlockBuilder, LONG_PATHS},
    compiled::CompiledFilter,
    entry::PRESENT,
    evaluate::Evaluation,
    merge::{merged, renumbered},
};

/// The fewest slots to which a run is cut where documents are large.
const RUN_SLOTS_MIN: u32 = 64;

/// The content of an index at one moment. A clone shares all of it.
#[derive(Clone, Default)]
pub(super) struct FilterRows {
    /// In the order of their slots, which do not overlap.
    blocks: Vec<Arc<Block>>,
    /// Slots that were removed, and those below `slot_count` that were never inserted.
    dead: Arc<RoaringBitmap>,
    slot_count: u32,
}

impl FilterRows {
    pub(super) fn new(blocks: Vec<Arc<Block>>, dead: RoaringBitmap, slot_count: u32) -> Self {
        Self { blocks, dead: Arc::new(dead), slot_count }
    }

    pub(super) fn blocks(&self) -> &[Arc<Block>] {
        &self.blocks
    }

    pub(super) fn dead(&self) -> &RoaringBitmap {
        &self.dead
    }

    pub(super) fn slot_count(&self) -> u32 {
        self.slot_count
    }

    pub(super) fn live_count(&self) -> u64 {
        u64::from(self.slot_count) - self.dead.len()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let blocks: usize = self.blocks.iter().map(|block| block.memory_bytes()).sum();
        size_of::<Self>()
            + blocks
            + self.blocks.capacity() * size_of::<Arc<Block>>()
            + self.dead.serialized_size()
    }

    pub(super) fn insert<'d>(
        &mut self,
        documents: impl IntoIterator<Item = (Range<u32>, impl Into<Filtered<'d>>)>,
    ) {
        let mut builder: Option<BlockBuilder> = None;
        for (slots, document) in documents {
            let document = document.into();
            if slots.is_empty() {
                continue;
            }
            assert!(slots.start >= self.slot_count, "slots follow one another");
            if slots.start > self.slot_count {
                Arc::make_mut(&mut self.dead).insert_range(self.slot_count..slots.start);
            }
            let mut rest = slots;
            while !rest.is_empty() {
                let run_end = (rest.start / RUN_SLOTS).saturating_add(1).saturating_mul(RUN_SLOTS);
                let part = rest.start..rest.end.min(run_end);
                if builder.as_ref().is_some_and(|builder| !builder.takes(part.start)) {
                    self.push(builder.take());
                }
                let into = builder.get_or_insert_with(|| BlockBuilder::new(part.start));
                into.add(part.clone(), document);
                rest.start = part.end;
                self.slot_count = part.end;
            }
        }
        self.push(builder);
    }

    /// Adds a block at the end, merged with those before it that are not much larger.
    fn push(&mut self, builder: Option<BlockBuilder>) {
        let Some(builder) = builder else { return };
        let mut last = builder.finish();
        while let Some(before) = self.blocks.last()
            && before.run() == last.run()
            && (before.slot_count() <= 2 * last.slot_count() || last.end % RUN_SLOTS == 0)
            && before.memory_bytes() + last.memory_bytes() <= BLOCK_WEIGHT_BYTES_MAX
        {
            last = merged(before, &last);
            self.blocks.pop();
        }
        self.blocks.push(Arc::new(last));
    }

    pub(super) fn remove(&mut self, slots: &[u32]) {
        let known = slots.iter().copied().filter(|&slot| slot < self.slot_count);
        Arc::make_mut(&mut self.dead).extend(known);
    }

    pub(super) fn matching(
        &self,
        filter: &Filter,
        texts: &dyn Fn(&TextTest) -> Matching,
    ) -> Matching {
        let plan = CompiledFilter::of(filter, texts);
        let mut matching = Matching::default();
        for block in &self.blocks {
            let mut interval = Evaluation::of(block).run(&plan);
            add(&mut matching.certain, block, &interval.sure);
            if let Some(maybe) = &mut interval.maybe {
                maybe.take_out(&interval.sure);
                add(&mut matching.unsure, block, maybe);
            }
        }
        matching.certain -= &*self.dead;
        matching.unsure -= &*self.dead;
        matching
    }

    /// The id of the document that was inserted under a slot.
    pub(super) fn id_of(&self, slot: u32) -> Option<DocumentId> {
        let at = self.blocks.partition_point(|block| block.end <= slot);
        self.blocks.get(at)?.id_of(slot)
    }

    /// Whether no live slot has a field of this path.
    pub(super) fn lacks(&self, path: &str) -> bool {
        let path =
            if path.len() > FilterIndex::PATH_BYTES_MAX { LONG_PATHS } else { path.as_bytes() };
        !self.blocks.iter().any(|block| {
            let mut slots = RoaringBitmap::new();
            add(&mut slots, block, &block.slots_of(&block.field(path), PRESENT));
            slots -= &*self.dead;
            !slots.is_empty()
        })
    }

    pub(super) fn compacted(&self, old_slots: &[u32]) -> Self {
        let mut new_slots = vec![u32::MAX; self.slot_count as usize];
        let mut dead = RoaringBitmap::new();
        for (new_slot, &old_slot) in (0..).zip(old_slots) {
            if old_slot >= self.slot_count || self.dead.contains(old_slot) {
                dead.insert(new_slot);
                continue;
            }
            let place = &mut new_slots[old_slot as usize];
            assert_eq!(*place, u32::MAX, "slot {old_slot} is listed once");
            *place = new_slot;
        }
        let run_slots = self.run_slots(old_slots.len());
        let mut runs: BTreeMap<u32, VecDeque<Block>> = BTreeMap::new();
        for piece in self.blocks.iter().flat_map(|block| renumbered(block, &new_slots, run_slots)) {
            runs.entry(piece.first / run_slots).or_default().push_back(piece);
        }
        let blocks = runs.into_values().filter_map(all_merged).map(Arc::new).collect();
        Self::new(blocks, dead, old_slots.len() as u32)
    }

    /// How many slots a block may have when all of them together have so many.
    fn run_slots(&self, slot_count: usize) -> u32 {
        let bytes: usize = self.blocks.iter().map(|block| block.memory_bytes()).sum();
        let bytes_a_slot = bytes / slot_count.max(1) + 1;
        let mut run_slots = RUN_SLOTS;
        while run_slots > RUN_SLOTS_MIN
            && run_slots as usize * bytes_a_slot > BLOCK_WEIGHT_BYTES_MAX
        {
            run_slots /= 2;
        }
        run_slots
    }
}

/// Adds bits of a block, counted from its base.
pub(super) fn add(slots: &mut RoaringBitmap, block: &Block, bits: &Bits) {
    if !bits.is_empty() {
        *slots |= RoaringBitmap::from_lsb0_bytes(block.base(), &bits.to_le_bytes());
    }
}

/// Blocks of one run as one, each merged with one of about its size.
fn all_merged(mut blocks: VecDeque<Block>) -> Option<Block> {
    loop {
        let first = blocks.pop_front()?;
        let Some(second) = blocks.pop_front() else { return Some(first) };
        blocks.push_back(merged(&first, &second));
    }
}
