//! One search: every candidate row is scored, the best are kept.
//!
//! Candidates are collected across chunks in batches, so that a kernel is called once for many
//! rows and their scores are made and compared together. With an allow-set the candidates are its members, found by
//! walking the set; the cost follows the smaller of set and index.

use std::ops::Range;

use rayon::prelude::*;

use super::state::State;
use crate::{
    Neighbor, Parallelism, SearchRequest, best_neighbors::BestNeighbors, scoring::Scoring,
    vector_line::VectorLine,
};

/// Rows scored in one call of a kernel: few, as memory idles while scores are ranked.
const BATCH_ROWS: usize = 16;

/// A search that reads fewer bytes than this stays on one thread: it takes about 50 us there, and
/// waking others would not make it shorter.
const PARALLEL_MIN_BYTES: usize = 1024 * 1024;

/// Pieces for each thread, so that a thread that is slowed down does not hold up the rest.
const PIECES_PER_THREAD: usize = 4;

/// Rows between two looks at the clock.
const LATE_ROWS: usize = 4_096;

/// A search over one moment of an index.
pub(super) struct Scan<'a> {
    pub(super) state: &'a State,
    pub(super) scoring: Scoring,
    /// Padded, and scaled as the metric needs.
    pub(super) query: &'a [VectorLine],
    pub(super) request: &'a SearchRequest<'a>,
}

impl Scan<'_> {
    /// The best neighbors, in order.
    pub(super) fn run(&self) -> Vec<Neighbor> {
        let pieces = self.pieces();
        let best = if pieces.len() <= 1 {
            pieces.into_iter().map(|chunks| self.scan(chunks)).next()
        } else {
            pieces
                .into_par_iter()
                .map(|chunks| self.scan(chunks))
                .reduce_with(BestNeighbors::merged)
        };
        best.map(BestNeighbors::into_sorted).unwrap_or_default()
    }

    /// Splits the chunks into ranges of about as many candidates each.
    fn pieces(&self) -> Vec<Range<usize>> {
        let chunk_count = self.state.chunks().len();
        let bytes = self.state.returnable_max(self.request) * size_of_val(self.query);
        let piece_count = match self.request.parallelism {
            Parallelism::ThreadPool if bytes >= PARALLEL_MIN_BYTES => {
                rayon::current_num_threads() * PIECES_PER_THREAD
            }
            Parallelism::ThreadPool | Parallelism::CallingThread => 1,
        };
        let mut begins: Vec<usize> =
            (0..piece_count).map(|piece| self.piece_begin(piece, piece_count)).collect();
        begins.push(chunk_count);
        begins.dedup();
        begins.windows(2).map(|bounds| bounds[0]..bounds[1]).collect()
    }

    /// The chunk at which a piece begins, ascending with `piece`, 0 for the first.
    fn piece_begin(&self, piece: usize, piece_count: usize) -> usize {
        let chunk_count = self.state.chunks().len();
        match self.request.allowed {
            Some(allowed) if piece > 0 => {
                let rank = allowed.len() * piece as u64 / piece_count as u64;
                let member = u32::try_from(rank).ok().and_then(|rank| allowed.select(rank));
                member.map_or(chunk_count, |slot| self.state.place(slot).0.min(chunk_count))
            }
            _ => chunk_count * piece / piece_count,
        }
    }

    /// The best neighbors in a range of chunks.
    fn scan(&self, chunks: Range<usize>) -> BestNeighbors {
        let mut batch = Batch::new(self);
        match self.request.allowed {
            None => {
                for chunk_at in chunks.take_while(|_| !self.request.is_late()) {
                    for (slot, row) in self.state.live_rows(chunk_at) {
                        batch.push(slot, row);
                    }
                }
            }
            Some(allowed) => {
                let slot_end = (chunks.end * self.state.layout().chunk_rows)
                    .min(self.state.slot_count()) as u64;
                let members = allowed.range(self.state.first_slot(chunks.start)..);
                let members = members.take_while(|&slot| u64::from(slot) < slot_end);
                for (at, slot) in members.enumerate() {
                    if at % LATE_ROWS == 0 && self.request.is_late() {
                        break;
                    }
                    if let Some(row) = self.state.row(slot) {
                        batch.push(slot, row);
                    }
                }
            }
        }
        batch.finish()
    }
}

/// Candidates waiting to be scored together.
struct Batch<'scan> {
    scan: &'scan Scan<'scan>,
    best: BestNeighbors,
    slots: [u32; BATCH_ROWS],
    rows: [&'scan [VectorLine]; BATCH_ROWS],
    scores: [f32; BATCH_ROWS],
    len: usize,
}

impl<'scan> Batch<'scan> {
    fn new(scan: &'scan Scan<'scan>) -> Self {
        Self {
            scan,
            best: BestNeighbors::new(scan.request.limit, scan.request.effort.min_score),
            slots: [0; BATCH_ROWS],
            rows: [&[]; BATCH_ROWS],
            scores: [0.0; BATCH_ROWS],
            len: 0,
        }
    }

    #[inline]
    fn push(&mut self, slot: u32, row: &'scan [VectorLine]) {
        self.slots[self.len] = slot;
        self.rows[self.len] = row;
        self.len += 1;
        if self.len == BATCH_ROWS {
            self.score();
        }
    }

    fn score(&mut self) {
        let scores = &mut self.scores[..self.len];
        self.scan.scoring.score(self.scan.query, &self.rows[..self.len], scores);
        for (&slot, &score) in self.slots.iter().zip(&*scores) {
            self.best.offer(Neighbor { slot, score });
        }
        self.len = 0;
    }

    fn finish(mut self) -> BestNeighbors {
        self.score();
        self.best
    }
}
