//! Generations that take the place of others: without the removed vectors, or with other settings.
//!
//! A new generation is built from one moment of the old one while commits go on there. What they
//! did meanwhile is made up for at the end, while the next one waits; then the new generation is
//! the current one. Searches that began on the old one end there.

use std::sync::Arc;

use akidb_core::IndexSettings;
use akidb_index::VectorIndex;
use akidb_text::TextIndex;
use parking_lot::RwLock;
use roaring::RoaringBitmap;

use super::{Shared, generation::Generation, keys::slot, new_index, words::Words};

/// Vectors copied into a new index at once.
const COPY_ROWS: usize = 4_096;

/// Vectors that may still wait to be linked when an index takes the place of another.
const PENDING_MAX: usize = 4_096;

/// An index on its way to take the place of a generation's.
pub(super) struct Successor {
    index: Box<dyn VectorIndex>,
    settings: IndexSettings,
    /// Of each of its slots, the slot in the generation; ascending.
    old_slots: Vec<u32>,
    /// The words of the first of these slots.
    words: Option<TextIndex>,
    words_slots: usize,
}

impl Successor {
    /// An empty index with other settings.
    pub(super) fn new(shared: &Shared, settings: IndexSettings) -> Self {
        let thresholds = shared.indexing.thresholds;
        let index = new_index(shared.dimension, shared.metric, &settings, thresholds);
        Self { index, settings, old_slots: Vec::new(), words: None, words_slots: 0 }
    }

    /// The same index without the removed vectors.
    pub(super) fn compacted(old: &Generation) -> Self {
        let (index, old_slots) = old.index.compact();
        let mut compacted =
            Self { index, settings: old.settings, old_slots, words: None, words_slots: 0 };
        compacted.copy_words(old);
        compacted
    }

    pub(super) fn settings(&self) -> IndexSettings {
        self.settings
    }

    /// Vectors that are where they will be, of how many.
    pub(super) fn progress(&self, old: &Generation) -> (usize, usize) {
        (self.index.slot_count() - self.index.pending_count(), old.index.live_count())
    }

    /// Copies some vectors, and links some once it has nearly all. Says whether it could take the
    /// place now.
    pub(super) fn step(&mut self, old: &Generation, link_vectors: usize) -> bool {
        if self.copy(old, &old.live_slots(), COPY_ROWS) == COPY_ROWS {
            return false;
        }
        self.copy_words(old);
        self.index.link(link_vectors);
        self.index.pending_count() <= PENDING_MAX
    }

    /// Copies up to `rows` vectors that came after those that are here, and says how many.
    fn copy(&mut self, old: &Generation, live: &RoaringBitmap, rows: usize) -> usize {
        let first = self.old_slots.last().map_or(0, |last| last + 1);
        let mut vectors = Vec::new();
        let before = self.old_slots.len();
        for old_slot in live.range(first..).take(rows) {
            if let Some(vector) = old.index.vector(old_slot) {
                vectors.extend_from_slice(&vector);
                self.old_slots.push(old_slot);
            }
        }
        self.index.append(slot(before), &vectors);
        self.old_slots.len() - before
    }

    /// Copies the words of the slots that came since the last time.
    fn copy_words(&mut self, old: &Generation) {
        let new = &self.old_slots[self.words_slots..];
        let Some(words) = old.words.as_ref().filter(|_| !new.is_empty()) else { return };
        let words = words.index.freeze();
        match &mut self.words {
            Some(copied) => copied.append_from(&words, new),
            None => self.words = Some(words.compacted(new)),
        }
        self.words_slots = self.old_slots.len();
    }

    /// What takes the place of `old`, which must not change meanwhile.
    fn into_generation(mut self, old: &Generation) -> Generation {
        let live = old.live_slots();
        while self.copy(old, &live, COPY_ROWS) > 0 {}
        self.copy_words(old);
        let words = old.words.as_ref().map(|old| {
            let sources = Arc::clone(&old.sources);
            match self.words.take() {
                Some(index) => Words { index, sources },
                None => Words::new(sources),
            }
        });
        let removed = (0..).zip(&self.old_slots).filter(|(_, old_slot)| !live.contains(**old_slot));
        let removed: RoaringBitmap = removed.map(|(slot, _)| slot).collect();
        let proved = {
            let of_old = old.proved.read();
            let proved =
                (0..).zip(&self.old_slots).filter(|(_, old_slot)| of_old.contains(**old_slot));
            proved.map(|(slot, _)| slot).collect()
        };
        let generation = Generation {
            index: self.index,
            keys: RwLock::new(old.keys.read().of_slots(&self.old_slots)),
            filter: old.filter.compacted(&self.old_slots),
            words,
            proved: RwLock::new(proved),
            settings: self.settings,
            graph_due: 0,
        };
        generation.remove(&removed);
        generation
    }

    /// Becomes the current generation.
    pub(super) fn take_place(self, shared: &Shared) {
        let _writing = shared.writing.lock();
        let generation = self.into_generation(&shared.generation());
        *shared.current.write() = Arc::new(generation);
    }
}
