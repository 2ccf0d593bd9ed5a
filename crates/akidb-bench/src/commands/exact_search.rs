//! `akidb-bench exact-search`: every vector of a set is compared, by us and by others.
//!
//! The contenders take turns, query by query, so that whatever else the machine does meets all of
//! them alike.

use std::{path::PathBuf, rc::Rc, time::Duration};

use akidb_core::Metric;
use clap::Args;
use serde::Serialize;

use crate::{
    contenders::{self, Contender, Task},
    dataset::{Dataset, Shape},
    machine::{self, Machine},
    memory::Bandwidth,
    report::{Report, Verdict, progress, table},
    timing::Percentiles,
    truth::Truth,
};

/// Passes over the vectors of which the fastest says what memory gives.
const BANDWIDTH_PASSES: usize = 15;

/// Searches of each contender that are not counted.
const WARM_UP_SEARCHES: usize = 2;

#[derive(Args, Debug)]
#[command(after_help = "Example:
  $ cargo run --release -p akidb-bench --features numkong -- exact-search --python venv/bin/python

The Python environment needs numpy and faiss-cpu. The exit status is 1 when a neighbor is missing
or the goal is missed.")]
pub(crate) struct Arguments {
    /// Vectors to search
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    vectors: u32,
    /// Components of each vector
    #[arg(long, default_value_t = 384, value_parser = clap::value_parser!(u16).range(1..))]
    dimension: u16,
    /// cosine, dot or l2
    #[arg(long, default_value_t)]
    metric: Metric,
    /// Neighbors of each search
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
    /// Searches of each contender
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    queries: u16,
    /// What the random numbers begin with
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// An interpreter whose environment has numpy and faiss-cpu, to compare with
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// Fail where our median on one thread is not below this
    #[arg(long, value_name = "MS")]
    goal_ms: Option<f64>,
}

/// What came out.
#[derive(Serialize)]
pub(crate) struct ExactSearchReport {
    machine: Machine,
    load_after: Option<f64>,
    vectors: u32,
    dimension: u16,
    metric: Metric,
    limit: u16,
    queries: u16,
    bytes_read_a_search: usize,
    memory_bandwidth: Bandwidth,
    contenders: Vec<Totals>,
    skipped: Vec<String>,
    goal_ms: Option<f64>,
    verdict: Verdict,
}

/// What one contender did.
#[derive(Serialize)]
struct Totals {
    name: String,
    threads: usize,
    recall: f64,
    #[serde(flatten)]
    times: Percentiles,
    /// Processor time of the median search; absent where more than one thread works.
    cpu_median_ms: Option<f64>,
    gb_s: f64,
    /// Its median over the median of ours on one thread.
    times_akidb: f64,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExactSearchReport> {
    let machine = Machine::observe();
    let (task, truth) = prepare(arguments);
    let mut skipped = Vec::new();
    let mut contenders = gather(&task, arguments, &mut skipped)?;
    let bandwidth = Bandwidth::measure(task.vectors.values(), BANDWIDTH_PASSES);
    let measured = measure(&mut contenders, &task, &truth)?;

    let ours_ms = Percentiles::of(&measured[0].times).median_ms;
    let bytes = task.vectors.bytes();
    let outcomes: Vec<Totals> = contenders
        .iter()
        .zip(measured)
        .map(|(contender, measured)| outcome(contender.as_ref(), &measured, bytes, ours_ms))
        .collect();
    let right = outcomes.iter().all(|outcome| outcome.recall == 1.0);
    let fast = arguments.goal_ms.is_none_or(|goal_ms| ours_ms < goal_ms);
    Ok(ExactSearchReport {
        machine,
        load_after: machine::load(),
        vectors: arguments.vectors,
        dimension: arguments.dimension,
        metric: arguments.metric,
        limit: arguments.limit,
        queries: arguments.queries,
        bytes_read_a_search: bytes,
        memory_bandwidth: bandwidth,
        contenders: outcomes,
        skipped,
        goal_ms: arguments.goal_ms,
        verdict: Verdict::of(right && fast),
    })
}

fn prepare(arguments: &Arguments) -> (Task, Truth) {
    progress("making vectors and finding the exact neighbors in double precision");
    let &Arguments { metric, seed, .. } = arguments;
    let (count, limit) = (arguments.vectors as usize, usize::from(arguments.limit));
    let shape = Shape::of(count, arguments.dimension.into(), seed);
    let vectors = Dataset::clustered(shape, count, 0);
    let queries = Dataset::clustered(shape, arguments.queries.into(), 1);
    let truth = Truth::of(&vectors, &queries, metric, limit);
    (Task { vectors: Rc::new(vectors), queries: Rc::new(queries), metric, limit }, truth)
}

fn gather(
    task: &Task,
    arguments: &Arguments,
    skipped: &mut Vec<String>,
) -> anyhow::Result<Vec<Box<dyn Contender>>> {
    let mut contenders = contenders::in_process(task);
    if !cfg!(feature = "numkong") {
        skipped.push("numkong, built with --features numkong only".to_owned());
    }
    match &arguments.python {
        Some(python) => contenders.extend(contenders::in_python(task, python)?),
        None => skipped.push("faiss and numpy, without --python PATH".to_owned()),
    }
    skipped.iter().for_each(|what| progress(format_args!("SKIPPED: {what}")));
    Ok(contenders)
}

/// The times of one contender, and how many exact neighbors it found of how many.
#[derive(Default)]
struct Measured {
    times: Vec<Duration>,
    cpu_times: Vec<Duration>,
    hits: usize,
    wanted: usize,
}

fn measure(
    contenders: &mut [Box<dyn Contender>],
    task: &Task,
    truth: &Truth,
) -> anyhow::Result<Vec<Measured>> {
    progress("searching");
    for contender in contenders.iter_mut() {
        for query in 0..WARM_UP_SEARCHES.min(task.queries.len()) {
            contender.search(query)?;
        }
    }
    let mut measured: Vec<_> = contenders.iter().map(|_| Measured::default()).collect();
    for query in 0..task.queries.len() {
        for (contender, measured) in contenders.iter_mut().zip(&mut measured) {
            let answer = contender.search(query)?;
            measured.times.push(answer.took.wall);
            measured.cpu_times.push(answer.took.cpu);
            measured.hits += truth.hits(&task.vectors, &task.queries, query, &answer.slots);
            measured.wanted += truth.limit();
        }
    }
    Ok(measured)
}

fn outcome(contender: &dyn Contender, measured: &Measured, bytes: usize, ours_ms: f64) -> Totals {
    let times = Percentiles::of(&measured.times);
    Totals {
        name: contender.name(),
        threads: contender.threads(),
        recall: measured.hits as f64 / measured.wanted as f64,
        times,
        cpu_median_ms: (contender.threads() == 1)
            .then(|| Percentiles::of(&measured.cpu_times).median_ms),
        gb_s: bytes as f64 / (times.median_ms * 1e6),
        times_akidb: times.median_ms / ours_ms,
    }
}

impl Report for ExactSearchReport {
    fn parts(&self) -> Vec<String> {
        let Self { vectors, dimension, metric, limit, queries, .. } = self;
        let recall_head = format!("recall@{limit}");
        let heads = [
            "engine",
            "threads",
            &recall_head,
            "min ms",
            "median ms",
            "p95 ms",
            "CPU ms",
            "GB/s",
            "x akidb",
        ];
        let rows = self.contenders.iter().map(|outcome| {
            let Totals { name, threads, recall, times, cpu_median_ms, gb_s, times_akidb } = outcome;
            [
                name.clone(),
                threads.to_string(),
                format!("{recall:.4}"),
                format!("{:.2}", times.min_ms),
                format!("{:.2}", times.median_ms),
                format!("{:.2}", times.p95_ms),
                cpu_median_ms.map(|ms| format!("{ms:.2}")).unwrap_or_default(),
                format!("{gb_s:.1}"),
                format!("{times_akidb:.2}"),
            ]
        });
        let mut parts = vec![
            format!(
                "exact search: {vectors} vectors x {dimension}, {metric}, {queries} searches of each"
            ),
            format!("machine: {}", self.machine.line()),
            self.bandwidth_line(),
            table(heads, rows),
        ];
        parts.extend(self.skipped.iter().map(|what| format!("SKIPPED: {what}")));
        if let Some(goal_ms) = self.goal_ms {
            let ours_ms = self.contenders[0].times.median_ms;
            let met = if ours_ms < goal_ms { "met" } else { "MISSED" };
            let line = format!("goal: below {goal_ms} ms on one thread: {met}, {ours_ms:.2} ms");
            parts.push(line);
        }
        parts
    }

    fn verdict(&self) -> Verdict {
        self.verdict
    }
}

impl ExactSearchReport {
    /// What one core could do at best.
    fn bandwidth_line(&self) -> String {
        let told = |gb_s: f64| {
            format!("{:.2} ms ({gb_s:.1} GB/s)", self.bytes_read_a_search as f64 / (gb_s * 1e6))
        };
        let Bandwidth { usual_pages_gb_s, huge_pages_gb_s } = self.memory_bandwidth;
        let huge = huge_pages_gb_s.map_or_else(|| "not to be had".to_owned(), told);
        format!(
            "a bare sum over the same bytes on one core: {} in usual pages, {huge} in huge pages",
            told(usual_pages_gb_s)
        )
    }
}
