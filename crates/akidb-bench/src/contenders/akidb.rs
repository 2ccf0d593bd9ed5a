//! Our exact index.

use std::rc::Rc;

use akidb_index::{ExactIndex, Parallelism, SearchRequest, VectorIndex};

use super::{Answer, Contender, Task};
use crate::{dataset::Dataset, timing::Stopwatch};

/// Vectors appended at once, as an index is filled from a store.
const APPEND_ROWS: usize = 4_096;

/// The exact index on one thread or on the pool.
pub(super) struct Akidb {
    index: Rc<ExactIndex>,
    queries: Rc<Dataset>,
    limit: usize,
    parallelism: Parallelism,
}

impl Akidb {
    /// The index of a task, to be shared.
    pub(super) fn index(task: &Task) -> Rc<ExactIndex> {
        let dimension = task.vectors.dimension();
        let index = ExactIndex::new(dimension, task.metric);
        for rows in task.vectors.values().chunks(APPEND_ROWS * dimension) {
            let first_slot = u32::try_from(index.slot_count()).unwrap_or(u32::MAX);
            index.append(first_slot, rows);
        }
        Rc::new(index)
    }

    pub(super) fn new(task: &Task, index: &Rc<ExactIndex>, parallelism: Parallelism) -> Self {
        let (index, queries) = (Rc::clone(index), Rc::clone(&task.queries));
        Self { index, queries, limit: task.limit, parallelism }
    }
}

impl Contender for Akidb {
    fn name(&self) -> String {
        "akidb".to_owned()
    }

    fn threads(&self) -> usize {
        match self.parallelism {
            Parallelism::CallingThread => 1,
            Parallelism::ThreadPool => rayon::current_num_threads(),
        }
    }

    fn search(&mut self, query: usize) -> anyhow::Result<Answer> {
        let request =
            SearchRequest { parallelism: self.parallelism, ..SearchRequest::nearest(self.limit) };
        let watch = Stopwatch::start();
        let found = self.index.search(self.queries.vector(query), &request).neighbors;
        let took = watch.stop();
        Ok(Answer { slots: found.into_iter().map(|neighbor| neighbor.slot).collect(), took })
    }
}
