//! Inserts into other engines, in Python, one after the other in one process.

use std::{
    ffi::OsStr,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context;
use serde::Deserialize;

use crate::{
    dataset::Dataset,
    load::{Completion, Run},
    python::{Script, Threads},
    report::progress,
};

const SOURCE: &str = include_str!("../python/insert.py");

/// What one engine did.
pub(crate) struct OtherEngine {
    pub(crate) name: String,
    /// What its acknowledgement promises, in its own settings.
    pub(crate) durability: String,
    pub(crate) run: Run,
    pub(crate) counted: u64,
    pub(crate) got: usize,
    pub(crate) found_first: usize,
}

/// How much the engines are given.
pub(crate) struct Task<'a> {
    pub(crate) vectors: &'a Dataset,
    pub(crate) batch: usize,
    /// Rows to get and to search again, among those that were inserted.
    pub(crate) samples: usize,
    /// After this time an engine gets no more batches.
    pub(crate) time_limit: Duration,
}

/// A line of the script.
#[derive(Deserialize)]
struct Line {
    engine: String,
    durability: String,
    /// Of each batch, when it was acknowledged and how long it took.
    finished_s: Vec<f64>,
    took_s: Vec<f64>,
    counted: u64,
    got: usize,
    found_first: usize,
}

/// Runs every engine that the environment of `python` has, with data under `directory`.
pub(crate) fn run(
    task: &Task<'_>,
    python: &Path,
    directory: &Path,
) -> anyhow::Result<Vec<OtherEngine>> {
    let directory = tempfile::tempdir_in(directory).context("cannot make a directory")?;
    let file = directory.path().join("vectors");
    task.vectors.write(&file)?;
    let figures = [task.vectors.dimension(), task.batch, task.samples].map(|at| at.to_string());
    let time_limit_s = task.time_limit.as_secs_f64().to_string();
    let arguments: [&OsStr; 6] = [
        file.as_os_str(),
        directory.path().as_os_str(),
        figures[0].as_ref(),
        figures[1].as_ref(),
        figures[2].as_ref(),
        time_limit_s.as_ref(),
    ];
    let started = Instant::now();
    let mut script = Script::start(python, SOURCE, &arguments, Threads::AsTheyLike)?;
    let mut engines = Vec::new();
    while let Some(line) = script.hear::<Line>()? {
        let elapsed = started.elapsed().as_secs();
        progress(format_args!("{} is done, {elapsed} s since the first", line.engine));
        engines.push(OtherEngine::from(line));
    }
    Ok(engines)
}

impl From<Line> for OtherEngine {
    fn from(line: Line) -> Self {
        let completion = |(&finished, &took): (&f64, &f64)| Completion {
            finished: Duration::from_secs_f64(finished),
            took: Duration::from_secs_f64(took),
        };
        Self {
            name: line.engine,
            durability: line.durability,
            run: Run::of(line.finished_s.iter().zip(&line.took_s).map(completion).collect()),
            counted: line.counted,
            got: line.got,
            found_first: line.found_first,
        }
    }
}
