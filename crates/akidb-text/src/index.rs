//! The index: what writes do to it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use parking_lot::{Mutex, RwLock, RwLockReadGuard};

use crate::{
    AnalyzedDocument, Frozen, TextMatcher, TextQuery, TextSettings,
    analysis::{analyze, manner_of},
    block::Posting,
    count_code,
    dictionary::Dictionary,
    forward::Forward,
    language::Manner,
    lengths::Lengths,
    parsed::parse,
    query,
};

/// Terms of one document that are written before searches get a turn.
const TERMS_AT_ONCE: usize = 256;

/// An index from words to slots, in memory.
///
/// All methods take `&self` and may be called from any number of threads. Writers wait for each
/// other. When a write has returned, every search that begins later sees all of it; a search sees an
/// insert completely or not at all, and waits for none longer than it takes to write some hundred terms.
pub struct TextIndex {
    settings: Arc<TextSettings>,
    /// Held through each write. What only writers need stands in it.
    forward: Mutex<Forward>,
    rows: RwLock<Rows>,
    /// What postings, terms and `forward` take, kept up by writers.
    memory: AtomicUsize,
}

/// What searches read. They take hold of what they need of it and then let go.
#[derive(Default)]
pub(crate) struct Rows {
    pub(crate) dictionary: Dictionary,
    pub(crate) lengths: Lengths,
    /// Postings from this slot on are not to be seen yet.
    pub(crate) visible: u32,
    pub(crate) statistics: Statistics,
}

/// Of the documents that are not removed and that have a term.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Statistics {
    pub(crate) documents: u64,
    /// Words in all of them, as their codes have it.
    pub(crate) words: u64,
    /// Documents by how they were analyzed.
    manners: Vec<(Manner, u64)>,
}

impl Statistics {
    pub(crate) fn add(&mut self, manner: Manner, length: u8) {
        self.documents += 1;
        self.words += u64::from(count_code::decode(length));
        match self.manners.iter_mut().find(|(of, _)| *of == manner) {
            Some((_, count)) => *count += 1,
            None => self.manners.push((manner, 1)),
        }
    }

    fn subtract(&mut self, manner: Manner, length: u8) {
        self.documents = self.documents.saturating_sub(1);
        self.words = self.words.saturating_sub(count_code::decode(length).into());
        if let Some((_, count)) = self.manners.iter_mut().find(|(of, _)| *of == manner) {
            *count = count.saturating_sub(1);
        }
    }

    /// The ways in which documents were analyzed that are there, in an order of their own.
    pub(crate) fn manners(&self) -> Vec<Manner> {
        let held = self.manners.iter().filter(|(_, count)| *count > 0);
        let mut manners: Vec<Manner> = held.map(|&(manner, _)| manner).collect();
        manners.sort_unstable();
        manners
    }

    pub(crate) fn average_length(&self) -> f64 {
        self.words as f64 / self.documents.max(1) as f64
    }
}

impl TextIndex {
    /// An index with no slots.
    #[must_use]
    pub fn new(settings: TextSettings) -> Self {
        Self::of(Arc::new(settings), Forward::default(), Rows::default())
    }

    pub(crate) fn of(settings: Arc<TextSettings>, forward: Forward, rows: Rows) -> Self {
        let memory = AtomicUsize::new(forward.memory_bytes() + rows.dictionary.memory_bytes());
        Self { settings, forward: Mutex::new(forward), rows: RwLock::new(rows), memory }
    }

    /// Changes all of it while nobody else has it.
    pub(crate) fn write_alone(&mut self, write: impl FnOnce(&mut Rows, &mut Forward)) {
        let (rows, forward) = (self.rows.get_mut(), self.forward.get_mut());
        write(rows, forward);
        rows.visible = forward.slot_count;
        *self.memory.get_mut() = forward.memory_bytes() + rows.dictionary.memory_bytes();
    }

    /// What it was made with.
    #[must_use]
    pub fn settings(&self) -> &TextSettings {
        &self.settings
    }

    /// One more than the last slot that was ever inserted.
    #[must_use]
    pub fn slot_count(&self) -> u32 {
        self.rows.read().visible
    }

    /// Documents that have a word and are not removed.
    #[must_use]
    pub fn live_count(&self) -> u64 {
        self.rows.read().statistics.documents
    }

    /// How many different terms it has ever had.
    #[must_use]
    pub fn term_count(&self) -> usize {
        self.rows.read().dictionary.len()
    }

    /// The heap memory held, in bytes, nearly as allocated. It costs nothing to ask.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let lengths = self.rows.read().lengths.memory_bytes();
        size_of::<Self>() + lengths + self.memory.load(Ordering::Relaxed)
    }

    /// Takes the texts of a document apart, which is most of the work of inserting it and holds no lock.
    ///
    /// `texts` are those of fields, by the number of the field in the settings; a field may come more than
    /// once, as a list of strings does. Those of fields that are not there are passed over.
    #[must_use]
    pub fn analyze(&self, texts: &[(usize, &str)]) -> AnalyzedDocument {
        analyze(&self.settings, texts)
    }

    /// Adds a document.
    ///
    /// # Panics
    ///
    /// If `slot` is below [`slot_count`](Self::slot_count). Slots that are left out match nothing.
    pub fn insert(&self, slot: u32, texts: &[(usize, &str)]) {
        let document = self.analyze(texts);
        self.insert_batch([(slot, document)]);
    }

    /// Adds documents, each behind the one before, which are seen all at once.
    ///
    /// # Panics
    ///
    /// If a slot is not behind the one before, or the first below [`slot_count`](Self::slot_count).
    /// Nothing is added then.
    pub fn insert_batch(&self, documents: impl IntoIterator<Item = (u32, AnalyzedDocument)>) {
        let documents: Vec<_> = documents.into_iter().collect();
        let mut forward = self.forward.lock();
        let ascending = documents.is_sorted_by(|(a, _), (b, _)| a < b);
        let behind = documents.first().is_none_or(|(first, _)| *first >= forward.slot_count);
        assert!(ascending && behind, "slots of documents ascend");
        for (slot, document) in &documents {
            self.append(&mut forward, *slot, document);
        }
        self.rows.write().visible = forward.slot_count;
    }

    /// Adds a document that searches do not see yet.
    fn append(&self, forward: &mut Forward, slot: u32, document: &AnalyzedDocument) {
        if document.terms.is_empty() {
            self.memory.fetch_add(forward.push(slot, None), Ordering::Relaxed);
            return;
        }
        // A document of nothing but what does not count is there, too.
        let length = count_code::encode(document.length).max(1);
        let mut numbers = Vec::with_capacity(document.terms.len());
        let (mut grown, mut shrunk) = (0, 0);
        let mut terms = document.iter().peekable();
        while terms.peek().is_some() {
            let mut rows = self.rows.write();
            for (term, count, positions) in terms.by_ref().take(TERMS_AT_ONCE) {
                let (number, taken) = rows.dictionary.find_or_insert(term);
                let list = rows.dictionary.list_mut(number);
                let blocks = list.blocks.len();
                shrunk += list.heap_bytes();
                list.append(Posting { slot, count: count_code::encode(count), length }, positions);
                let new = list.blocks[blocks..].iter().map(|block| block.memory_bytes());
                grown += taken + list.heap_bytes() + new.sum::<usize>();
                numbers.push(number);
            }
            if terms.peek().is_none() {
                rows.lengths.set(slot, length);
                rows.statistics.add(document.manner, length);
            }
        }
        numbers.sort_unstable();
        grown += forward.push(slot, Some((document.manner, &numbers)));
        self.memory.fetch_add(grown, Ordering::Relaxed);
        self.memory.fetch_sub(shrunk, Ordering::Relaxed);
    }

    /// Takes slots out of every later search, and out of the statistics. Slots that are removed or unknown
    /// stay so. Their memory is kept until the index is [compacted](Frozen::compacted).
    pub fn remove(&self, slots: &[u32]) {
        let forward = self.forward.lock();
        for &slot in slots {
            let Some((manner, terms)) = forward.terms(slot) else { continue };
            let mut rows = self.rows.write();
            let length = rows.lengths.take(slot);
            if length == 0 {
                continue;
            }
            rows.statistics.subtract(manner, length);
            for number in terms {
                let list = rows.dictionary.list_mut(number);
                list.live = list.live.saturating_sub(1);
            }
        }
    }

    /// Makes a query of what somebody typed, over the index as it is at this moment. Any text is one.
    ///
    /// Words are alternatives: a document has a score by those it has. What stands in `"quotes"` or behind the
    /// name of a field and a colon has to be there, what has a `-` before it must not be, and `word*` stands
    /// for all words that begin so.
    #[must_use]
    pub fn query(&self, text: &str) -> TextQuery {
        let manners = self.rows.read().statistics.manners();
        let parsed = parse(text, &self.settings, &manners);
        let rows = self.rows.read();
        query::prepare(&parsed, &rows)
    }

    /// What finds the words of a query in texts, with the statistics of all documents of some indexes, which have the
    /// same settings; `None` where there is no index.
    #[must_use]
    pub fn matcher(of: &[&Self], text: &str) -> Option<TextMatcher> {
        let settings = of.first()?.shared_settings();
        let manners = Self::manners_of(of);
        let parsed = parse(text, &settings, &manners);
        let rows: Vec<_> = of.iter().map(|index| index.rows.read()).collect();
        let rows: Vec<&Rows> = rows.iter().map(|rows| &**rows).collect();
        Some(TextMatcher::new(settings, manners, &parsed, &rows))
    }

    /// The ways in which the documents of some indexes are analyzed; that of a document which says nothing where there are
    /// none.
    pub(crate) fn manners_of(indexes: &[&Self]) -> Vec<Manner> {
        let mut manners: Vec<Manner> =
            indexes.iter().flat_map(|index| index.rows.read().statistics.manners()).collect();
        manners.sort_unstable();
        manners.dedup();
        if let Some(index) = indexes.first().filter(|_| manners.is_empty()) {
            manners.push(manner_of(&index.settings, std::iter::empty()));
        }
        manners
    }

    pub(crate) fn shared_settings(&self) -> Arc<TextSettings> {
        Arc::clone(&self.settings)
    }

    /// What searches read. Writers wait until it is dropped.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Rows> {
        self.rows.read()
    }

    /// All of it at this moment, to be written or compacted while writes go on. Writes wait for as long as
    /// it takes to count up what is shared, some milliseconds at a million documents.
    #[must_use]
    pub fn freeze(&self) -> Frozen {
        let forward = self.forward.lock();
        let rows = self.rows.read();
        Frozen {
            settings: Arc::clone(&self.settings),
            lengths: rows.lengths.to_bytes(forward.slot_count),
            forward: forward.clone(),
            chunks: rows.dictionary.chunks().to_vec(),
        }
    }
}
