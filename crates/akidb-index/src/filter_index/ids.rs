//! Which document stands in a slot: the entries of ids, read the other way round.

use std::{ops::Range, sync::OnceLock};

use akidb_core::DocumentId;

use super::{
    block::{Block, Posting},
    builder::IDS,
    entry,
};

/// For each slot of a block the place of its id among the entries of ids. It is made when a slot is
/// first asked for, in one pass over these, and takes two bytes a slot.
#[derive(Debug, Default)]
pub(super) struct IdPlaces(OnceLock<Vec<u16>>);

impl IdPlaces {
    pub(super) fn memory_bytes(&self) -> usize {
        self.0.get().map_or(0, |places| places.capacity() * size_of::<u16>())
    }
}

impl Block {
    /// The id of the document that was inserted under a slot.
    pub(super) fn id_of(&self, slot: u32) -> Option<DocumentId> {
        if !(self.first..self.end).contains(&slot) {
            return None;
        }
        let ids = self.id_entries();
        let places = self.id_places.0.get_or_init(|| {
            let mut places = vec![0; self.slot_count() as usize];
            let before_first = self.first - self.base();
            for (place, entry) in ids.clone().enumerate() {
                self.posting(entry).for_each(&mut |slot| {
                    let at = slot.checked_sub(before_first);
                    if let Some(at) = at.and_then(|at| places.get_mut(at as usize)) {
                        *at = place as u16;
                    }
                });
            }
            places
        });
        let entry = ids.start + usize::from(places[(slot - self.first) as usize]);
        // A slot that was left out has the first place, as the first id has.
        if entry >= ids.end || !self.posting(entry).has(slot - self.base()) {
            return None;
        }
        entry::id_of(self.entries.get(entry))
    }

    /// The entries of ids, of which there are no more than slots.
    fn id_entries(&self) -> Range<usize> {
        let all = self.field(IDS);
        let has_present = !all.is_empty() && self.entries.get(all.start) == entry::PRESENT;
        all.start + usize::from(has_present)..all.end
    }
}

impl Posting<'_> {
    /// Whether a slot, counted from the base of its block, is among them.
    fn has(self, slot: u32) -> bool {
        match self {
            Self::List(slots) => {
                u16::try_from(slot).is_ok_and(|slot| slots.binary_search(&slot).is_ok())
            }
            Self::Dense(words) => {
                words.get((slot / 64) as usize).is_some_and(|word| word >> (slot % 64) & 1 == 1)
            }
        }
    }
}
