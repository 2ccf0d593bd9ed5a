//! From the metadata of documents to a block.

use std::ops::Range;

use akidb_core::{DocumentId, Filtered, Timestamp};
use serde_json::Value;

use super::{
    BLOCK_WEIGHT_BYTES_MAX, FilterIndex,
    block::{Block, RUN_SLOTS},
    block_writer::BlockWriter,
    entry::{self, PRESENT, SEVERAL, ValuePlace},
    interned::Interned,
};

/// The path under which slots are posted that have a field whose path is too long to be kept. No
/// field has it, for keys are not empty.
pub(super) const LONG_PATHS: &[u8] = &[];

/// The path under which ids are posted. No field has it, for keys do not start with a dollar.
pub(super) const IDS: &[u8] = b"$id";

/// The path under which moments of expiry are posted, as dates. No field has it either.
pub(super) const EXPIRIES: &[u8] = b"$expires_at";

/// Collects the entries of documents whose slots are of one run.
pub(super) struct BlockBuilder {
    slots: Range<u32>,
    /// The number of the document at hand, from 1.
    document: u32,
    paths: Interned,
    /// Each entry behind the number of its path.
    entries: Interned,
    /// For each path and for each entry, the last document that had it.
    path_documents: Vec<u32>,
    entry_documents: Vec<u32>,
    postings: Vec<Posted>,
    key: Vec<u8>,
}

/// That an entry is of some slots.
struct Posted {
    entry: u32,
    slots: Range<u32>,
}

impl BlockBuilder {
    pub(super) fn new(first: u32) -> Self {
        Self {
            slots: first..first,
            document: 0,
            paths: Interned::default(),
            entries: Interned::default(),
            path_documents: Vec::new(),
            entry_documents: Vec::new(),
            postings: Vec::new(),
            key: Vec::new(),
        }
    }

    /// Adds a document under slots behind all before.
    pub(super) fn add(&mut self, slots: Range<u32>, document: Filtered<'_>) {
        self.document += 1;
        self.slots.end = slots.end;
        self.add_id(&slots, document.id);
        if let Some(moment) = document.expires_at {
            self.add_expiry(&slots, moment);
        }
        document.metadata.for_each_field(
            FilterIndex::PATH_BYTES_MAX,
            &mut |path, value| match path {
                Some(path) => self.add_value(&slots, path.as_bytes(), value),
                None => {
                    let path = self.path_number(LONG_PATHS);
                    self.post(path, PRESENT, &slots);
                }
            },
        );
    }

    /// Whether it takes another document, under slots from `first` on.
    pub(super) fn takes(&self, first: u32) -> bool {
        let strings = self.entries.strings().bytes().len() + self.paths.strings().bytes().len();
        let weight_bytes = strings + self.postings.len() * size_of::<Posted>();
        first / RUN_SLOTS == self.slots.start / RUN_SLOTS && weight_bytes < BLOCK_WEIGHT_BYTES_MAX
    }

    fn add_id(&mut self, slots: &Range<u32>, id: &DocumentId) {
        let path = self.path_number(IDS);
        let mut entry = Vec::with_capacity(64);
        entry::of_id(id, &mut entry);
        self.post(path, PRESENT, slots);
        self.post(path, &entry, slots);
    }

    fn add_expiry(&mut self, slots: &Range<u32>, moment: Timestamp) {
        self.add_value(slots, EXPIRIES, &Value::from(moment.to_string()));
    }

    fn add_value(&mut self, slots: &Range<u32>, path: &[u8], value: &Value) {
        let path = self.path_number(path);
        let seen = &mut self.path_documents[path as usize];
        let is_first = *seen != self.document;
        *seen = self.document;
        self.post(path, if is_first { PRESENT } else { SEVERAL }, slots);
        let mut post = |entry: &[u8]| self.post(path, entry, slots);
        entry::for_each(value, ValuePlace::Value, &mut post);
        for element in value.as_array().into_iter().flatten() {
            entry::for_each(element, ValuePlace::Element, &mut post);
        }
    }

    fn path_number(&mut self, path: &[u8]) -> u32 {
        let number = self.paths.number(path);
        if number as usize == self.path_documents.len() {
            self.path_documents.push(0);
        }
        number
    }

    fn post(&mut self, path: u32, entry: &[u8], slots: &Range<u32>) {
        self.key.clear();
        self.key.extend_from_slice(&path.to_be_bytes());
        self.key.extend_from_slice(entry);
        let number = self.entries.number(&self.key);
        if number as usize == self.entry_documents.len() {
            self.entry_documents.push(0);
        }
        let seen = &mut self.entry_documents[number as usize];
        if *seen != self.document {
            *seen = self.document;
            self.postings.push(Posted { entry: number, slots: slots.clone() });
        }
    }

    /// The block of all that was added.
    pub(super) fn finish(self) -> Block {
        let paths = self.paths.strings();
        let entries = self.entries.strings();
        let mut sorted_paths: Vec<usize> = (0..paths.len()).collect();
        sorted_paths.sort_unstable_by_key(|&path| paths.get(path));
        let by_path = grouped(paths.len(), entries.len(), |entry| path_of(entries.get(entry)));
        let by_entry = grouped(entries.len(), self.postings.len(), |posting| {
            self.postings[posting].entry as usize
        });

        let mut writer = BlockWriter::new(self.slots.start, self.slots.end);
        for path in sorted_paths {
            let mut of_path: Vec<u32> = by_path.of(path).to_vec();
            of_path
                .sort_unstable_by_key(|&entry| &entries.get(entry as usize)[PATH_NUMBER_BYTES..]);
            for entry in of_path {
                for &posting in by_entry.of(entry as usize) {
                    let slots = self.postings[posting as usize].slots.clone();
                    slots.for_each(|slot| writer.add_slot(slot));
                }
                writer.end_entry(&entries.get(entry as usize)[PATH_NUMBER_BYTES..]);
            }
            writer.end_path(paths.get(path));
        }
        writer.finish()
    }
}

const PATH_NUMBER_BYTES: usize = size_of::<u32>();

/// The number of the path that an interned entry is of.
fn path_of(key: &[u8]) -> usize {
    key.first_chunk().map_or(0, |&number| u32::from_be_bytes(number)) as usize
}

/// Items in the order of their groups, and within each in their own.
struct Grouped {
    ends: Vec<u32>,
    items: Vec<u32>,
}

impl Grouped {
    fn of(&self, group: usize) -> &[u32] {
        let start = group.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.items[start as usize..self.ends[group] as usize]
    }
}

/// A counting sort of `item_count` items.
fn grouped(group_count: usize, item_count: usize, group_of: impl Fn(usize) -> usize) -> Grouped {
    let mut next = vec![0_u32; group_count + 1];
    (0..item_count).for_each(|item| next[group_of(item) + 1] += 1);
    for group in 0..group_count {
        next[group + 1] += next[group];
    }
    let mut items = vec![0; item_count];
    for item in 0..item_count {
        let place = &mut next[group_of(item)];
        items[*place as usize] = item as u32;
        *place += 1;
    }
    // Each start has moved to the end of its group.
    next.truncate(group_count);
    Grouped { ends: next, items }
}
