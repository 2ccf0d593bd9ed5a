//! Exact searches by our index and by others, in this process and in Python.
//!
//! Scope: who takes part, each measured around its own search alone. Out of scope: in which order
//! they run and what is right (the command, `truth`).

mod akidb;
mod best;
mod brute_force;
mod python;

use std::{path::Path, rc::Rc};

use akidb_core::Metric;
use akidb_index::Parallelism;

use self::{akidb::Akidb, brute_force::BruteForce, python::PythonEngine};
use crate::{dataset::Dataset, timing::Took};

/// One engine that searches one dataset exactly.
pub(crate) trait Contender {
    /// What it is, with its version where it has its own.
    fn name(&self) -> String;

    /// How many threads one search may use.
    fn threads(&self) -> usize;

    /// Finds the nearest vectors of one of the queries.
    fn search(&mut self, query: usize) -> anyhow::Result<Answer>;
}

/// What a search found, best first, and how long it took.
pub(crate) struct Answer {
    pub(crate) slots: Vec<u32>,
    pub(crate) took: Took,
}

/// What every contender searches.
#[derive(Clone)]
pub(crate) struct Task {
    pub(crate) vectors: Rc<Dataset>,
    pub(crate) queries: Rc<Dataset>,
    pub(crate) metric: Metric,
    pub(crate) limit: usize,
}

/// Every contender of this process; ours is the first.
pub(crate) fn in_process(task: &Task) -> Vec<Box<dyn Contender>> {
    let index = Akidb::index(task);
    let mut contenders: Vec<Box<dyn Contender>> = vec![
        Box::new(Akidb::new(task, &index, Parallelism::CallingThread)),
        Box::new(Akidb::new(task, &index, Parallelism::ThreadPool)),
    ];
    contenders.extend(brute_force::all(task).into_iter().map(boxed));
    contenders
}

fn boxed(contender: BruteForce) -> Box<dyn Contender> {
    Box::new(contender)
}

/// Every engine of an environment of Python that can be imported there.
pub(crate) fn in_python(task: &Task, python: &Path) -> anyhow::Result<Vec<Box<dyn Contender>>> {
    let engines = PythonEngine::start_all(task, python)?.into_iter();
    Ok(engines.map(|engine| Box::new(engine) as Box<dyn Contender>).collect())
}
