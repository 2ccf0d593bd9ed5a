//! An index as it was at one moment: what is written to disk, and what a compacted one is made of.

use std::{
    io::{self, Write},
    sync::Arc,
};

use crate::{
    TextIndex, TextSettings, bytes,
    dictionary::{Dictionary, TermChunk},
    forward::Forward,
    index::{Rows, Statistics},
    lengths::Lengths,
};

/// An index at one moment. It shares its memory with the index; what writes change meanwhile is copied.
pub struct Frozen {
    pub(crate) settings: Arc<TextSettings>,
    /// The code of the length of each document, 0 where a slot has none.
    pub(crate) lengths: Vec<u8>,
    pub(crate) forward: Forward,
    pub(crate) chunks: Vec<Arc<TermChunk>>,
}

impl Frozen {
    /// One more than the last slot that was ever inserted.
    #[must_use]
    pub fn slot_count(&self) -> u32 {
        self.forward.slot_count
    }

    /// All of it as bytes that [`TextIndex::from_bytes`] reads on any machine, with a hash of them.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut written = Vec::new();
        // Writing into memory does not fail.
        drop(self.write_to(&mut written));
        written
    }

    /// Writes what [`to_bytes`](Self::to_bytes) makes.
    ///
    /// # Errors
    ///
    /// What `output` fails with.
    pub fn write_to(&self, output: &mut impl Write) -> io::Result<()> {
        bytes::write(self, output)
    }

    /// A new index in which slot `i` has the document of `old_slots[i]`; of each removed or unknown slot
    /// there, it has an empty one. Terms that no document has any more are left out.
    ///
    /// # Panics
    ///
    /// If a slot is listed twice.
    #[must_use]
    pub fn compacted(&self, old_slots: &[u32]) -> TextIndex {
        let mut new_slots = vec![u32::MAX; self.lengths.len()];
        for (new, &old) in (0..).zip(old_slots) {
            if let Some(entry) = new_slots.get_mut(old as usize) {
                assert!(*entry == u32::MAX, "slot {old} is listed twice");
                *entry = new;
            }
        }
        let renumbered = |old: u32| {
            let new = new_slots.get(old as usize).copied();
            new.filter(|&new| new != u32::MAX)
        };
        let mut dictionary = Dictionary::default();
        // By the old number of a term.
        let mut new_terms = Vec::new();
        for (term, list) in self.chunks.iter().flat_map(|chunk| chunk.iter()) {
            let list = list.renumbered(&self.lengths, &renumbered);
            if list.live == 0 {
                new_terms.push(u32::MAX);
                continue;
            }
            let (number, _) = dictionary.find_or_insert(term);
            *dictionary.list_mut(number) = list;
            new_terms.push(number);
        }
        self.with(old_slots, dictionary, &new_terms)
    }

    /// An index of documents in other slots, whose terms have other numbers.
    fn with(&self, old_slots: &[u32], dictionary: Dictionary, new_terms: &[u32]) -> TextIndex {
        let (mut forward, mut lengths) = (Forward::default(), Lengths::default());
        let mut statistics = Statistics::default();
        for (new, &old) in (0..).zip(old_slots) {
            let length = self.lengths.get(old as usize).copied().unwrap_or_default();
            let document = self.forward.terms(old).filter(|_| length != 0);
            let Some((manner, terms)) = document else {
                forward.push(new, None);
                continue;
            };
            // They ascend still: numbers are given in the order of the old ones.
            let terms = terms.iter().map(|&term| new_terms[term as usize]);
            let terms: Vec<u32> = terms.filter(|&term| term != u32::MAX).collect();
            forward.push(new, Some((manner, &terms)));
            lengths.set(new, length);
            statistics.add(manner, length);
        }
        let visible = forward.slot_count;
        let rows = Rows { dictionary, lengths, visible, statistics };
        TextIndex::of(Arc::clone(&self.settings), forward, rows)
    }
}
