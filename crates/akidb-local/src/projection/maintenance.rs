//! What is done to the indexes of a collection in the background, a step at a time.
//!
//! In order of need: removed vectors are left out, an index for other settings is built, a snapshot
//! of what is new is written, vectors are linked into the graph. A step is short, except that compaction and
//! snapshots take as long as the index is large.

use std::sync::atomic::Ordering;

use akidb_core::IndexSettings;
use akidb_index::SnapshotFolder;
use serde::{Deserialize, Serialize};

use super::{Shared, generation::Generation, renewal::Successor, snapshot};

/// Vectors linked in one step.
const LINK_STEP: usize = 1_024;

/// The share of removed vectors at which leaving them out pays: one in this many.
const DEAD_ONE_IN: usize = 5;

/// The same while writes are refused for want of memory.
const SHORT_ONE_IN: usize = 50;

/// The share of slots that must be new, or newly linked, for a snapshot to be written while the
/// collection is open: one in this many.
const SNAPSHOT_NEW_ONE_IN: usize = 4;

/// What maintenance knows from one step to the next.
pub(super) struct Maintenance {
    folder: SnapshotFolder,
    /// What the last snapshot contains, or would where it could not be written.
    snapshot: Option<Contained>,
    /// The index for other settings, as far as it is.
    successor: Option<Successor>,
}

/// What a snapshot contains, to see whether anything is new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Contained {
    pub(super) applied_seq: u64,
    pub(super) slots: usize,
    pub(super) linked: usize,
}

impl Maintenance {
    /// `snapshot` is what the folder's latest one contains.
    pub(super) fn new(folder: SnapshotFolder, snapshot: Option<Contained>) -> Self {
        Self { folder, snapshot, successor: None }
    }

    /// Writes a snapshot where there is something new, and enough in all to be worth files.
    pub(super) fn snapshot_if_changed(&mut self, shared: &Shared) {
        let generation = shared.generation();
        let now = shared.contained(&generation);
        if now.slots < shared.indexing.thresholds.snapshot_vectors || self.snapshot == Some(now) {
            return;
        }
        // Room is kept for what cannot be made again; an index can.
        if !shared.indexing.space.look() {
            self.snapshot = Some(now);
            return;
        }
        match snapshot::write(&mut self.folder, shared, &generation) {
            Ok(Some(contained)) => {
                self.snapshot = Some(contained);
                shared.indexing.metrics.indexes.snapshots.inc();
            }
            Ok(None) => {
                self.snapshot = Some(now);
                if let Err(error) = self.folder.discard() {
                    tracing::warn!(%error, "the files of the index of before stay");
                }
            }
            Err(error) if shared.abandoned.load(Ordering::Acquire) => {
                tracing::debug!(%error, "the snapshot of a collection that is dropped has ended");
            }
            Err(error) => {
                self.snapshot = Some(now);
                shared.indexing.metrics.indexes.snapshot_errors.inc();
                shared.indexing.space.note_failure(&error);
                tracing::error!(%error, "an index could not be written as a snapshot");
            }
        }
    }

    /// Whether a snapshot is worth its writing while the collection is open.
    fn snapshot_is_due(&self, shared: &Shared) -> bool {
        let generation = shared.generation();
        let (now, last) = (shared.contained(&generation), self.snapshot.unwrap_or_default());
        // Linking is most of the work that a snapshot saves, so as long as it goes on, it counts.
        let new = match generation.index.pending_count() {
            0 => now.slots.abs_diff(last.slots).max(now.linked.abs_diff(last.linked)),
            _ => now.linked.abs_diff(last.linked),
        };
        now.slots >= shared.indexing.thresholds.snapshot_vectors
            && new > now.slots / SNAPSHOT_NEW_ONE_IN
    }

    pub(super) fn rebuild_step(
        &mut self,
        shared: &Shared,
        generation: &Generation,
        settings: IndexSettings,
    ) {
        let successor = self.successor.take().filter(|it| it.settings() == settings);
        let mut successor = successor.unwrap_or_else(|| Successor::new(shared, settings));
        if successor.step(generation, LINK_STEP) {
            self.take_place(successor, shared);
            shared.indexing.metrics.indexes.rebuilds.inc();
        } else {
            let (done, of) = successor.progress(generation);
            *shared.rebuilding.write() = Some((done, of));
            self.successor = Some(successor);
        }
    }

    /// Gives up what is being built, where the settings are those of before again or its slots are
    /// about to be numbered anew.
    fn forget_successor(&mut self, shared: &Shared) {
        if self.successor.take().is_some() {
            *shared.rebuilding.write() = None;
        }
    }

    fn compact(&mut self, shared: &Shared, generation: &Generation) {
        self.forget_successor(shared);
        self.take_place(Successor::compacted(generation), shared);
        shared.indexing.metrics.indexes.compactions.inc();
    }

    fn take_place(&mut self, successor: Successor, shared: &Shared) {
        successor.take_place(shared);
        *shared.rebuilding.write() = None;
        self.folder.begin_anew();
        self.snapshot = None;
    }
}

impl Shared {
    /// Takes a step of maintenance, and says whether there is more to do.
    pub(super) fn take_step(&self) -> bool {
        // Whoever changes something from here on calls again.
        self.queued.store(false, Ordering::Release);
        let mut maintenance = self.maintenance.lock();
        if self.closed.load(Ordering::Acquire) {
            return false;
        }
        let generation = self.generation();
        let other_settings = self.other_settings(&generation);
        if other_settings.is_none() {
            maintenance.forget_successor(self);
        }
        if self.is_sparse(&generation) {
            maintenance.compact(self, &generation);
        } else if let Some(settings) = other_settings {
            maintenance.rebuild_step(self, &generation, settings);
        } else if maintenance.snapshot_is_due(self) {
            maintenance.snapshot_if_changed(self);
        } else if self.has_links_to_set(&generation) {
            self.removed.store(false, Ordering::Relaxed);
            if generation.index.link(LINK_STEP) > 0 {
                self.removed.store(true, Ordering::Relaxed);
            }
        }
        let more = self.has_work() || maintenance.snapshot_is_due(self);
        self.count_memory();
        more && !self.queued.swap(true, Ordering::AcqRel)
    }

    /// Whether a step would do something, snapshots aside.
    pub(super) fn has_work(&self) -> bool {
        let generation = self.generation();
        self.is_sparse(&generation)
            || self.other_settings(&generation).is_some()
            || self.has_links_to_set(&generation)
    }

    /// Whether vectors wait to be linked, or some that were removed may have left holes.
    fn has_links_to_set(&self, generation: &Generation) -> bool {
        generation.index.pending_count() > 0 || self.removed.load(Ordering::Relaxed)
    }

    /// The settings that the index should have, where it has others. `ef` is a matter of searches.
    pub(super) fn other_settings(&self, generation: &Generation) -> Option<IndexSettings> {
        let wanted = *self.wanted.read();
        let built = IndexSettings { ef: wanted.ef, ..generation.settings };
        (built != wanted).then_some(wanted)
    }

    pub(super) fn contained(&self, generation: &Generation) -> Contained {
        Contained {
            applied_seq: self.applied_seq.load(Ordering::Relaxed),
            slots: generation.index.slot_count(),
            linked: generation.index.linked_count(),
        }
    }

    fn is_sparse(&self, generation: &Generation) -> bool {
        let dead = generation.dead_count();
        if self.indexing.memory.is_short() && dead > generation.index.slot_count() / SHORT_ONE_IN {
            return true;
        }
        dead >= self.indexing.thresholds.removed_vectors
            && dead >= generation.index.slot_count() / DEAD_ONE_IN
    }
}
