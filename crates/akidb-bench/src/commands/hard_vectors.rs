//! `akidb-bench hard-vectors`: the recall of the default over vectors that codes tell apart with
//! difficulty, beside that over plain ones.

use akidb_core::{IndexSettings, Metric};
use akidb_index::{Codes, HnswIndex, Neighbor, SearchRequest, VectorIndex};
use clap::Args;
use rand::{Rng, SeedableRng, rngs::StdRng};
use rayon::ThreadPoolBuilder;
use serde::Serialize;

use crate::{
    machine::Machine,
    report::{Report, Verdict, progress, table},
    timing::Stopwatch,
};

/// What recall may fall short of that over plain vectors.
const LOSS_MAX: f64 = 0.02;

/// Vectors linked at once, as a node does: between two times an index measures its searches.
const AT_ONCE: usize = 1_024;

/// Vectors linked before more are appended, so that codes are chosen by the first of them.
const STEPS: usize = 4;

#[derive(Args, Debug)]
#[command(after_help = "Example:
  $ cargo run --release -p akidb-bench -- hard-vectors --count 16000 --dimension 32

The exit status is 1 when the recall over some vectors falls short of that over plain ones by more than
0.02. Of equally near vectors any counts. Times are processor time of one thread.")]
pub(crate) struct Arguments {
    /// Vectors of each kind
    #[arg(long, default_value_t = 16_000, value_parser = clap::value_parser!(u32).range(10_000..))]
    count: u32,
    /// Components of each
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(4..))]
    dimension: u16,
    /// Searches of each kind
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..))]
    queries: u16,
    /// Neighbors of each search
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
    /// Metrics to measure: cosine, dot, l2
    #[arg(long, value_delimiter = ',', default_value = "cosine,dot,l2")]
    metrics: Vec<Metric>,
    /// What the random numbers begin with
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// A kind of vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    OutlierFirst,
    OutlierMiddle,
    OutlierLast,
    OutlierRemoved,
    UnequalLengths,
    FarFromOrigin,
    FarWithOutliers,
    OneColumn,
    EqualFirst,
    EqualLast,
    EqualBetween,
    EachManyTimes,
}

impl Kind {
    const ALL: [Self; 13] = [
        Self::Plain,
        Self::OutlierFirst,
        Self::OutlierMiddle,
        Self::OutlierLast,
        Self::OutlierRemoved,
        Self::UnequalLengths,
        Self::FarFromOrigin,
        Self::FarWithOutliers,
        Self::OneColumn,
        Self::EqualFirst,
        Self::EqualLast,
        Self::EqualBetween,
        Self::EachManyTimes,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain: normal components",
            Self::OutlierFirst => "the first with components of 1,000",
            Self::OutlierMiddle => "one in the middle with components of 1,000",
            Self::OutlierLast => "the last with components of 1,000",
            Self::OutlierRemoved => "the first with components of 1,000, removed",
            Self::UnequalLengths => "lognormal lengths, deviation 2",
            Self::FarFromOrigin => "mean 5, deviation 0.01",
            Self::FarWithOutliers => "mean 5, deviation 0.01, two of 1,000",
            Self::OneColumn => "one column 1,000 times as large",
            Self::EqualFirst => "the first half equal",
            Self::EqualLast => "the second half equal",
            Self::EqualBetween => "every other one equal",
            Self::EachManyTimes => "each about 50 times",
        }
    }

    /// One vector, or a query where `row` is absent.
    fn fill(self, row: Option<usize>, count: usize, random: &mut StdRng, vector: &mut [f32]) {
        vector.fill_with(|| normal(random));
        match self {
            Self::UnequalLengths => {
                let length = (2.0 * normal(random)).exp();
                vector.iter_mut().for_each(|at| *at *= length);
            }
            Self::FarFromOrigin | Self::FarWithOutliers => {
                vector.iter_mut().for_each(|at| *at = 5.0 + 0.01 * *at);
            }
            Self::OneColumn => vector[0] *= 1_000.0,
            Self::EachManyTimes => {
                let mut same = StdRng::seed_from_u64(random.random_range(0..count as u64 / 50));
                vector.fill_with(|| normal(&mut same));
            }
            _ => {}
        }
        let is_outlier = |row| match self {
            Self::OutlierFirst | Self::OutlierRemoved => row == 0,
            Self::OutlierMiddle => row == count / 2,
            Self::OutlierLast => row == count - 1,
            Self::FarWithOutliers => row == 0 || row == count / 2,
            _ => false,
        };
        let is_equal = |row| match self {
            Self::EqualFirst => row < count / 2,
            Self::EqualLast => row >= count / 2,
            Self::EqualBetween => row % 2 == 0,
            _ => false,
        };
        if row.is_some_and(is_outlier) {
            vector.iter_mut().for_each(|at| *at = 1_000.0 * at.signum());
        } else if row.is_some_and(is_equal) {
            let mut same = StdRng::seed_from_u64(7);
            vector.fill_with(|| normal(&mut same));
        } else if row.is_none() && is_equal(count / 2) | is_equal(0) && random.random_bool(0.5) {
            // Near the equal ones, which are many but not the nearest.
            let mut same = StdRng::seed_from_u64(7);
            vector.iter_mut().for_each(|at| *at = normal(&mut same) + 0.8 * *at);
        }
    }
}

/// Close to a normal distribution of variance 1.
fn normal(random: &mut StdRng) -> f32 {
    (0..12).map(|_| random.random::<f32>()).sum::<f32>() - 6.0
}

/// What came out.
#[derive(Serialize)]
pub(crate) struct HardVectorsReport {
    machine: Machine,
    vectors: u32,
    dimension: u16,
    rows: Vec<Row>,
    verdict: Verdict,
}

/// The searches over one kind of vectors.
#[derive(Serialize)]
struct Row {
    metric: Metric,
    kind: &'static str,
    recall: f64,
    /// After the index had a chance to choose other codes by what searches saw.
    recall_later: f64,
    codes: Option<Codes>,
    build_cpu_s: f64,
    search_cpu_us: f64,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<HardVectorsReport> {
    let mut rows = Vec::new();
    for &metric in &arguments.metrics {
        for kind in Kind::ALL {
            progress(format_args!("{metric}, {}", kind.name()));
            rows.push(measure(arguments, metric, kind)?);
        }
    }
    let least = |row: &Row| row.recall.min(row.recall_later);
    let plain = |metric| {
        let plain = rows.iter().find(|row| row.metric == metric && row.kind == Kind::Plain.name());
        plain.map_or(1.0, |plain| plain.recall)
    };
    let holds = rows.iter().all(|row| least(row) >= plain(row.metric) - LOSS_MAX);
    let (vectors, dimension) = (arguments.count, arguments.dimension);
    let verdict = Verdict::of(holds);
    Ok(HardVectorsReport { machine: Machine::observe(), vectors, dimension, rows, verdict })
}

fn measure(arguments: &Arguments, metric: Metric, kind: Kind) -> anyhow::Result<Row> {
    let (dimension, count) = (usize::from(arguments.dimension), arguments.count as usize);
    let mut random = StdRng::seed_from_u64(arguments.seed);
    let mut vectors = vec![0.0; count * dimension];
    for (row, vector) in vectors.chunks_mut(dimension).enumerate() {
        kind.fill(Some(row), count, &mut random, vector);
    }
    let mut queries = vec![0.0; usize::from(arguments.queries) * dimension];
    queries.chunks_mut(dimension).for_each(|query| kind.fill(None, count, &mut random, query));
    let index = HnswIndex::new(dimension, metric, IndexSettings::default());
    let pool = ThreadPoolBuilder::new().num_threads(1).build()?;
    let link = || {
        pool.install(|| {
            let watch = Stopwatch::start();
            while index.link(AT_ONCE) > 0 {}
            watch.stop().cpu.as_secs_f64()
        })
    };
    let mut build_cpu_s = 0.0;
    for part in vectors.chunks(count.div_ceil(STEPS) * dimension) {
        index.append(u32::try_from(index.slot_count())?, part);
        build_cpu_s += link();
    }
    if kind == Kind::OutlierRemoved {
        index.remove(&[0]);
    }
    let (recall, search_cpu_us) = searched(&index, &queries, usize::from(arguments.limit));
    build_cpu_s += link();
    let (recall_later, _) = searched(&index, &queries, usize::from(arguments.limit));
    let codes = index.codes();
    Ok(Row { metric, kind: kind.name(), recall, recall_later, codes, build_cpu_s, search_cpu_us })
}

/// The mean recall, of equally near ones any, and the processor time of a search.
fn searched(index: &HnswIndex, queries: &[f32], limit: usize) -> (f64, f64) {
    let queries: Vec<&[f32]> = queries.chunks(index.dimension()).collect();
    let request = SearchRequest::nearest(limit);
    let watch = Stopwatch::start();
    let found: Vec<Vec<Neighbor>> =
        queries.iter().map(|query| index.search(query, &request).neighbors).collect();
    let cpu = watch.stop().cpu;
    let mut sum = 0.0;
    for (query, found) in queries.iter().zip(found) {
        let exact = index.search(query, &request.exactly()).neighbors;
        let worst = exact.last().map_or(f32::NEG_INFINITY, |last| last.score);
        let is_near = |found: &&Neighbor| found.score >= worst - worst.abs() * 1e-6;
        sum += found.iter().filter(is_near).count() as f64 / exact.len().max(1) as f64;
    }
    let count = queries.len() as f64;
    (sum / count, cpu.as_secs_f64() * 1e6 / count)
}

impl Report for HardVectorsReport {
    fn parts(&self) -> Vec<String> {
        let heads = ["vectors", "metric", "recall", "later", "codes", "build s", "us a search"];
        let rows = self.rows.iter().map(|row| {
            [
                row.kind.to_owned(),
                row.metric.to_string(),
                format!("{:.3}", row.recall),
                format!("{:.3}", row.recall_later),
                row.codes.map_or("-", Codes::as_str).to_owned(),
                format!("{:.2}", row.build_cpu_s),
                format!("{:.1}", row.search_cpu_us),
            ]
        });
        vec![
            format!("hard vectors: {} x {}, default settings", self.vectors, self.dimension),
            format!("machine: {}", self.machine.line()),
            table(heads, rows),
        ]
    }

    fn verdict(&self) -> Verdict {
        self.verdict
    }
}
