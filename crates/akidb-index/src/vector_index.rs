//! The contract that every vector index keeps.

use std::time::Duration;

use akidb_core::{Codes, Metric};

use crate::{Found, IndexHeader, SearchRequest, Section};

/// What a component of a vector takes in a scan that memory bounds, in picoseconds.
const VALUE_TIME_PS: u64 = 200;

/// Vectors of one dimension, found by their closeness to a query.
///
/// A vector is addressed by its *slot*: a dense number that the caller assigns, counting up from
/// zero without a gap. A slot is never used again within one index; an update is a new slot and a
/// removal. When too many slots are dead, the caller builds a new index from the live ones.
///
/// All methods take `&self` and may be called from any number of threads. When `append` or
/// `remove` has returned, every search that begins later, on any thread, sees all of its effect. A
/// search sees each such call completely or not at all, and never waits for one to read its input.
///
/// # What callers may not rely on
///
/// - The exact bits of a score: kernels differ between machines in the order of additions, so
///   scores differ in the last places. On one machine and one index they are repeatable.
/// - The bits of a vector read back: an index that measures [`Metric::Cosine`] keeps unit vectors
///   and forgets the lengths. The store holds the originals.
/// - Which of two concurrent writers goes first. Slots must be consecutive, so callers order their
///   appends themselves.
/// - An approximate index finding every neighbor. Only [`ExactIndex`](crate::ExactIndex) does.
/// - A removal giving memory back at once.
/// - Vectors that hold NaN or infinite values being found, or a zero vector having a meaning under
///   [`Metric::Cosine`]: refuse both before they come here. Debug builds assert the latter; other
///   builds score it as 0. A score that is NaN is never returned.
pub trait VectorIndex: Send + Sync {
    /// How many components each vector has.
    fn dimension(&self) -> usize;

    /// How closeness is measured.
    fn metric(&self) -> Metric;

    /// How many slots were ever appended, live or removed: the slot that the next append begins at.
    fn slot_count(&self) -> usize;

    /// How many slots hold a vector that a search can return.
    fn live_count(&self) -> usize;

    /// The heap memory held, in bytes, as allocated rather than as used.
    fn memory_bytes(&self) -> usize;

    /// Adds vectors under the slots `first_slot`, `first_slot + 1` and so on.
    ///
    /// `vectors` is row-major, rows x [`dimension`](Self::dimension).
    ///
    /// # Panics
    ///
    /// If `first_slot` is not [`slot_count`](Self::slot_count), if `vectors` is not whole rows, or
    /// if the slots would pass `u32::MAX`. Nothing is added then.
    fn append(&self, first_slot: u32, vectors: &[f32]);

    /// Takes slots out of every later search. A slot that is already removed stays so.
    ///
    /// # Panics
    ///
    /// If a slot was never appended. Nothing is removed then.
    fn remove(&self, slots: &[u32]);

    /// The vectors closest to `query`, and what finding them took.
    ///
    /// # Panics
    ///
    /// If `query` does not have [`dimension`](Self::dimension) components.
    fn search(&self, query: &[f32], request: &SearchRequest<'_>) -> Found;

    /// About how long a search takes on one core that does nothing else, by what it is expected to read.
    fn expected_time(&self, request: &SearchRequest<'_>) -> Duration {
        let live = self.live_count();
        let rows = request.allowed.map_or(live, |allowed| live.min(allowed.len() as usize));
        Duration::from_nanos((rows * self.dimension()) as u64 * VALUE_TIME_PS / 1_000)
    }

    /// Takes work that appends and removals left for later, about as much as it takes to put
    /// `vectors_max` vectors in their place in a graph; runs on the current rayon pool. Returns how
    /// much is left: call it in the background until that is 0. Searches are right before and after,
    /// and faster after. An index without a graph has nothing to do.
    fn link(&self, vectors_max: usize) -> usize {
        let _ = vectors_max;
        0
    }

    /// How many vectors [`link`](Self::link) has not put in their place yet, so that every search
    /// looks at each of them.
    fn pending_count(&self) -> usize {
        0
    }

    /// How many slots a graph holds, removed ones included; 0 where there is none.
    fn linked_count(&self) -> usize {
        0
    }

    /// What the graph is walked over; `None` where there is none. It is what the settings ask for,
    /// unless codes of that kind do not serve the vectors there are.
    fn codes(&self) -> Option<Codes> {
        None
    }

    /// Calls `visit` once with one moment of the index in parts, for a snapshot. Linking waits until
    /// it returns; appends, removals and searches go on, and what they change is not in the parts.
    /// Returns false, without a call, where an index is only ever made from its vectors.
    fn visit_parts(&self, visit: &mut dyn FnMut(&IndexHeader, &[Section<'_>])) -> bool {
        let _ = visit;
        false
    }

    /// A new index that holds only the live vectors, in the same order under new slots from 0, and
    /// the old slot of each new one.
    ///
    /// It holds one moment of this index. Writes made here meanwhile are not in it; the caller
    /// either holds them back or makes them again on the new index.
    fn compact(&self) -> (Box<dyn VectorIndex>, Vec<u32>);

    /// The part of [`memory_bytes`](Self::memory_bytes) that most of a search's time goes to:
    /// codes and links of a graph, or all of it where there is none.
    fn hot_memory_bytes(&self) -> usize {
        self.memory_bytes()
    }

    /// The vector under `slot` as the index keeps it, or `None` if it is removed or unknown.
    fn vector(&self, slot: u32) -> Option<Vec<f32>>;

    /// Calls `visit` with each live slot and its vector as the index keeps it, in the order of
    /// slots, all from one moment: writes made meanwhile neither wait nor show.
    fn for_each_live(&self, visit: &mut dyn FnMut(u32, &[f32]));
}
