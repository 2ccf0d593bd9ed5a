//! What a search asks for, and what it gives back.

use roaring::RoaringBitmap;

/// One vector found by a search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
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

/// What a search asks for. Start from [`SearchRequest::nearest`] and change what differs.
#[derive(Clone, Copy, Debug)]
pub struct SearchRequest<'a> {
    /// The most neighbours to return. Zero returns none; more than the index holds returns all.
    pub limit: usize,
    /// Only slots in this set may be returned. `None` allows every live slot. Slots in the set
    /// that are removed or were never appended are skipped.
    pub allowed: Option<&'a RoaringBitmap>,
    /// Only scores of at least this may be returned. The comparison is made on the `f32` score, so
    /// leave room for rounding where the bound is meant to include equal vectors.
    pub min_score: Option<f32>,
    /// Which threads may work on it. The result is the same either way.
    pub parallelism: Parallelism,
}

impl SearchRequest<'_> {
    /// The `limit` nearest of all live vectors, found on the calling thread.
    #[must_use]
    pub fn nearest(limit: usize) -> Self {
        Self { limit, allowed: None, min_score: None, parallelism: Parallelism::CallingThread }
    }
}
