//! The index that answers filters: from a filter to the exact set of slots whose documents match it.
//!
//! Every value of every field, every id and moment of expiry is indexed without being declared. Entries of a field and a value,
//! each with its slots, stand sorted in blocks of at most 65,536 slots that follow one another and
//! are never changed. A write makes a small block and merges it with the last ones where those are
//! not much larger, as a log-structured merge tree does (O'Neil et al. 1996); a search takes hold
//! of the list of blocks and reads it without a lock. Within a block a filter is worked out in
//! bitmaps that fit the first cache; a condition on a range reads one range of slots; whatever is
//! asked, no more than all slots of a field are read, and no value is compared one by one.
//!
//! Memory that a value takes is bounded: strings beyond [`FilterIndex::STRING_BYTES_MAX`] keep their start, and
//! lists and objects beyond [`FilterIndex::COMPOUND_BYTES_MAX`] a hash when they are compared as a whole. So are
//! paths: those beyond [`FilterIndex::PATH_BYTES_MAX`] are not kept. Where that leaves open whether a slot
//! matches, the answer says so, see [`Matching`].
//!
//! | module | what it is |
//! |---|---|
//! | `entry` | what of a value is posted, under which bytes |
//! | `builder`, `interned` | from documents to a block |
//! | `block`, `block_writer`, `merge` | blocks, and how they come from others |
//! | `compiled`, `evaluate`, `bits` | a filter made ready, and held against a block |
//! | `ids` | the document that stands in a slot |
//! | `walk` | the values of a field in their order, over all blocks |
//! | `facets`, `ordered` | how many slots have which values, and slots in the order of these |
//! | `state` | the blocks and removed slots of one moment |
//! | `bytes` | all of it as bytes, and back from bytes that nobody vouches for |
//! | `strings` | byte strings in one piece of memory |

mod bits;
mod block;
mod block_writer;
mod builder;
mod bytes;
mod compiled;
mod entry;
mod evaluate;
mod facets;
mod ids;
mod interned;
mod merge;
mod ordered;
mod rows;
mod strings;
mod walk;

use std::{
    io::{self, Write},
    ops::Range,
    sync::Arc,
};

use akidb_core::{
    DocumentId, Facet, FacetCounts, FieldPath, Filter, Filtered, OrderBy, SortKey, TextTest,
};
use parking_lot::{Mutex, RwLock};
use roaring::RoaringBitmap;

use self::rows::FilterRows;
pub use self::{
    bytes::DamagedFilterIndex,
    ordered::{OrderStart, OrderedGroup},
};

/// Bytes of the start that is kept of a string that is not kept whole.
const LONG_STRING_START_BYTES: usize = SortKey::LONG_TEXT_BYTES;

/// A block of about as many bytes takes no more slots, so that its offsets fit 32 bits.
const BLOCK_WEIGHT_BYTES_MAX: usize = 64 << 20;

/// Which slots have metadata that match a filter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matching {
    /// Slots that match, all of them live.
    pub certain: RoaringBitmap,
    /// Live slots of which only the document tells whether they match, disjoint from `certain`;
    /// hold each against [`Filter::matches`]. Slots that are in neither do not match.
    ///
    /// It is empty but for these: strings beyond [`FilterIndex::STRING_BYTES_MAX`] in which `$contains`
    /// or `$icontains` look for a text, or which begin as a long operand does; lists and objects beyond
    /// [`FilterIndex::COMPOUND_BYTES_MAX`] that have the hash of an operand; `$contains` of several values
    /// through a list of objects; filters on a path beyond [`FilterIndex::PATH_BYTES_MAX`]; conditions on texts.
    pub unsure: RoaringBitmap,
}

impl Matching {
    /// The slots that match, where `matches` tells it of those that are unsure.
    #[must_use]
    pub fn resolved(self, mut matches: impl FnMut(u32) -> bool) -> RoaringBitmap {
        let mut all = self.certain;
        all.extend(self.unsure.iter().filter(|&slot| matches(slot)));
        all
    }
}

/// An index from metadata to slots, in memory.
///
/// All methods take `&self` and may be called from any number of threads. Writers wait for each
/// other. When a write has returned, every search that begins later sees all of it; a search sees
/// each write completely or not at all, and waits for none.
pub struct FilterIndex {
    /// Held through each write, so that a writer can prepare before it takes `published`.
    writer: Mutex<()>,
    /// What searches take hold of. Locked only to clone or to replace the `Arc`.
    published: RwLock<Arc<FilterRows>>,
}

impl Default for FilterIndex {
    fn default() -> Self {
        Self::new()
    }
}

/// An index of its own that holds this moment; what both hold they share.
impl Clone for FilterIndex {
    fn clone(&self) -> Self {
        Self { writer: Mutex::new(()), published: RwLock::new(self.snapshot()) }
    }
}

impl FilterIndex {
    /// Bytes of a string that is kept whole.
    pub const STRING_BYTES_MAX: usize = SortKey::TEXT_BYTES_MAX;

    /// Bytes of a list or an object that is kept as a whole, besides its parts.
    pub const COMPOUND_BYTES_MAX: usize = 256;

    /// Bytes of a path that is kept.
    pub const PATH_BYTES_MAX: usize = FieldPath::BYTES_MAX;

    /// An index with no slots.
    #[must_use]
    pub fn new() -> Self {
        Self::holding(FilterRows::default())
    }

    fn holding(state: FilterRows) -> Self {
        Self { writer: Mutex::new(()), published: RwLock::new(Arc::new(state)) }
    }

    /// One more than the last slot that was ever inserted.
    #[must_use]
    pub fn slot_count(&self) -> u32 {
        self.published.read().slot_count()
    }

    /// How many slots a search can return.
    #[must_use]
    pub fn live_count(&self) -> u64 {
        self.published.read().live_count()
    }

    /// The heap memory held, in bytes, as allocated rather than as used.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.snapshot().memory_bytes()
    }

    /// Adds one document under all of `slots`, one for each of its passages.
    ///
    /// # Panics
    ///
    /// If `slots` begin before [`slot_count`](Self::slot_count). Slots that are left out match
    /// nothing.
    pub fn insert<'d>(&self, slots: Range<u32>, document: impl Into<Filtered<'d>>) {
        self.insert_batch([(slots, document)]);
    }

    /// Adds documents, each under slots behind those of the one before. Far cheaper for each
    /// document than [`insert`](Self::insert).
    ///
    /// # Panics
    ///
    /// If slots begin before those of the last document end. Nothing is added then.
    pub fn insert_batch<'d>(
        &self,
        documents: impl IntoIterator<Item = (Range<u32>, impl Into<Filtered<'d>>)>,
    ) {
        let _writer = self.writer.lock();
        let mut state = FilterRows::clone(&self.snapshot());
        state.insert(documents);
        self.publish(state);
    }

    /// Takes slots out of every later search. Slots that are removed or unknown stay so. Their
    /// memory is kept until the index is [compacted](Self::compacted).
    pub fn remove(&self, slots: &[u32]) {
        let _writer = self.writer.lock();
        let mut state = FilterRows::clone(&self.snapshot());
        state.remove(slots);
        self.publish(state);
    }

    /// The live slots whose documents match a filter. It knows nothing of texts: where a condition is on these, only the
    /// document tells.
    #[must_use]
    pub fn matching(&self, filter: &Filter) -> Matching {
        let state = self.snapshot();
        let slots = state.slot_count();
        state
            .matching(filter, &|_| Matching { unsure: (0..slots).collect(), ..Matching::default() })
    }

    /// The same, where somebody knows more: `texts` gives the slots that hold a condition on texts, and those of which only the
    /// document tells. It is asked of a moment that is not before the one that is searched.
    #[must_use]
    pub fn matching_with(
        &self,
        filter: &Filter,
        texts: &dyn Fn(&TextTest) -> Matching,
    ) -> Matching {
        self.snapshot().matching(filter, texts)
    }

    /// How many of some slots have which values of a field, over several indexes. Each slot stands for a
    /// document of its own. Texts beyond [`STRING_BYTES_MAX`](Self::STRING_BYTES_MAX), lists and objects as
    /// a whole, and `null` are not counted. It takes no memory for a value that is not listed, and
    /// time for each value that is there; `None` where `is_late` says that nobody waits for it any more.
    #[must_use]
    pub fn facet(
        of: &[(&Self, &RoaringBitmap)],
        facet: &Facet,
        is_late: &dyn Fn() -> bool,
    ) -> Option<FacetCounts> {
        let states: Vec<_> = of.iter().map(|(index, slots)| (index.snapshot(), *slots)).collect();
        facets::count(&states, facet, is_late)
    }

    /// Some slots in the order of a field, over several indexes, in groups of one value each: from the
    /// group of `start` on, as many groups as have `wanted` slots behind that one. Each slot stands for a
    /// document of its own. `None` where `is_late` says that nobody waits for them any more.
    #[must_use]
    pub fn in_order(
        of: &[(&Self, &RoaringBitmap)],
        order: &OrderBy,
        start: OrderStart<'_>,
        wanted: usize,
        is_late: &dyn Fn() -> bool,
    ) -> Option<Vec<OrderedGroup>> {
        let states: Vec<_> = of.iter().map(|(index, slots)| (index.snapshot(), *slots)).collect();
        ordered::groups(&states, order, start, wanted, is_late)
    }

    /// Whether any of some slots was removed.
    #[must_use]
    pub fn has_removed(&self, slots: &RoaringBitmap) -> bool {
        !self.snapshot().dead().is_disjoint(slots)
    }

    /// The id of the document that was inserted under a slot, be it removed or not.
    #[must_use]
    pub fn id_of(&self, slot: u32) -> Option<DocumentId> {
        self.snapshot().id_of(slot)
    }

    /// The paths that a filter asks for and that no live slot has, in the order of the filter. Of a
    /// path beyond [`PATH_BYTES_MAX`](Self::PATH_BYTES_MAX) this is only known where no slot has any.
    #[must_use]
    pub fn unknown_fields<'f>(&self, filter: &'f Filter) -> Vec<&'f str> {
        let state = self.snapshot();
        filter.fields().into_iter().filter(|path| state.lacks(path)).collect()
    }

    /// A new index in which slot `i` has the metadata of `old_slots[i]`; of each removed or unknown
    /// slot there, it has a removed one. It holds one moment of this index.
    ///
    /// # Panics
    ///
    /// If a slot is listed twice.
    #[must_use]
    pub fn compacted(&self, old_slots: &[u32]) -> Self {
        Self::holding(self.snapshot().compacted(old_slots))
    }

    /// All of it as bytes that [`from_bytes`](Self::from_bytes) reads on any machine.
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
        bytes::write(&self.snapshot(), output)
    }

    /// Reads an index back.
    ///
    /// Whatever the bytes are, this neither panics nor takes much more memory than they have. It
    /// finds bytes that no index can be made of; it does not find all damage, which a checksum
    /// around them has to.
    ///
    /// # Errors
    ///
    /// When they are cut off, of another format, or contradict themselves.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DamagedFilterIndex> {
        bytes::read(bytes).map(Self::holding)
    }

    /// Has searches see another state. What is left of the one before is freed when none waits.
    fn publish(&self, state: FilterRows) {
        let state = Arc::new(state);
        let before = std::mem::replace(&mut *self.published.write(), state);
        drop(before);
    }

    /// The state at this moment; later writes do not change it.
    fn snapshot(&self) -> Arc<FilterRows> {
        Arc::clone(&self.published.read())
    }
}
