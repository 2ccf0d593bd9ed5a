//! Approximate searches by our graph and by those of others, each built and measured on one thread.
//!
//! Scope: who takes part, and what one pass over all queries found and took. Out of scope: in which
//! order they run, what is right, and what is made of the figures.

mod akidb;
mod python;

use std::{path::Path, rc::Rc, time::Duration};

use akidb_core::{IndexEngine, IndexSettings, Metric, Quantization};
use serde::Serialize;

use self::akidb::OwnIndex;
pub(crate) use self::akidb::linked;
use self::python::PythonEngine;
use crate::dataset::Dataset;

/// Neighbors of a vector in the upper layers, of every engine.
pub(crate) const M: u32 = 16;

/// Candidates looked at when a vector is linked, of every engine.
pub(crate) const EF_CONSTRUCTION: u32 = 200;

/// One engine that has built its index.
pub(crate) trait GraphEngine {
    /// What it is, with its version where it has its own.
    fn name(&self) -> &str;

    /// What building took.
    fn built(&self) -> Built;

    /// Finds the nearest vectors of every query, one query after the other.
    fn search_all(&mut self, ef: usize) -> anyhow::Result<Pass>;
}

/// What building an index of all vectors took.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Built {
    /// Processor time of all its threads.
    pub(crate) cpu_s: f64,
    /// By how much the process grew, the index's copy of the vectors included.
    pub(crate) memory_bytes: Option<u64>,
    /// By how much it grew meanwhile at the most.
    pub(crate) peak_bytes: Option<u64>,
    /// What a walk reads, where the engine tells.
    pub(crate) hot_bytes: Option<u64>,
}

/// One pass over all queries.
pub(crate) struct Pass {
    /// Processor time, which other programs on the machine leave alone.
    pub(crate) cpu: Duration,
    /// For each query what was found, best first.
    pub(crate) found: Vec<Vec<u32>>,
    /// What it did, where the engine tells.
    pub(crate) effort: Option<Effort>,
}

/// What searches did, all together.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Effort {
    pub(crate) hops: u64,
    pub(crate) compared: u64,
    pub(crate) rescored: u64,
    /// Cache lines of what is compared, and of a full vector.
    pub(crate) code_lines: u64,
    pub(crate) vector_lines: u64,
}

/// What every engine searches.
#[derive(Clone)]
pub(crate) struct Task {
    pub(crate) vectors: Rc<Dataset>,
    pub(crate) queries: Rc<Dataset>,
    pub(crate) limit: usize,
    pub(crate) metric: Metric,
}

/// The settings under which our graph is compared with others.
pub(crate) fn settings(quantization: Quantization) -> IndexSettings {
    IndexSettings { m: M, ef_construction: EF_CONSTRUCTION, quantization, ..Default::default() }
}

/// Builds our graph over each kind of codes, and that of `hnsw_rs` if wanted.
pub(crate) fn in_process(
    task: &Task,
    quantizations: &[Quantization],
    with_hnsw_rs: bool,
) -> anyhow::Result<Vec<Box<dyn GraphEngine>>> {
    let mut wanted: Vec<_> = quantizations.iter().copied().map(settings).collect();
    if with_hnsw_rs {
        let engine = IndexEngine::HnswRs;
        wanted.push(IndexSettings { engine, ..settings(Quantization::None) });
    }
    let engines = wanted.into_iter().map(|settings| {
        let engine = OwnIndex::build(task, settings)?;
        Ok(Box::new(engine) as Box<dyn GraphEngine>)
    });
    engines.collect()
}

/// Builds engines of an environment of Python, each in a process of its own. Those that cannot be
/// imported are named on stderr and left out.
pub(crate) fn in_python(
    task: &Task,
    python: &Path,
    names: &[String],
) -> anyhow::Result<Vec<Box<dyn GraphEngine>>> {
    let engines = PythonEngine::start_all(task, python, names)?.into_iter();
    Ok(engines.map(|engine| Box::new(engine) as Box<dyn GraphEngine>).collect())
}
