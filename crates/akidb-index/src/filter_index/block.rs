//! The entries of up to 65,536 slots that follow one another, sorted and never changed.

use std::ops::Range;

use roaring::RoaringBitmap;

use super::{bits::Bits, entry, ids::IdPlaces, strings::Strings};

/// Slots of which each block holds only those of one such run, as a roaring container does.
pub(super) const RUN_SLOTS: u32 = 1 << 16;

/// The entries of some slots: for each path its sorted entries, for each entry its slots.
///
/// All slots are counted from `base`. An entry of few slots lists them; the lists of neighboring
/// entries stand one after the other, so a range of entries is one range of slots to read. An entry
/// of many slots has a bitmap instead.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) first: u32,
    pub(super) end: u32,
    pub(super) paths: Strings,
    /// Where the entries of each path end.
    pub(super) path_ends: Vec<u32>,
    pub(super) entries: Strings,
    /// Where the slots of each entry end in `slots`.
    pub(super) slot_ends: Vec<u32>,
    pub(super) slots: Vec<u16>,
    /// The entries that have a bitmap, ascending, and `word_count` words for each.
    pub(super) dense_entries: Vec<u32>,
    pub(super) dense_words: Vec<u64>,
    pub(super) id_places: IdPlaces,
}

/// The slots of one entry.
#[derive(Clone, Copy)]
pub(super) enum Posting<'a> {
    List(&'a [u16]),
    Dense(&'a [u64]),
}

impl Block {
    pub(super) fn slot_count(&self) -> u32 {
        self.end - self.first
    }

    /// What slots are counted from.
    pub(super) fn base(&self) -> u32 {
        self.first & !63
    }

    /// Words of a bitmap of its slots.
    pub(super) fn word_count(&self) -> usize {
        (self.end - self.base()).div_ceil(64) as usize
    }

    /// The number of the run of slots that all of its slots are of.
    pub(super) fn run(&self) -> u32 {
        self.first / RUN_SLOTS
    }

    pub(super) fn universe(&self) -> Bits {
        let mut bits = Bits::none(self.word_count());
        let base = self.base();
        bits.set_range((self.first - base) as usize, (self.end - base) as usize);
        bits
    }

    /// Those of some slots that are its own, counted from its base.
    pub(super) fn own_of(&self, slots: &RoaringBitmap) -> Bits {
        if slots.range_cardinality(self.first..self.end) == u64::from(self.slot_count()) {
            return self.universe();
        }
        let mut bits = Bits::none(self.word_count());
        let base = self.base();
        slots.range(self.first..self.end).for_each(|slot| bits.set((slot - base) as u16));
        bits
    }

    /// The entries of a path.
    pub(super) fn field(&self, path: &[u8]) -> Range<usize> {
        let at = self.paths.lower_bound(0..self.paths.len(), path);
        if at < self.paths.len() && self.paths.get(at) == path { self.field_at(at) } else { 0..0 }
    }

    pub(super) fn field_at(&self, at: usize) -> Range<usize> {
        let start = at.checked_sub(1).map_or(0, |before| self.path_ends[before]);
        start as usize..self.path_ends[at] as usize
    }

    /// The entries of `field` from one on and below another.
    pub(super) fn between(&self, field: &Range<usize>, from: &[u8], below: &[u8]) -> Range<usize> {
        let start = self.entries.lower_bound(field.clone(), from);
        let end = self.entries.lower_bound(start..field.end.max(start), below);
        start..end
    }

    /// The entries of `field` that have a tag.
    pub(super) fn tagged(&self, field: &Range<usize>, tag: u8) -> Range<usize> {
        self.between(field, &[tag], &entry::end_of(tag))
    }

    /// The slots that have one entry of `field`.
    pub(super) fn slots_of(&self, field: &Range<usize>, entry: &[u8]) -> Bits {
        let mut bits = Bits::none(self.word_count());
        let at = self.entries.lower_bound(field.clone(), entry);
        if at < field.end && self.entries.get(at) == entry {
            self.post(at..at + 1, &mut bits);
        }
        bits
    }

    /// Adds the slots of some entries that follow one another.
    pub(super) fn post(&self, entries: Range<usize>, bits: &mut Bits) {
        if entries.is_empty() {
            return;
        }
        for &slot in &self.slots[self.slot_start(entries.start)..self.slot_start(entries.end)] {
            bits.set(slot);
        }
        let words = self.word_count();
        let from = self.dense_entries.partition_point(|&at| (at as usize) < entries.start);
        for (at, &entry) in self.dense_entries.iter().enumerate().skip(from) {
            if entry as usize >= entries.end {
                break;
            }
            bits.add(&self.dense_words[at * words..(at + 1) * words]);
        }
    }

    pub(super) fn posting(&self, entry: usize) -> Posting<'_> {
        if let Ok(at) = self.dense_entries.binary_search(&(entry as u32)) {
            let words = self.word_count();
            return Posting::Dense(&self.dense_words[at * words..(at + 1) * words]);
        }
        Posting::List(&self.slots[self.slot_start(entry)..self.slot_start(entry + 1)])
    }

    /// The slots that are listed for some entries that follow one another, and whether one of them has
    /// a bitmap beside.
    pub(super) fn listed(&self, entries: &Range<usize>) -> (&[u16], bool) {
        let listed = &self.slots[self.slot_start(entries.start)..self.slot_start(entries.end)];
        let from = self.dense_entries.partition_point(|&at| (at as usize) < entries.start);
        let next_dense = self.dense_entries.get(from);
        (listed, next_dense.is_some_and(|&at| (at as usize) < entries.end))
    }

    /// How many slots some entries that follow one another have, each as often as it has one.
    pub(super) fn posted(&self, entries: &Range<usize>) -> u64 {
        let (listed, has_bitmap) = self.listed(entries);
        if !has_bitmap {
            return listed.len() as u64;
        }
        let of = |border: usize| self.dense_entries.partition_point(|&at| (at as usize) < border);
        let words = self.word_count();
        let bitmaps = &self.dense_words[of(entries.start) * words..of(entries.end) * words];
        let in_bitmaps: u64 = bitmaps.iter().map(|word| u64::from(word.count_ones())).sum();
        listed.len() as u64 + in_bitmaps
    }

    fn slot_start(&self, entry: usize) -> usize {
        entry.checked_sub(1).map_or(0, |before| self.slot_ends[before] as usize)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.paths.memory_bytes()
            + self.entries.memory_bytes()
            + (self.path_ends.capacity() + self.slot_ends.capacity()) * size_of::<u32>()
            + self.slots.capacity() * size_of::<u16>()
            + self.dense_entries.capacity() * size_of::<u32>()
            + self.dense_words.capacity() * size_of::<u64>()
            + self.id_places.memory_bytes()
    }
}

impl Posting<'_> {
    /// How many of the slots are among some.
    pub(super) fn count_in(self, slots: &Bits) -> u64 {
        match self {
            Self::List(listed) => listed.iter().filter(|&&slot| slots.has(slot)).count() as u64,
            Self::Dense(words) => slots.count_with(words),
        }
    }

    /// Whether any of the slots is among some.
    pub(super) fn meets(self, slots: &Bits) -> bool {
        match self {
            Self::List(listed) => listed.iter().any(|&slot| slots.has(slot)),
            Self::Dense(words) => {
                slots.words().iter().zip(words).any(|(slots, word)| slots & word != 0)
            }
        }
    }

    pub(super) fn for_each(self, visit: &mut impl FnMut(u32)) {
        match self {
            Self::List(slots) => slots.iter().for_each(|&slot| visit(u32::from(slot))),
            Self::Dense(words) => {
                for (&word, first) in words.iter().zip((0..).step_by(64)) {
                    let mut rest = word;
                    while rest != 0 {
                        visit(first + rest.trailing_zeros());
                        rest &= rest - 1;
                    }
                }
            }
        }
    }
}
