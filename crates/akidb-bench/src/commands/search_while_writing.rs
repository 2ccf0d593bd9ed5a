//! `akidb-bench search-while-writing`: what an import that runs flat out does to searches.
//!
//! The same searches run twice against one node, in an open loop: first alone, then while writers
//! insert as fast as they are acknowledged, which keeps the index busy linking.

use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use akidb_core::Metric;
use anyhow::ensure;
use clap::Args;
use serde::Serialize;
use tokio::{runtime::Runtime, task::JoinSet};

use crate::{
    dataset::{Dataset, Shape},
    load::{self, Job},
    machine::{self, Machine},
    node::{Batch, Client, Endpoint, HitParts, NodeArguments},
    report::{Report, Verdict, progress, table},
    timing::Percentiles,
};

/// Documents of each request of a writer.
const BATCH: usize = 256;

/// Different queries, used in turn.
const QUERIES: usize = 200;

/// Hits of each search.
const LIMIT: u64 = 10;

#[derive(Args, Debug)]
#[command(after_help = "Example, beside a node of a release build:
  $ cargo run --release -p akidb-bench -- search-while-writing --grpc http://127.0.0.1:9090 --goal 3

Latencies count from when a search was due, not from when it was sent. With --goal the exit status
is 1 when the 99th percentile while writing is more than so many times the quiet one.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    node: NodeArguments,
    /// Documents of the collection before the searches begin
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1_000..))]
    documents: u32,
    /// Components of each vector
    #[arg(long, default_value_t = 384, value_parser = clap::value_parser!(u16).range(1..))]
    dimension: u16,
    /// Searches a second
    #[arg(long, default_value_t = 50.0)]
    rate: f64,
    /// Seconds of searching, quiet and while writing
    #[arg(long, default_value_t = 20)]
    seconds: u16,
    /// Writers at once
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    writers: u16,
    /// Seconds to wait for the graph before the quiet searches
    #[arg(long, default_value_t = 120)]
    settle_s: u16,
    /// The most times that the 99th percentile may grow
    #[arg(long)]
    goal: Option<f64>,
}

/// What came out.
#[derive(Serialize)]
pub(crate) struct MixedReport {
    machine: Machine,
    load_after: Option<f64>,
    documents: u32,
    dimension: u16,
    rate: f64,
    quiet: Percentiles,
    writing: Percentiles,
    /// The 99th percentile while writing over the quiet one.
    times_p99: f64,
    written_documents_s: f64,
    write_batch: Percentiles,
    verdict: Verdict,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<MixedReport> {
    let endpoint = arguments.node.endpoints()?.swap_remove(0);
    let machine = Machine::observe();
    progress("making vectors");
    let count = arguments.documents as usize;
    let shape = Shape::of(count, arguments.dimension.into(), 1);
    let bench = Bench {
        arguments,
        endpoint,
        name: format!("bench-mixed-{}", process::id()),
        vectors: Arc::new(Dataset::clustered(shape, count, 0)),
        queries: Arc::new(Dataset::clustered(shape, QUERIES, 1)),
    };
    Runtime::new()?.block_on(bench.measure(machine))
}

struct Bench<'a> {
    arguments: &'a Arguments,
    endpoint: Endpoint,
    name: String,
    vectors: Arc<Dataset>,
    queries: Arc<Dataset>,
}

impl Bench<'_> {
    async fn measure(&self, machine: Machine) -> anyhow::Result<MixedReport> {
        let mut client = self.endpoint.connect().await?;
        client.create_collection(&self.name, self.vectors.dimension(), Metric::Cosine).await?;
        let report = self.measure_filled(machine).await;
        client.delete_collection(&self.name).await?;
        report
    }

    async fn measure_filled(&self, machine: Machine) -> anyhow::Result<MixedReport> {
        progress("filling the collection, and waiting for its graph");
        let batches = self.vectors.len().div_ceil(BATCH);
        let fill = Fill { name: self.name.clone(), vectors: Arc::clone(&self.vectors) };
        load::run(&self.endpoint, 2, batches, fill).await?;
        tokio::time::sleep(Duration::from_secs(self.arguments.settle_s.into())).await;
        progress("searching alone");
        let quiet = self.search().await?;
        progress("searching while writing");
        let writing = Writing {
            endpoint: self.endpoint.clone(),
            name: self.name.clone(),
            vectors: Arc::clone(&self.vectors),
            next: AtomicUsize::new(batches),
            stop: AtomicBool::new(false),
        };
        let writing = Arc::new(writing);
        let began = Instant::now();
        let mut writers = JoinSet::new();
        for _ in 0..self.arguments.writers {
            writers.spawn(Arc::clone(&writing).run());
        }
        let searched = self.search().await;
        writing.stop.store(true, Ordering::Relaxed);
        let mut batch_times = Vec::new();
        while let Some(writer) = writers.join_next().await {
            batch_times.extend(writer??);
        }
        let written = batch_times.len() * BATCH;
        let written_documents_s = written as f64 / began.elapsed().as_secs_f64();
        let while_writing = searched?;
        let times_p99 = while_writing.p99_ms / quiet.p99_ms;
        Ok(MixedReport {
            machine,
            load_after: machine::load(),
            documents: self.arguments.documents,
            dimension: self.arguments.dimension,
            rate: self.arguments.rate,
            quiet,
            writing: while_writing,
            times_p99,
            written_documents_s,
            write_batch: Percentiles::of(&batch_times),
            verdict: Verdict::of(self.arguments.goal.is_none_or(|goal| times_p99 <= goal)),
        })
    }

    /// Searches at a steady rate, whether or not the ones before are answered.
    async fn search(&self) -> anyhow::Result<Percentiles> {
        let count = (self.arguments.rate * f64::from(self.arguments.seconds)).ceil() as usize;
        let began = Instant::now();
        let mut searches = JoinSet::new();
        let idle = Arc::new(parking_lot::Mutex::new(Vec::new()));
        for at in 0..count {
            let due = began + Duration::from_secs_f64(at as f64 / self.arguments.rate);
            tokio::time::sleep_until(due.into()).await;
            let (endpoint, name) = (self.endpoint.clone(), self.name.clone());
            let (queries, idle) = (Arc::clone(&self.queries), Arc::clone(&idle));
            searches.spawn(async move {
                let kept = idle.lock().pop();
                let mut client: Client = match kept {
                    Some(client) => client,
                    None => endpoint.connect().await?,
                };
                let query = queries.vector(at % queries.len());
                let found = client.search(&name, query, LIMIT, HitParts::Ids).await?.len();
                ensure!(found as u64 == LIMIT, "a search found {found} documents");
                let took = due.elapsed();
                idle.lock().push(client);
                anyhow::Ok(took)
            });
        }
        let mut times = Vec::with_capacity(count);
        while let Some(search) = searches.join_next().await {
            times.push(search??);
        }
        Ok(Percentiles::of(&times))
    }
}

/// Inserts each vector once, a batch a request.
struct Fill {
    name: String,
    vectors: Arc<Dataset>,
}

impl Job for Fill {
    async fn run(&self, client: &mut Client, at: usize) -> anyhow::Result<()> {
        let batch = batch(&self.vectors, at);
        client.upsert(&self.name, batch).await?;
        Ok(())
    }
}

/// Inserts vectors again and again as new documents, until told to stop.
struct Writing {
    endpoint: Endpoint,
    name: String,
    vectors: Arc<Dataset>,
    next: AtomicUsize,
    stop: AtomicBool,
}

impl Writing {
    /// How long each batch took.
    async fn run(self: Arc<Self>) -> anyhow::Result<Vec<Duration>> {
        let mut client = self.endpoint.connect().await?;
        let mut times = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            let began = Instant::now();
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            client.upsert(&self.name, batch(&self.vectors, at)).await?;
            times.push(began.elapsed());
        }
        Ok(times)
    }
}

/// Batch `at` of documents that have the vectors in turn.
fn batch(vectors: &Dataset, at: usize) -> Batch<'_> {
    let batches = vectors.len().div_ceil(BATCH);
    let first = at % batches * BATCH;
    let rows = first..(first + BATCH).min(vectors.len());
    Batch { dataset: vectors, rows, id_offset: at / batches * vectors.len() }
}

impl Report for MixedReport {
    fn parts(&self) -> Vec<String> {
        let load = self.load_after.map(|load| format!(", load after {load:.1}"));
        let row = |what: &str, times: &Percentiles| {
            let of = |ms: f64| format!("{ms:.2}");
            let Percentiles { median_ms, p95_ms, p99_ms, max_ms, .. } = *times;
            [what.to_owned(), of(median_ms), of(p95_ms), of(p99_ms), of(max_ms)]
        };
        vec![
            format!(
                "search while writing: {} documents x {}, {} searches/s",
                self.documents, self.dimension, self.rate
            ),
            format!("machine: {}{}", self.machine.line(), load.unwrap_or_default()),
            table(
                ["", "p50 ms", "p95 ms", "p99 ms", "max ms"],
                [
                    row("searches alone", &self.quiet),
                    row("searches while writing", &self.writing),
                    row(&format!("batches of {BATCH} written"), &self.write_batch),
                ],
            ),
            format!(
                "p99 while writing: {:.2} times the quiet one; {:.0} documents/s written meanwhile",
                self.times_p99, self.written_documents_s
            ),
        ]
    }

    fn verdict(&self) -> Verdict {
        self.verdict
    }
}
