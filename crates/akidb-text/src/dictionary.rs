//! The terms of an index, by their number, by their text and by their beginning.

use std::{collections::BTreeSet, sync::Arc};

use hashbrown::HashTable;

use crate::{hash::hash, list::List};

/// Terms that stand together.
pub(crate) const CHUNK_TERMS: usize = 256;

/// Bytes of a term that it is sorted by.
const KEY_BYTES: usize = 12;

/// What a term takes in the two tables that it is found by, in bytes, as measured.
const FOUND_BY_BYTES: usize = 36;

/// Terms and their postings. Numbers are given in the order of coming.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    by_text: HashTable<u32>,
    /// By the first bytes of a term, filled up with zeros; terms that have those in common come in no
    /// particular order.
    by_start: BTreeSet<([u8; KEY_BYTES], u32)>,
    chunks: Vec<Arc<TermChunk>>,
}

/// Terms that follow one another, and their postings. Shared with what is being written to disk, and
/// copied by the first change after that.
#[derive(Clone, Debug, Default)]
pub(crate) struct TermChunk {
    /// One term after the other.
    pub(crate) text: String,
    pub(crate) ends: Vec<u32>,
    pub(crate) lists: Vec<List>,
}

impl TermChunk {
    fn term(&self, at: usize) -> &str {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.text[start..self.ends[at] as usize]
    }

    /// Its terms and their postings.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &List)> {
        self.lists.iter().enumerate().map(|(at, list)| (self.term(at), list))
    }

    fn memory_bytes(&self) -> usize {
        self.text.capacity()
            + self.ends.capacity() * size_of::<u32>()
            + self.lists.capacity() * size_of::<List>()
    }
}

fn key(term: &str) -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    let length = term.len().min(KEY_BYTES);
    key[..length].copy_from_slice(&term.as_bytes()[..length]);
    key
}

fn term(chunks: &[Arc<TermChunk>], number: u32) -> &str {
    chunks[number as usize / CHUNK_TERMS].term(number as usize % CHUNK_TERMS)
}

impl Dictionary {
    /// One of terms and postings that were held before; `None` where a term stands in them twice.
    pub(crate) fn of(chunks: Vec<Arc<TermChunk>>) -> Option<Self> {
        let count = chunks.iter().map(|chunk| chunk.lists.len()).sum();
        let mut by_text = HashTable::with_capacity(count);
        let mut keys = Vec::with_capacity(count);
        for number in 0..count as u32 {
            let text = term(&chunks, number);
            let hashed = hash(text);
            if by_text.find(hashed, |&other| term(&chunks, other) == text).is_some() {
                return None;
            }
            by_text.insert_unique(hashed, number, |&other| hash(term(&chunks, other)));
            keys.push((key(text), number));
        }
        Some(Self { by_text, by_start: keys.into_iter().collect(), chunks })
    }

    pub(crate) fn chunks(&self) -> &[Arc<TermChunk>] {
        &self.chunks
    }

    pub(crate) fn len(&self) -> usize {
        self.by_text.len()
    }

    pub(crate) fn find(&self, text: &str) -> Option<u32> {
        self.by_text.find(hash(text), |&number| term(&self.chunks, number) == text).copied()
    }

    /// The number of a term, which is given one where it has none, and the memory that it took.
    pub(crate) fn find_or_insert(&mut self, text: &str) -> (u32, usize) {
        if let Some(number) = self.find(text) {
            return (number, 0);
        }
        let number = self.len() as u32;
        if self.len().is_multiple_of(CHUNK_TERMS) {
            self.chunks.push(Arc::default());
        }
        let mut grown = FOUND_BY_BYTES;
        if let Some(chunk) = self.chunks.last_mut() {
            let chunk = Arc::make_mut(chunk);
            let before = chunk.memory_bytes();
            chunk.text.push_str(text);
            chunk.ends.push(chunk.text.len() as u32);
            chunk.lists.push(List::default());
            grown += chunk.memory_bytes() - before;
        }
        let chunks = &self.chunks;
        self.by_text.insert_unique(hash(text), number, |&other| hash(term(chunks, other)));
        self.by_start.insert((key(text), number));
        (number, grown)
    }

    /// Terms that begin with `start`, at most the first `limit` of them.
    pub(crate) fn with_start(&self, start: &str, limit: usize) -> impl Iterator<Item = u32> {
        let from = key(start);
        let mut to = [u8::MAX; KEY_BYTES];
        let length = start.len().min(KEY_BYTES);
        to[..length].copy_from_slice(&from[..length]);
        let range = self.by_start.range((from, 0)..=(to, u32::MAX)).take(limit);
        let numbers = range.map(|&(_, number)| number);
        numbers.filter(move |&number| term(&self.chunks, number).starts_with(start))
    }

    pub(crate) fn list(&self, number: u32) -> &List {
        &self.chunks[number as usize / CHUNK_TERMS].lists[number as usize % CHUNK_TERMS]
    }

    pub(crate) fn list_mut(&mut self, number: u32) -> &mut List {
        let chunk = Arc::make_mut(&mut self.chunks[number as usize / CHUNK_TERMS]);
        &mut chunk.lists[number as usize % CHUNK_TERMS]
    }

    /// What all of it takes, by looking at every term.
    pub(crate) fn memory_bytes(&self) -> usize {
        let chunk_bytes = |chunk: &Arc<TermChunk>| {
            let lists = chunk.lists.iter().map(|list| {
                let blocks = list.blocks.iter().map(|block| block.memory_bytes());
                list.heap_bytes() + blocks.sum::<usize>()
            });
            chunk.memory_bytes() + lists.sum::<usize>()
        };
        self.len() * FOUND_BY_BYTES + self.chunks.iter().map(chunk_bytes).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_found_by_text_and_by_start() {
        let mut dictionary = Dictionary::default();
        let terms: Vec<String> =
            (0..2_000).map(|number| format!("a-long-beginning-{number}")).collect();
        for (number, term) in (0..).zip(&terms) {
            assert_eq!(dictionary.find(term), None);
            assert_eq!(dictionary.find_or_insert(term).0, number);
            assert_eq!(dictionary.find_or_insert(term), (number, 0));
        }
        assert_eq!(dictionary.find_or_insert("ab").0, 2_000);
        let starting = |start: &str| dictionary.with_start(start, usize::MAX).count();
        assert_eq!(starting("a"), 2_001);
        assert_eq!(starting("a-long-beginning-19"), 111);
        assert_eq!(starting("ab"), 1);
        assert_eq!(starting("abc"), 0);
        assert_eq!(starting("b"), 0);
        assert_eq!(dictionary.with_start("a", 5).count(), 5);
        let again = Dictionary::of(dictionary.chunks().to_vec()).unwrap();
        assert_eq!(again.len(), dictionary.len());
        assert_eq!(again.find(&terms[77]), Some(77));
        let mut doubled = dictionary.chunks().to_vec();
        doubled[1] = Arc::clone(&doubled[0]);
        assert!(Dictionary::of(doubled).is_none());
    }
}
