//! An index as it was at one moment: what is written to disk, and what a compacted one is made of.

use std::{
    io::{self, Write},
    sync::Arc,
};

use crate::{
    TextIndex, TextSettings, bytes, dictionary::TermChunk, forward::Forward, index::Rows,
    list::List,
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
        let mut index =
            TextIndex::of(Arc::clone(&self.settings), Forward::default(), Rows::default());
        index.append_from(self, old_slots);
        index
    }
}

impl TextIndex {
    /// Adds documents of another index of the same settings behind those that are here, as
    /// [`Frozen::compacted`] does. So an index that was made of an earlier moment catches up: it costs what those
    /// documents have, and a look at each term.
    ///
    /// # Panics
    ///
    /// If a slot is listed twice.
    pub fn append_from(&mut self, other: &Frozen, old_slots: &[u32]) {
        let from = old_slots.iter().copied().min().unwrap_or(u32::MAX);
        self.write_alone(|rows, forward| {
            let first = forward.slot_count;
            let mut new_slots = vec![u32::MAX; other.lengths.len().saturating_sub(from as usize)];
            for (new, &old) in (first..).zip(old_slots) {
                if let Some(entry) = new_slots.get_mut((old - from) as usize) {
                    assert!(*entry == u32::MAX, "slot {old} is listed twice");
                    *entry = new;
                }
            }
            let renumbered = |old: u32| {
                let new = new_slots.get((old - from) as usize).copied();
                new.filter(|&new| new != u32::MAX)
            };
            let new_terms = append_postings(rows, other, from, &renumbered);
            append_documents(rows, forward, other, old_slots, &new_terms);
        });
    }
}

/// Appends the postings of documents, and gives the new number of each term that they have, by the old one.
fn append_postings(
    rows: &mut Rows,
    other: &Frozen,
    from: u32,
    renumbered: &impl Fn(u32) -> Option<u32>,
) -> Vec<u32> {
    let mut new_terms = Vec::new();
    for (term, list) in other.chunks.iter().flat_map(|chunk| chunk.iter()) {
        let mut number = u32::MAX;
        if list.last >= from {
            let mut appended = List::default();
            if let Some(held) = rows.dictionary.find(term) {
                number = held;
                std::mem::swap(&mut appended, rows.dictionary.list_mut(held));
            }
            appended.append_from(list, from, &other.lengths, renumbered);
            // A term that none of the documents has is not taken over.
            if appended.live > 0 || number != u32::MAX {
                (number, _) = rows.dictionary.find_or_insert(term);
                *rows.dictionary.list_mut(number) = appended;
            }
        }
        new_terms.push(number);
    }
    new_terms
}

/// Appends what else is known of documents whose postings are there.
fn append_documents(
    rows: &mut Rows,
    forward: &mut Forward,
    other: &Frozen,
    old_slots: &[u32],
    new_terms: &[u32],
) {
    for (new, &old) in (forward.slot_count..).zip(old_slots) {
        let length = other.lengths.get(old as usize).copied().unwrap_or_default();
        let Some((manner, terms)) = other.forward.terms(old).filter(|_| length != 0) else {
            forward.push(new, None);
            continue;
        };
        let terms = terms.iter().map(|&term| new_terms[term as usize]);
        let mut terms: Vec<u32> = terms.filter(|&term| term != u32::MAX).collect();
        terms.sort_unstable();
        forward.push(new, Some((manner, &terms)));
        rows.lengths.set(new, length);
        rows.statistics.add(manner, length);
    }
}
