//! `akidb-bench vector-index`: our graph beside others, and beside a model of what it could be.
//!
//! Scope: the vectors, and which measurements are made of them. Each measurement is a module:
//! `recall` for whole searches, `filtered` for searches among some, `deleted` for what is left when
//! half has gone.

mod curve;
mod deleted;
mod filtered;
mod plot;
mod recall;

use std::{path::PathBuf, rc::Rc};

use akidb_core::{Metric, Quantization};
use akidb_index::{ExactIndex, VectorIndex};
use anyhow::ensure;
use clap::{Args, ValueEnum};
use serde::Serialize;

use self::{deleted::Deleted, filtered::Filtered, recall::Recall};
use crate::{
    dataset::{Dataset, Shape},
    graph_engines::Task,
    machine::{self, Machine},
    report::{Report, Verdict, progress},
    truth::Truth,
};

#[derive(Args, Debug)]
#[command(after_help = "Example, with vectors of the command vectors:
  $ cargo run --release -p akidb-bench -- vector-index --vectors glosses.f32 --dimension 384 \\
      --python venv/bin/python --measure recall,filtered,deleted --plots plots

The Python environment needs numpy and any of hnswlib, usearch and faiss-cpu. All engines are built
with m 16 and ef_construction 200 on one thread, and search on one thread; times are processor time.
The exit status is 1 when a filtered search finds too few or takes more than twice as long as it
needs, or a goal is missed.")]
pub(crate) struct Arguments {
    /// Files of vectors: little-endian f32, row after row; without any, seeded clusters
    #[arg(long, value_name = "FILE", value_delimiter = ',')]
    vectors: Vec<PathBuf>,
    /// Components of each vector
    #[arg(long, default_value_t = 384, value_parser = clap::value_parser!(u16).range(1..))]
    dimension: u16,
    /// How closeness is measured: cosine, dot, l2; engines of Python know only cosine
    #[arg(long, default_value_t = Metric::Cosine)]
    metric: Metric,
    /// Seeded vectors to search, where no files are given
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(100..))]
    count: u32,
    /// Vectors that are taken out and searched for
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..))]
    queries: u16,
    /// Neighbors of each search
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
    /// What the random numbers begin with
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What is measured
    #[arg(long, value_enum, value_delimiter = ',', default_value = "recall")]
    measure: Vec<Measurement>,
    /// What our graph is built over: int8, none, binary
    #[arg(long, value_delimiter = ',', default_value = "int8,none")]
    quantizations: Vec<Quantization>,
    /// Candidates that searches keep, one point of the curve each
    #[arg(long, value_delimiter = ',', default_values_t = [10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320, 448, 640])]
    ef: Vec<usize>,
    /// Passes over all queries at each point, of which the median counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Compare with the crate hnsw_rs too, which takes long to build
    #[arg(long)]
    hnsw_rs: bool,
    /// An interpreter whose environment has other engines, to compare with
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// Engines of that environment: hnswlib, usearch, usearch-i8, faiss
    #[arg(long, value_delimiter = ',', default_value = "hnswlib,usearch,usearch-i8,faiss")]
    python_engines: Vec<String>,
    /// A directory to draw curves into, as SVG
    #[arg(long, value_name = "DIR")]
    plots: Option<PathBuf>,
    /// Fail where our first graph is not so many times as fast as every other engine over full
    /// vectors, at recall 0.95 and 0.99
    #[arg(long, value_name = "TIMES")]
    goal: Option<f64>,
}

/// One thing to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Measurement {
    /// Recall and speed of whole searches, beside other engines
    Recall,
    /// Searches among some of the vectors, chosen at random or near one another
    Filtered,
    /// Searches when half of the vectors are removed, beside an index of those left
    Deleted,
}

/// What came out.
#[derive(Serialize)]
pub(crate) struct VectorIndexReport {
    machine: Machine,
    load_after: Option<f64>,
    vectors: usize,
    dimension: usize,
    metric: Metric,
    source: String,
    queries: usize,
    limit: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    recall: Option<Recall>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filtered: Option<Filtered>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted: Option<Deleted>,
    skipped: Vec<String>,
    verdict: Verdict,
}

/// The vectors, the queries and the exact neighbors.
struct Subject {
    task: Task,
    truth: Truth,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<VectorIndexReport> {
    let machine = Machine::observe();
    let mut skipped = Vec::new();
    let quantizations = usable_quantizations(arguments, &mut skipped)?;
    let subject = prepare(arguments)?;
    ensure!(
        arguments.metric == Metric::Cosine || arguments.python.is_none(),
        "the engines of Python are compared by cosine"
    );
    let measures = |measurement| arguments.measure.contains(&measurement);
    let recall = measures(Measurement::Recall)
        .then(|| recall::measure(&subject, arguments, &quantizations, &mut skipped));
    let filtered =
        measures(Measurement::Filtered).then(|| filtered::measure(&subject, quantizations[0]));
    let deleted = measures(Measurement::Deleted)
        .then(|| deleted::measure(&subject, quantizations[0], arguments.seed));
    let report = VectorIndexReport {
        machine,
        load_after: machine::load(),
        vectors: subject.task.vectors.len(),
        dimension: subject.task.vectors.dimension(),
        metric: arguments.metric,
        source: source(arguments),
        queries: subject.task.queries.len(),
        limit: subject.task.limit,
        recall: recall.transpose()?,
        filtered: filtered.transpose()?,
        deleted: deleted.transpose()?,
        skipped,
        verdict: Verdict::Passed,
    };
    if let Some(directory) = &arguments.plots {
        plot::draw(&report, directory)?;
    }
    let verdict = Verdict::of(report.is_right());
    Ok(VectorIndexReport { verdict, ..report })
}

/// One bit a component is for vectors of many components.
fn usable_quantizations(
    arguments: &Arguments,
    skipped: &mut Vec<String>,
) -> anyhow::Result<Vec<Quantization>> {
    let is_small = usize::from(arguments.dimension) < Quantization::BINARY_DIMENSION_MIN;
    let mut usable = arguments.quantizations.clone();
    if is_small && usable.contains(&Quantization::Binary) {
        usable.retain(|&quantization| quantization != Quantization::Binary);
        let dimension_min = Quantization::BINARY_DIMENSION_MIN;
        skipped.push(format!("binary, for vectors of fewer than {dimension_min} components"));
    }
    ensure!(!usable.is_empty(), "no quantization is left to measure");
    Ok(usable)
}

fn prepare(arguments: &Arguments) -> anyhow::Result<Subject> {
    progress("getting vectors and finding their exact neighbors");
    let dimension = usize::from(arguments.dimension);
    let query_count = usize::from(arguments.queries);
    let (vectors, queries) = if arguments.vectors.is_empty() {
        let count = arguments.count as usize;
        let shape = Shape::of(count, dimension, arguments.seed);
        (Dataset::clustered(shape, count, 0), Dataset::clustered(shape, query_count, 1))
    } else {
        let vectors = Dataset::read(&arguments.vectors, dimension)?;
        ensure!(vectors.len() >= 2 * query_count, "there are fewer than two vectors a query");
        vectors.split_off(query_count)
    };
    let limit = usize::from(arguments.limit);
    let exact = ExactIndex::new(dimension, arguments.metric);
    exact.append(0, vectors.values());
    let truth = Truth::by_index(&exact, &vectors, &queries, limit);
    let task = Task {
        vectors: Rc::new(vectors),
        queries: Rc::new(queries),
        limit,
        metric: arguments.metric,
    };
    Ok(Subject { task, truth })
}

/// What the vectors are, without the places that files are at.
fn source(arguments: &Arguments) -> String {
    let names = arguments.vectors.iter().filter_map(|path| path.file_name());
    let names: Vec<_> = names.map(|name| name.to_string_lossy()).collect();
    if names.is_empty() { "seeded clusters".to_owned() } else { names.join(", ") }
}

impl VectorIndexReport {
    fn is_right(&self) -> bool {
        self.recall.as_ref().is_none_or(Recall::meets_goal)
            && self.filtered.as_ref().is_none_or(Filtered::is_right)
            && self.deleted.as_ref().is_none_or(Deleted::found_only_live)
    }
}

impl Report for VectorIndexReport {
    fn parts(&self) -> Vec<String> {
        let Self { vectors, dimension, metric, source, queries, limit, .. } = self;
        let mut parts = vec![
            format!(
                "vector index: {vectors} vectors x {dimension} ({source}), {metric}, {queries} queries, {limit} neighbors"
            ),
            format!("machine: {}", self.machine.line()),
        ];
        parts.extend(self.recall.iter().flat_map(Recall::parts));
        parts.extend(self.filtered.iter().flat_map(Filtered::parts));
        parts.extend(self.deleted.iter().flat_map(Deleted::parts));
        parts.extend(self.skipped.iter().map(|what| format!("SKIPPED: {what}")));
        parts
    }

    fn verdict(&self) -> Verdict {
        self.verdict
    }
}

/// Mebibytes, or a dash for what nobody knows.
fn mebibytes(bytes: Option<u64>) -> String {
    bytes
        .map_or_else(|| "-".to_owned(), |bytes| format!("{:.0}", bytes as f64 / f64::from(1 << 20)))
}

/// What takes that long can be done so often in a second.
fn a_second(us: f64) -> f64 {
    1e6 / us
}
