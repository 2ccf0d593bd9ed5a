//! What a search asks for, and what it gives back.

use std::time::Instant;

use akidb_core::{Effort, Strategy};
use roaring::RoaringBitmap;

/// One vector found by a search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbor {
    /// The slot that the vector was appended under.
    pub slot: u32,
    /// How close it is to the query in the metric of the index; higher is closer. Never NaN.
    pub score: f32,
}

/// Which threads a search may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parallelism {
    /// The calling thread alone: the most searches per second when many run at once.
    #[default]
    CallingThread,
    /// The current rayon pool, where there is enough to scan: the shortest time for one search.
    ThreadPool,
}

/// Whether the index chooses how to go about a search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Approach {
    /// It does, by what it expects each way to cost.
    #[default]
    Planned,
    /// It walks the graph, whatever that costs.
    Walk,
    /// It scans the codes of all that may be returned.
    Scan,
}

/// What a search asks for. Start from [`SearchRequest::nearest`] and change what differs.
#[derive(Clone, Copy, Debug)]
pub struct SearchRequest<'a> {
    /// The most neighbors to return. Zero returns none; more than the index holds returns all.
    pub limit: usize,
    /// Only slots in this set may be returned. `None` allows every live slot. Slots in the set
    /// that are removed or were never appended are skipped.
    pub allowed: Option<&'a RoaringBitmap>,
    /// Which threads may work on it. The result is the same either way.
    pub parallelism: Parallelism,
    /// What is done to find them.
    pub effort: Effort,
    /// From when on nobody waits for the answer. A search that is not over by then ends soon, and what
    /// it gives is to be thrown away: look at the clock.
    pub deadline: Option<Instant>,
}

/// What a search found, and what it did for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The neighbors, best first; equal scores in the order of their slots.
    pub neighbors: Vec<Neighbor>,
    /// What it did.
    pub work: Work,
}

/// What a search did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// How it went about it.
    pub strategy: Strategy,
    /// Candidates that the walk kept; 0 where there was none.
    pub ef: usize,
    /// Nodes of the graph whose neighbors were looked at.
    pub hops: u64,
    /// Vectors compared with the query, by their codes or in full.
    pub compared: u64,
    /// Of these, vectors compared a second time, in full, after their codes.
    pub rescored: u64,
}

impl Work {
    /// Both together, where one search was made after another for the same question.
    #[must_use]
    pub fn and(self, later: Self) -> Self {
        Self {
            strategy: later.strategy,
            ef: self.ef.max(later.ef),
            hops: self.hops + later.hops,
            compared: self.compared + later.compared,
            rescored: self.rescored + later.rescored,
        }
    }
}

impl SearchRequest<'_> {
    /// The `limit` nearest of all live vectors, found on the calling thread.
    #[must_use]
    pub fn nearest(limit: usize) -> Self {
        Self {
            limit,
            allowed: None,
            parallelism: Parallelism::CallingThread,
            effort: Effort::default(),
            deadline: None,
        }
    }

    /// The same, by a walk that keeps so many candidates.
    #[must_use]
    pub fn with_ef(self, ef: usize) -> Self {
        Self { effort: Effort { ef: Some(ef), ..self.effort }, ..self }
    }

    /// The same, of scores that are at least this, or of any.
    #[must_use]
    pub fn with_min_score(self, min_score: Option<f32>) -> Self {
        Self { effort: Effort { min_score, ..self.effort }, ..self }
    }

    /// The same, by comparing every vector.
    #[must_use]
    pub fn exactly(self) -> Self {
        Self { effort: Effort { exact: true, ..self.effort }, ..self }
    }

    /// Whether nobody waits any more.
    pub(crate) fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}
