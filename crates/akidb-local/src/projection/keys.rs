//! Which vector stands in which slot: between the store's sequence numbers and the index's slots.

use std::ops::Range;

use akidb_core::Seq;
use akidb_store::VectorKey;
use roaring::RoaringBitmap;

/// The vector in each slot, ascending.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Keys {
    seqs: Vec<Seq>,
    /// Which passage of its document it is. Empty as long as each is the first, as it stays where
    /// texts are not cut.
    passages: Vec<u32>,
}

impl Keys {
    pub(super) fn push(&mut self, key: VectorKey) {
        if key.passage > 0 && self.passages.is_empty() {
            self.passages.resize(self.seqs.len(), 0);
        }
        if key.passage > 0 || !self.passages.is_empty() {
            self.passages.push(key.passage);
        }
        self.seqs.push(key.seq());
    }

    pub(super) fn extend(&mut self, keys: impl ExactSizeIterator<Item = VectorKey>) {
        self.seqs.reserve(keys.len());
        keys.for_each(|key| self.push(key));
    }

    pub(super) fn key(&self, slot: usize) -> VectorKey {
        let passage = self.passages.get(slot).copied().unwrap_or(0);
        VectorKey { document: Seq(self.seqs[slot].0 - u64::from(passage)), passage }
    }

    /// The highest number, 0 where there is none.
    pub(super) fn last(&self) -> Seq {
        self.seqs.last().copied().unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.seqs.len()
    }

    /// Whether documents may stand in several slots.
    pub(super) fn has_passages(&self) -> bool {
        !self.passages.is_empty()
    }

    /// The slots of documents, ascending; unknown ones have none.
    pub(super) fn of_documents(&self, documents: &[Seq]) -> RoaringBitmap {
        let mut slots = RoaringBitmap::new();
        let mut from = 0;
        for &document in documents {
            let found = self.of_document(document, from);
            slots.insert_range(slot(found.start)..slot(found.end));
            from = found.end;
        }
        slots
    }

    /// The slots of a document, none of which stands before `from`.
    pub(super) fn of_document(&self, document: Seq, mut from: usize) -> Range<usize> {
        let known = &self.seqs;
        // Galloping from the last match: one pass where many match, few steps where few do.
        let mut step = 1;
        while known.get(from + step).is_some_and(|known| *known < document) {
            step *= 2;
        }
        let end = (from + step + 1).min(known.len());
        from += known[from..end].partition_point(|known| *known < document);
        // The first passage may be missing where its row is damaged.
        let rest = (from..known.len()).take_while(|&slot| self.key(slot).document == document);
        from..from + rest.count()
    }

    /// The first slot of those behind a slot that is not of the same document as the one before.
    pub(super) fn end_of_document(&self, mut slot: usize) -> usize {
        let document = |slot: usize| self.key(slot).document;
        while 0 < slot && slot < self.len() && document(slot) == document(slot - 1) {
            slot += 1;
        }
        slot.min(self.len())
    }

    /// The first slot of the documents after one.
    pub(super) fn first_after(&self, document: Seq) -> usize {
        let from = self.seqs.partition_point(|known| *known <= document);
        let passages = (from..self.len()).take_while(|&slot| self.key(slot).document <= document);
        from + passages.count()
    }

    /// The keys of some slots, for an index that has only those.
    pub(super) fn of_slots(&self, slots: &[u32]) -> Self {
        let mut keys = Self::default();
        keys.extend(slots.iter().map(|&slot| self.key(slot as usize)));
        keys
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.seqs.capacity() * size_of::<Seq>() + self.passages.capacity() * size_of::<u32>()
    }

    /// Both arrays as bytes, little-endian.
    pub(super) fn to_bytes(&self) -> (Vec<u8>, Vec<u8>) {
        let seqs = self.seqs.iter().flat_map(|seq| seq.0.to_le_bytes()).collect();
        let passages = self.passages.iter().flat_map(|passage| passage.to_le_bytes()).collect();
        (seqs, passages)
    }

    /// From the arrays as bytes; `None` where they do not fit each other or do not ascend.
    pub(super) fn from_bytes(seqs: &[u8], passages: &[u8]) -> Option<Self> {
        let (seqs, seqs_rest) = seqs.as_chunks::<8>();
        let (passages, passages_rest) = passages.as_chunks::<4>();
        let seqs: Vec<Seq> = seqs.iter().map(|bytes| Seq(u64::from_le_bytes(*bytes))).collect();
        let passages: Vec<u32> = passages.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        let fit = passages.is_empty() || passages.len() == seqs.len();
        let within =
            passages.iter().zip(&seqs).all(|(&passage, seq)| u64::from(passage) < seq.0.max(1));
        let ascend = seqs.is_sorted_by(|left, right| left < right);
        let whole = seqs_rest.is_empty() && passages_rest.is_empty();
        (fit && within && ascend && whole).then_some(Self { seqs, passages })
    }
}

/// Slots stay below `u32::MAX`, which the index asserts.
pub(super) fn slot(slot: usize) -> u32 {
    u32::try_from(slot).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(keys: &[(u64, u32)]) -> Keys {
        let mut all = Keys::default();
        all.extend(
            keys.iter().map(|&(document, passage)| VectorKey { document: Seq(document), passage }),
        );
        all
    }

    #[test]
    fn documents_are_found_by_all_of_their_slots() {
        let one = keys(&[(3, 0), (5, 0), (9, 0)]);
        assert!(!one.has_passages());
        let slots = |keys: &Keys, documents: &[u64]| {
            let documents: Vec<Seq> = documents.iter().map(|&seq| Seq(seq)).collect();
            keys.of_documents(&documents).into_iter().collect::<Vec<_>>()
        };
        assert_eq!(slots(&one, &[1, 5, 9, 12]), [1, 2]);
        // The first passage of document 7 is missing.
        let cut = keys(&[(1, 0), (2, 0), (2, 1), (2, 2), (7, 1), (7, 2), (10, 0)]);
        assert_eq!(slots(&cut, &[2, 3, 7, 10]), [1, 2, 3, 4, 5, 6]);
        assert_eq!(slots(&cut, &[]), [0; 0]);
        assert_eq!(cut.of_document(Seq(7), 0), 4..6);
        assert_eq!(
            [0, 1, 2, 3, 5, 6, 7].map(|slot| cut.end_of_document(slot)),
            [0, 1, 4, 4, 6, 6, 7]
        );
        assert_eq!(
            [0, 1, 2, 3, 6, 7, 8, 10].map(|seq| cut.first_after(Seq(seq))),
            [0, 1, 4, 4, 4, 6, 6, 7]
        );
        assert_eq!(cut.of_slots(&[0, 2, 6]), keys(&[(1, 0), (2, 1), (10, 0)]));
    }

    #[test]
    fn bytes_are_read_back_and_nonsense_is_refused() {
        for all in [keys(&[]), keys(&[(3, 0), (5, 0)]), keys(&[(1, 0), (2, 0), (2, 1)])] {
            let (seqs, passages) = all.to_bytes();
            assert_eq!(Keys::from_bytes(&seqs, &passages), Some(all));
        }
        let (seqs, passages) = keys(&[(1, 0), (2, 0), (2, 1)]).to_bytes();
        assert_eq!(Keys::from_bytes(&seqs[..23], &passages), None);
        assert_eq!(Keys::from_bytes(&seqs, &passages[..8]), None);
        assert_eq!(Keys::from_bytes(&seqs.repeat(2), &passages.repeat(2)), None, "must ascend");
        let far = [9_u32, 9, 9].map(u32::to_le_bytes).concat();
        assert_eq!(Keys::from_bytes(&seqs, &far), None, "a passage before the first document");
    }
}
