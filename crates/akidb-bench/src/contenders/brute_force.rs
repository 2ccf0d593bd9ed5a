//! What a reader could write instead: a loop over the vectors with one kernel or another.

use std::{ops::Range, rc::Rc};

use akidb_core::Metric;
use rayon::prelude::*;

use super::{Answer, Contender, Task, best::Best};
use crate::{dataset::Dataset, timing::Stopwatch};

/// Sums of the loop that a compiler can turn into vector instructions.
const SUMS: usize = 32;

/// Rows that a thread of the pool takes at once.
const POOL_ROWS: usize = 2_048;

/// The score of one vector against the query, higher is nearer.
type Score = fn(&[f32], &[f32]) -> f32;

/// A loop over all vectors.
pub(super) struct BruteForce {
    name: &'static str,
    vectors: Rc<Dataset>,
    queries: Rc<Dataset>,
    limit: usize,
    score: Score,
    pool: bool,
}

/// Every kernel; the best one on the thread pool too.
pub(super) fn all(task: &Task) -> Vec<BruteForce> {
    let contender = |name, inner_product: Score, squared_l2: Score, pool| BruteForce {
        name,
        vectors: Rc::clone(&task.vectors),
        queries: Rc::clone(&task.queries),
        limit: task.limit,
        // Vectors are of unit length, so cosine is the inner product.
        score: match task.metric {
            Metric::Cosine | Metric::Dot => inner_product,
            Metric::L2 => squared_l2,
        },
        pool,
    };
    vec![
        contender("plain loop", plain_dot, plain_l2, false),
        contender("loop the compiler vectorizes", chunked_dot, chunked_l2, false),
        #[cfg(feature = "numkong")]
        contender("numkong", numkong_dot, numkong_l2, false),
        #[cfg(feature = "numkong")]
        contender("numkong", numkong_dot, numkong_l2, true),
    ]
}

impl BruteForce {
    fn scan(&self, query: &[f32], rows: Range<usize>) -> Best {
        let mut best = Best::new(self.limit);
        let vectors = self.vectors.rows(rows.clone()).chunks_exact(query.len());
        for (row, vector) in rows.zip(vectors) {
            best.offer((self.score)(query, vector), row as u32);
        }
        best
    }

    fn scan_on_pool(&self, query: &[f32]) -> Best {
        let (vectors, score, limit) = (self.vectors.values(), self.score, self.limit);
        let parts = vectors.par_chunks(POOL_ROWS * query.len()).enumerate().map(|(part, rows)| {
            let mut best = Best::new(limit);
            for (row, vector) in rows.chunks_exact(query.len()).enumerate() {
                best.offer(score(query, vector), (part * POOL_ROWS + row) as u32);
            }
            best
        });
        parts.reduce(|| Best::new(limit), |best, other| best.merged(&other))
    }
}

impl Contender for BruteForce {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn threads(&self) -> usize {
        if self.pool { rayon::current_num_threads() } else { 1 }
    }

    fn search(&mut self, query: usize) -> anyhow::Result<Answer> {
        let query = self.queries.vector(query);
        let watch = Stopwatch::start();
        let best = if self.pool {
            self.scan_on_pool(query)
        } else {
            self.scan(query, 0..self.vectors.len())
        };
        let took = watch.stop();
        Ok(Answer { slots: best.slots(), took })
    }
}

/// As one writes it first. A compiler may not reorder its additions, so they wait for each other.
fn plain_dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn plain_l2(a: &[f32], b: &[f32]) -> f32 {
    -a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>()
}

fn chunked_dot(a: &[f32], b: &[f32]) -> f32 {
    chunked(a, b, |a, b| a * b)
}

fn chunked_l2(a: &[f32], b: &[f32]) -> f32 {
    -chunked(a, b, |a, b| (a - b) * (a - b))
}

/// As one writes it for the compiler: sums that it may keep in vector registers.
#[inline]
fn chunked(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut sums = [0.0_f32; SUMS];
    let ((a_chunks, a_rest), (b_chunks, b_rest)) = (a.as_chunks::<SUMS>(), b.as_chunks::<SUMS>());
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for at in 0..SUMS {
            sums[at] += term(a[at], b[at]);
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(&a, &b)| term(a, b)).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(feature = "numkong")]
fn numkong_dot(a: &[f32], b: &[f32]) -> f32 {
    <f32 as numkong::Dot>::dot(a, b).unwrap_or(f64::NAN) as f32
}

#[cfg(feature = "numkong")]
fn numkong_l2(a: &[f32], b: &[f32]) -> f32 {
    -<f32 as numkong::Euclidean>::sqeuclidean(a, b).unwrap_or(f64::NAN) as f32
}
