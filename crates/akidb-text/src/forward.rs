//! Which terms each document has, so that what is removed is taken out of the statistics.

use std::sync::Arc;

use crate::{language::Manner, lengths::CHUNK_SLOTS, numbers};

/// The terms of the document in each slot.
#[derive(Clone, Debug, Default)]
pub(crate) struct Forward {
    pub(crate) chunks: Vec<Arc<ForwardChunk>>,
    pub(crate) slot_count: u32,
}

/// Those of slots that follow one another. Shared with what is being written to disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct ForwardChunk {
    /// Of each document how it was analyzed, and its terms as differences of ascending numbers; nothing
    /// where a slot has no words.
    pub(crate) bytes: Vec<u8>,
    /// Where those of each slot end.
    pub(crate) ends: Vec<u32>,
}

impl Forward {
    /// Adds a slot behind all others, and says how much more memory that took. `terms` ascend.
    pub(crate) fn push(&mut self, slot: u32, document: Option<(Manner, &[u32])>) -> usize {
        let mut grown = 0;
        while self.slot_count < slot {
            grown += self.push_next(None);
        }
        grown + self.push_next(document)
    }

    fn push_next(&mut self, document: Option<(Manner, &[u32])>) -> usize {
        let mut before = 0;
        if self.slot_count.is_multiple_of(CHUNK_SLOTS) {
            self.chunks.push(Arc::default());
        } else {
            before = self.chunks.last().map_or(0, |chunk| chunk.memory_bytes());
        }
        self.slot_count += 1;
        let Some(chunk) = self.chunks.last_mut() else { return 0 };
        let ForwardChunk { bytes, ends } = Arc::make_mut(chunk);
        if let Some((manner, terms)) = document {
            bytes.push(manner.to_byte());
            let mut before = 0;
            for &term in terms {
                numbers::push(term - before, |byte| bytes.push(byte));
                before = term;
            }
        }
        ends.push(bytes.len() as u32);
        chunk.memory_bytes().saturating_sub(before)
    }

    /// How a document was analyzed, and its terms, ascending.
    pub(crate) fn terms(&self, slot: u32) -> Option<(Manner, Vec<u32>)> {
        if slot >= self.slot_count {
            return None;
        }
        let chunk = self.chunks.get((slot / CHUNK_SLOTS) as usize)?;
        let at = (slot % CHUNK_SLOTS) as usize;
        let start = at.checked_sub(1).map_or(0, |before| chunk.ends[before] as usize);
        let bytes = &chunk.bytes[start..*chunk.ends.get(at)? as usize];
        let (&manner, mut rest) = bytes.split_first()?;
        let mut before = 0_u32;
        let mut terms = Vec::new();
        while let Some(gap) = numbers::take(&mut rest) {
            before = before.wrapping_add(gap);
            terms.push(before);
        }
        Some((Manner::from_byte(manner)?, terms))
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.memory_bytes()).sum()
    }
}

impl ForwardChunk {
    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.bytes.capacity() + self.ends.capacity() * size_of::<u32>()
    }
}
