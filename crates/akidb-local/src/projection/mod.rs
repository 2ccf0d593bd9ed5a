//! What searches of one vector field run over, kept in step with the store of its collection.
//!
//! The store names row versions and the passages of one by sequence number, the indexes by dense
//! slots. This is where the two meet, and where what was found by several passages becomes one
//! document.
//!
//! | module | what it is |
//! |---|---|
//! | `all` | the projections of all fields of a collection |
//! | `keys` | which vector stands in which slot |
//! | `generation` | vectors, keys, filters and words over the same slots |
//! | `words` | the words of documents, and where they come from |
//! | `texts` | the documents that hold conditions on their texts |
//! | `search` | a search of a generation, as documents |
//! | `matching` | the documents that a filter lets through, as of one commit |
//! | `maintenance` | linking, compaction, rebuilding and snapshots, a step at a time |
//! | `renewal` | a generation that takes the place of another |
//! | `maintainer` | the thread that takes those steps, for all collections |
//! | `snapshot` | a generation as files |
//! | `load` | a generation from the files and the store, when a collection opens |

mod all;
mod generation;
mod keys;
mod load;
mod maintainer;
mod maintenance;
mod matching;
mod renewal;
mod search;
mod snapshot;
#[cfg(test)]
mod tests;
mod texts;
mod words;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use akidb_core::{Dimension, IndexEngine, IndexSettings, Metric, Seq};
use akidb_engine::{Clock, CollectionRecord, IndexState, IndexStatus, ScoreParts};
use akidb_index::{VectorIndex, open_engine};
use akidb_store::{CommitGate, CommittedChange, DiskSpace, FailStop, Position, VectorKey};
use parking_lot::{Mutex, RwLock};
use uuid::Uuid;

pub(crate) use self::{
    all::{FieldIdentity, Projections, index_folder},
    maintainer::Maintainer,
    matching::Matching,
    search::{FoundDocuments, View},
    texts::FoundTexts,
    words::{QueryWords, WordSources},
};
use self::{generation::Generation, maintenance::Maintenance, words::Words};
use crate::{
    IndexThresholds,
    index_memory::{IndexMemory, MemoryShare, held_bytes},
    metrics::Metrics,
};

/// A document that was found: by the nearest of its vectors, or by its words.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Candidate {
    /// Which of the parts that a search looks at has it.
    pub(crate) part: usize,
    /// Where the vector stands, or the first of its vectors.
    pub(crate) slot: u32,
    pub(crate) key: VectorKey,
    pub(crate) score: f32,
    /// What the score was made of, where that is more than one.
    pub(crate) score_parts: Option<ScoreParts>,
    /// Whether it was found by its words alone, and so by no passage.
    pub(crate) by_words: bool,
}

impl Candidate {
    fn by_words(slot: u32, key: VectorKey, score: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a score, far from the ends")]
        let score = score as f32;
        Self { slot, key, score, by_words: true, ..Self::default() }
    }
}

/// The searchable vectors of one field; clones share them.
#[derive(Clone)]
pub(crate) struct Projection {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    over: Over,
    dimension: Dimension,
    metric: Metric,
    current: RwLock<Arc<Generation>>,
    /// Held by a commit while it is brought into the indexes, and while a generation takes the
    /// place of another.
    writing: Mutex<()>,
    /// Twice the commits brought into the indexes, one more while one is.
    commits: AtomicU64,
    /// The settings that the index should have.
    wanted: RwLock<IndexSettings>,
    /// How many vectors of an index for these settings are in their place, of how many.
    rebuilding: RwLock<Option<(usize, usize)>>,
    /// Held by whoever takes a step of maintenance.
    maintenance: Mutex<Maintenance>,
    /// Whether vectors were removed since the index last had nothing to do.
    removed: AtomicBool,
    /// Whether the maintainer has been told of work.
    queued: AtomicBool,
    closed: AtomicBool,
    /// Whether its folder may go at any moment, so that no snapshot is worth anything any more.
    abandoned: AtomicBool,
    /// The last sequence number that the indexes contain.
    applied_seq: AtomicU64,
    /// Documents that the store has and that no search can find, or not by all of their passages:
    /// a vector of theirs is damaged or missing.
    unsearchable: RwLock<BTreeSet<Seq>>,
    /// What the indexes hold, as far as the limit on all of them is concerned.
    memory: MemoryShare,
    indexing: Indexing,
}

/// What the indexes of all collections share.
#[derive(Clone)]
pub(crate) struct Indexing {
    pub(crate) maintainer: Maintainer,
    pub(crate) memory: Arc<IndexMemory>,
    pub(crate) thresholds: IndexThresholds,
    pub(crate) metrics: Arc<Metrics>,
    /// Of the disk that snapshots are written to.
    pub(crate) space: Arc<DiskSpace>,
    /// Told of commits whose outcome is unknown.
    pub(crate) fail_stop: FailStop,
    /// Says which documents have expired.
    pub(crate) clock: Clock,
    /// Holds up the commits of all collections while a backup takes its moment.
    pub(crate) commits: CommitGate,
}

impl Context {
    /// Of the documents without a vector in the unnamed field. There are no files of it.
    fn of_documents(
        record: &CollectionRecord,
        folder: &Path,
        position: Position,
        indexing: Indexing,
    ) -> Self {
        Self {
            collection: record.uuid,
            over: Over::Documents,
            folder: folder.join("documents"),
            dimension: Dimension::ONE,
            metric: Metric::Dot,
            settings: IndexSettings { engine: IndexEngine::Exact, ..IndexSettings::default() },
            words: Some(Arc::new(WordSources::of(&record.keyword))),
            position,
            indexing,
        }
    }

    /// Indexes without slots.
    fn new_generation(&self) -> Generation {
        let index =
            new_index(self.dimension, self.metric, &self.settings, self.indexing.thresholds);
        let words = self.words.clone().map(Words::new);
        Generation::new(index, self.settings, words)
    }
}

fn new_index(
    dimension: Dimension,
    metric: Metric,
    settings: &IndexSettings,
    thresholds: IndexThresholds,
) -> Box<dyn VectorIndex> {
    open_engine(dimension.get(), metric, settings, thresholds.graph_vectors)
}

/// Whether a collection that is closed will be opened again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Yes,
    /// It is being dropped.
    No,
}

/// What a projection is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// The vectors of a field.
    Field(FieldIdentity),
    /// Documents that have no vector in the unnamed field. Each has a slot, where the same number
    /// stands for it, so that filters and what is removed go the way of all others.
    Documents,
}

/// What stands in the slot of a document without a vector.
const STANDS_FOR_DOCUMENT: f32 = 1.0;

/// What a field's index is made with.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) collection: Uuid,
    pub(crate) over: Over,
    /// Where its snapshots are.
    pub(crate) folder: PathBuf,
    pub(crate) dimension: Dimension,
    pub(crate) metric: Metric,
    pub(crate) settings: IndexSettings,
    /// How words are searched; absent where they are not, as in fields that have texts of their own.
    pub(crate) words: Option<Arc<WordSources>>,
    /// The state of the store that is to be searched.
    pub(crate) position: Position,
    pub(crate) indexing: Indexing,
}

impl Projection {
    fn of(
        context: Context,
        generation: Generation,
        maintenance: Maintenance,
        unsearchable: BTreeSet<Seq>,
    ) -> Self {
        let shared = Shared {
            over: context.over,
            dimension: context.dimension,
            metric: context.metric,
            current: RwLock::new(Arc::new(generation)),
            writing: Mutex::default(),
            commits: AtomicU64::new(0),
            wanted: RwLock::new(context.settings),
            rebuilding: RwLock::default(),
            maintenance: Mutex::new(maintenance),
            removed: AtomicBool::new(false),
            queued: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
            applied_seq: AtomicU64::new(context.position.seq.0),
            unsearchable: RwLock::new(unsearchable),
            memory: context.indexing.memory.share(),
            indexing: context.indexing,
        };
        let projection = Self { shared: Arc::new(shared) };
        projection.shared.count_memory();
        projection.call_maintainer();
        projection
    }

    /// Brings the indexes in step with a commit. Called by one writer at a time.
    pub(crate) fn apply(&self, change: &CommittedChange) {
        {
            let _writing = self.shared.writing.lock();
            self.shared.commits.fetch_add(1, Ordering::AcqRel);
            self.shared.generation().apply_new(change);
            self.shared.applied_seq.fetch_max(change.last_seq.0, Ordering::AcqRel);
            self.shared.removed.fetch_or(!change.removed.is_empty(), Ordering::Relaxed);
            self.shared.forget_unsearchable(&change.removed);
            self.shared.commits.fetch_add(1, Ordering::AcqRel);
        }
        self.shared.count_memory();
        self.call_maintainer();
    }

    /// Builds the index anew where it has to be for these settings, in the background; until then
    /// searches use what there is.
    pub(crate) fn set_settings(&self, settings: IndexSettings) {
        *self.shared.wanted.write() = settings;
        self.call_maintainer();
    }

    /// The documents that no search can find, or not by all of their passages.
    pub(crate) fn unsearchable(&self) -> BTreeSet<Seq> {
        self.shared.unsearchable.read().clone()
    }

    /// How many vectors stand for row versions, given in ascending order.
    pub(crate) fn vectors_of(&self, versions: &[Seq]) -> u64 {
        self.shared.generation().keys.read().of_documents(versions).len()
    }

    /// Vectors of now and before.
    pub(crate) fn slot_count(&self) -> usize {
        self.shared.generation().index.slot_count()
    }

    /// The length of its vectors.
    pub(crate) fn dimension(&self) -> usize {
        self.shared.dimension.get()
    }

    /// How many documents no search can find, or not by all of their passages, as a stored vector of
    /// theirs is damaged or missing.
    pub(crate) fn unsearchable_count(&self) -> u64 {
        self.shared.unsearchable.read().len() as u64
    }

    /// Has the maintainer look at the index, where something but a commit made work for it: searches
    /// that found its codes not to serve, or a write that was refused for want of memory.
    pub(crate) fn do_what_waits(&self) {
        self.call_maintainer();
    }

    fn call_maintainer(&self) {
        if self.shared.has_work() && !self.shared.queued.swap(true, Ordering::AcqRel) {
            self.shared.indexing.maintainer.call(Arc::downgrade(&self.shared));
        }
    }

    /// How far the index is, and what it takes. Its files are not looked at.
    pub(crate) fn status(&self) -> IndexStatus {
        self.shared.status()
    }

    /// Ends maintenance as soon as its step is over, before the folder goes. A snapshot that is being
    /// written may fail by that, which is no failure.
    pub(crate) fn abandon(&self) {
        self.shared.abandoned.store(true, Ordering::Release);
        self.shared.closed.store(true, Ordering::Release);
    }

    /// Ends maintenance, and keeps what changed since the last snapshot as files. Takes as long as
    /// a step of maintenance and the disk do.
    pub(crate) fn close(&self, kept: Kept) {
        self.shared.closed.store(true, Ordering::Release);
        let mut maintenance = self.shared.maintenance.lock();
        if kept == Kept::Yes {
            maintenance.snapshot_if_changed(&self.shared);
        }
    }
}

impl Shared {
    fn generation(&self) -> Arc<Generation> {
        Arc::clone(&self.current.read())
    }

    /// Row versions that are gone are no longer missed.
    fn forget_unsearchable(&self, removed: &[Seq]) {
        if self.unsearchable.read().is_empty() {
            return;
        }
        let mut unsearchable = self.unsearchable.write();
        for seq in removed {
            unsearchable.remove(seq);
        }
    }

    /// Tells what the indexes hold to whoever refuses writes for want of memory.
    fn count_memory(&self) {
        let settings = *self.wanted.read();
        self.memory.set(held_bytes(&self.status(), self.dimension, &settings));
    }

    fn status(&self) -> IndexStatus {
        let generation = self.generation();
        let (linked, pending) = (generation.index.linked_count(), generation.index.pending_count());
        let rebuilding = self.other_settings(&generation).is_some() || generation.degraded();
        let state = match (rebuilding, pending) {
            (true, _) => IndexState::Rebuilding,
            (false, 0) => IndexState::Ready,
            (false, _) => IndexState::Building,
        };
        let (done, all) = self.rebuilding.read().unwrap_or((linked, linked + pending));
        #[expect(clippy::cast_precision_loss, reason = "a share, to be looked at")]
        let progress = if all == 0 { 1.0 } else { done as f32 / all as f32 };
        IndexStatus {
            vector_count: generation.index.live_count() as u64,
            linked_count: linked as u64,
            codes: generation.index.codes(),
            pending_count: pending as u64,
            state,
            progress,
            memory_bytes: generation.memory_bytes() as u64,
            hot_memory_bytes: generation.index.hot_memory_bytes() as u64,
            disk_bytes: 0,
        }
    }
}
