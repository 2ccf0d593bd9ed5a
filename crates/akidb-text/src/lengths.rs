//! How long each document is, which also says which of them are there.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

/// Slots that stand together.
pub(crate) const CHUNK_SLOTS: u32 = 1 << 12;

/// Slots that the first chunk begins with.
const FIRST_SLOTS: u32 = 64;

/// The code of the length of the document in each slot; 0 where there is none.
///
/// A clone shares the codes, so that a removal is seen by searches that go on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lengths {
    chunks: Arc<Vec<Arc<[AtomicU8]>>>,
}

impl Lengths {
    /// Sets that of a slot, for which there is room then.
    pub(crate) fn set(&mut self, slot: u32, code: u8) {
        let chunk = (slot / CHUNK_SLOTS) as usize;
        let at = slot % CHUNK_SLOTS;
        let has_room = |chunk: &Arc<[AtomicU8]>| (at as usize) < chunk.len();
        if !self.chunks.get(chunk).is_some_and(has_room) {
            let chunks = Arc::make_mut(&mut self.chunks);
            while chunks.len() <= chunk {
                chunks.push(Arc::from([]));
            }
            let room = if chunk == 0 {
                (at + 1).next_power_of_two().max(FIRST_SLOTS)
            } else {
                CHUNK_SLOTS
            };
            let held = chunks[chunk].iter().map(|code| code.load(Ordering::Relaxed));
            let codes = held.chain(std::iter::repeat(0)).take(room as usize);
            chunks[chunk] = codes.map(AtomicU8::new).collect();
        }
        self.chunks[chunk][at as usize].store(code, Ordering::Relaxed);
    }

    /// Takes a slot out, and gives what it had.
    pub(crate) fn take(&self, slot: u32) -> u8 {
        self.code(slot).map_or(0, |code| code.swap(0, Ordering::Relaxed))
    }

    fn code(&self, slot: u32) -> Option<&AtomicU8> {
        self.chunk(slot / CHUNK_SLOTS).get((slot % CHUNK_SLOTS) as usize)
    }

    #[inline]
    pub(crate) fn get(&self, slot: u32) -> u8 {
        self.code(slot).map_or(0, |code| code.load(Ordering::Relaxed))
    }

    /// The codes of a chunk, as far as there are any.
    #[inline]
    pub(crate) fn chunk(&self, chunk: u32) -> &[AtomicU8] {
        self.chunks.get(chunk as usize).map_or(&[], |chunk| chunk)
    }

    pub(crate) fn to_bytes(&self, slot_count: u32) -> Vec<u8> {
        (0..slot_count).map(|slot| self.get(slot)).collect()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let mut lengths = Self::default();
        for (slot, &code) in (0..).zip(bytes) {
            if code != 0 {
                lengths.set(slot, code);
            }
        }
        lengths
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        let first = self.chunks.first().map_or(0, |chunk| chunk.len());
        // All behind the first are full, or empty.
        self.chunks.capacity() * size_of::<Arc<[AtomicU8]>>()
            + first
            + self.chunks.len().saturating_sub(1) * (CHUNK_SLOTS as usize + 16)
    }
}
