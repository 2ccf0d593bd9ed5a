//! The memory of all vector indexes of a node, and the limit on it.
//!
//! Counted is what each open collection's index holds, and what writes are about to add to one. What
//! is there is never refused its memory: a collection opens, is read, and its documents are replaced
//! and deleted beyond the limit too. A write that adds documents beyond it is refused.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use akidb_core::{Dimension, Error, ErrorCode, IndexEngine, IndexSettings, Result};
use akidb_engine::IndexStatus;
use akidb_index::code_bytes;

/// When to try again where no memory is left: the indexes leave out removed vectors by then, as they
/// are told of the want.
const RETRY_AFTER_FULL: Duration = Duration::from_secs(30);

/// Bytes that vectors and codes are padded to: a cache line.
const LINE_BYTES: u64 = 64;

/// Bytes beside a vector: its sequence number, and which passage it is.
const KEY_BYTES: u64 = 12;

/// Bytes of the scale and the term of a code.
const CODE_TERM_BYTES: u64 = 8;

/// Bytes a vector and unit of `m` that the lists of the crate `hnsw_rs` were measured to take.
const HNSW_RS_LINK_BYTES: u64 = 164;

/// What all indexes hold together.
#[derive(Debug)]
pub(crate) struct IndexMemory {
    limit_bytes: Option<u64>,
    /// The sum of all shares. Below 0 only while two changes of one share pass each other.
    used_bytes: AtomicI64,
    /// Whether a write was refused since one last fitted.
    is_short: AtomicBool,
}

/// A part of the sum, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct MemoryShare {
    memory: Arc<IndexMemory>,
    bytes: AtomicI64,
}

impl IndexMemory {
    /// Nothing held yet, under a limit or without one.
    pub(crate) const fn new(limit_bytes: Option<u64>) -> Self {
        let (used_bytes, is_short) = (AtomicI64::new(0), AtomicBool::new(false));
        Self { limit_bytes, used_bytes, is_short }
    }

    /// A share of no bytes, for an index that sets it to what it holds.
    pub(crate) fn share(self: &Arc<Self>) -> MemoryShare {
        MemoryShare { memory: Arc::clone(self), bytes: AtomicI64::new(0) }
    }

    /// Whether memory is wanted that is not there, so that it is worth some work to give any back.
    pub(crate) fn is_short(&self) -> bool {
        self.is_short.load(Ordering::Relaxed)
    }

    /// A share of so many bytes, also beyond the limit: for what is there already.
    pub(crate) fn count(self: &Arc<Self>, bytes: u64) -> MemoryShare {
        let share = self.share();
        share.set(bytes);
        share
    }

    /// A share of so many bytes, for what is about to be added to an index.
    ///
    /// # Errors
    /// `index_memory_full` where they would go beyond the limit.
    pub(crate) fn reserve(self: &Arc<Self>, bytes: u64) -> Result<MemoryShare> {
        let wanted = signed(bytes);
        let grown = |used: i64| {
            let used = used.checked_add(wanted)?;
            self.limit_bytes.is_none_or(|limit| used <= signed(limit)).then_some(used)
        };
        match self.used_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown) {
            Ok(_) => {
                self.is_short.store(false, Ordering::Relaxed);
                Ok(MemoryShare { memory: Arc::clone(self), bytes: AtomicI64::new(wanted) })
            }
            Err(used) => {
                self.is_short.store(true, Ordering::Relaxed);
                Err(self.full(bytes, used))
            }
        }
    }

    fn full(&self, bytes: u64, used: i64) -> Error {
        let limit = self.limit_bytes.unwrap_or(u64::MAX);
        let message = format!(
            "{bytes} more bytes of vector indexes do not fit beside {} of {limit} \
             (index.memory_limit); documents that are there can be read, replaced and deleted, and \
             memory comes back soon after documents are deleted or a collection is dropped",
            used.max(0)
        );
        Error::new(ErrorCode::IndexMemoryFull, message).with_retry_after(RETRY_AFTER_FULL)
    }
}

impl MemoryShare {
    /// Counts what an index holds by now, also beyond the limit.
    pub(crate) fn set(&self, bytes: u64) {
        let bytes = signed(bytes);
        let before = self.bytes.swap(bytes, Ordering::Relaxed);
        self.memory.used_bytes.fetch_add(bytes - before, Ordering::Relaxed);
    }
}

impl Drop for MemoryShare {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// Bytes that an index holds, those included that it will need for what waits to be linked.
pub(crate) fn held_bytes(
    status: &IndexStatus,
    dimension: Dimension,
    settings: &IndexSettings,
) -> u64 {
    let pending = status.pending_count.saturating_mul(graph_bytes(dimension, settings));
    status.memory_bytes.saturating_add(pending)
}

/// Bytes that one vector takes in an index: itself, its key, its codes and its links.
pub(crate) fn vector_bytes(dimension: Dimension, settings: &IndexSettings) -> u64 {
    padded(dimension.get() as u64 * 4) + KEY_BYTES + graph_bytes(dimension, settings)
}

/// Bytes of a vector's codes and links.
fn graph_bytes(dimension: Dimension, settings: &IndexSettings) -> u64 {
    let codes = code_bytes(dimension.get(), settings.quantization) as u64;
    match settings.engine {
        IndexEngine::Exact => 0,
        // Twice `m` in the lowest layer, a share of the upper ones, and what stands beside a code.
        IndexEngine::Hnsw => codes + u64::from(2 * settings.m + 2) * 4 + CODE_TERM_BYTES,
        // It keeps a copy of its own of the vector.
        IndexEngine::HnswRs => {
            padded(dimension.get() as u64 * 4) + u64::from(settings.m) * HNSW_RS_LINK_BYTES
        }
    }
}

const fn padded(bytes: u64) -> u64 {
    bytes.next_multiple_of(LINE_BYTES)
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_refused_beyond_the_limit_and_shares_come_back() {
        let memory = Arc::new(IndexMemory::new(Some(100)));
        let index = memory.share();
        index.set(60);
        let write = memory.reserve(40).unwrap();
        let full = memory.reserve(1).unwrap_err();
        assert_eq!(full.code, ErrorCode::IndexMemoryFull);
        assert!(full.message.contains("beside 100 of 100 (index.memory_limit)"), "{full}");
        assert!(memory.is_short());
        // What is there already is counted, and never refused.
        drop(memory.count(1_000));
        drop(write);
        // An index may be larger than was thought.
        index.set(130);
        assert!(memory.reserve(1).is_err());
        index.set(20);
        drop(memory.reserve(80).unwrap());
        assert!(!memory.is_short());
        drop(index);
        assert!(memory.reserve(100).is_ok());
        assert!(memory.reserve(u64::MAX).is_err());
    }

    #[test]
    fn without_a_limit_everything_fits() {
        let memory = Arc::new(IndexMemory::new(None));
        let all = memory.reserve(1 << 60).unwrap();
        assert!(memory.reserve(1 << 60).is_ok());
        drop(all);
        assert_eq!(memory.used_bytes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_graph_is_counted_before_it_is_built() {
        let dimension = Dimension::new(384).unwrap();
        let settings = IndexSettings::default();
        let status = IndexStatus { memory_bytes: 1_000, pending_count: 10, ..Default::default() };
        assert_eq!(held_bytes(&status, dimension, &settings), 1_000 + 10 * (384 + 64 + 144));
        assert_eq!(vector_bytes(dimension, &settings), 1_536 + 12 + 384 + 64 + 144);
        let exact = IndexSettings { engine: IndexEngine::Exact, ..settings };
        assert_eq!(held_bytes(&status, dimension, &exact), 1_000);
    }
}
